"""Who the caller is: the pipelines `none` and `file`, and anonymous readers."""

import base64
import socket
import subprocess
from collections.abc import Iterator

import pytest
from harness import Api, Reply, Service, command, environment, make_service, running

FORGED = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "mallory",
    "X-Project-Id": "forged",
    "X-Tenant-Id": "forged",
    "X-Roles": "admin,member,reader",
    "X-Service-Roles": "service",
}


class Visitor(Api):
    """A caller who sends these headers and no others that would say who it is."""

    def __init__(self, url: str, **headers: str) -> None:
        super().__init__(url)
        self._sent = headers

    def identity(self) -> dict[str, str]:
        return {name.replace("_", "-"): value for name, value in self._sent.items()}


def raw(url: str, request: str) -> bytes:
    """What a service answers to these bytes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 20) as peer:
        peer.sendall(request.encode())
        peer.shutdown(socket.SHUT_WR)
        return peer.makefile("rb").read()


# none -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["together", "apart"])
def none(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp("none") / "data"
    with running(make_service(data_dir, request.param, auth="none")) as service:
        yield service


def test_without_authentication_everybody_is_administrator_and_member_of_one_project(none: Service) -> None:
    api = Visitor(none.url)
    image = api.create(visibility="public")
    assert image["owner"] == "default"
    assert api.create(owner="other")["owner"] == "other"
    assert api.upload(image["id"], b"x").status == 204
    assert api.get(image["file"]).body == b"x"
    assert image["id"] in [found["id"] for found in api.list("visibility=all&limit=1000")]
    assert api.delete(image["self"]).status == 204


def test_without_authentication_identity_headers_of_a_client_count_for_nothing(none: Service) -> None:
    forger = Visitor(none.url, **{name.replace("-", "_"): value for name, value in FORGED.items()})
    assert forger.create()["owner"] == "default"
    forger = Visitor(none.url, X_Roles="", X_Identity_Status="Invalid", X_Project_Id="")
    assert forger.create(visibility="public")["owner"] == "default"


# file -----------------------------------------------------------------------------------------------------------------


def run(service: Service, *words: str) -> str:
    done = subprocess.run(
        command(*words[:2], "--data-dir", str(service.data_dir), *words[2:]),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with its own users: ann of project one, bob of project two who only reads, root who is admin."""
    with running(make_service(tmp_path_factory.mktemp("file") / "data", auth="file")) as service:
        run(service, "user", "add", "ann", "--password", "sesame", "--project", "one")
        run(service, "user", "add", "bob", "--password", "open", "--project", "two", "--role", "reader")
        run(service, "user", "add", "root", "--password", "toor", "--role", "admin")
        yield service


def test_a_user_comes_in_by_password(users: Service) -> None:
    ann = Visitor(users.url, Authorization=basic("ann", "sesame"))
    image = ann.create_with(b"x")
    assert image["owner"] == "one"
    assert ann.post("/v2/images", {"visibility": "public"}).status == 403
    bob = Visitor(users.url, Authorization=basic("bob", "open"))
    assert bob.get(image["self"]).status == 404
    assert bob.post("/v2/images", {}).status == 403
    root = Visitor(users.url, Authorization=basic("root", "toor"))
    assert root.get(image["file"]).body == b"x"


def test_a_user_comes_in_by_token_until_it_is_revoked(users: Service) -> None:
    token = run(users, "token", "issue", "ann")
    for headers in ({"X_Auth_Token": token}, {"Authorization": f"Bearer {token}"}):
        assert Visitor(users.url, **headers).create()["owner"] == "one"
    run(users, "token", "revoke", "--", token)
    assert Visitor(users.url, X_Auth_Token=token).get("/v2/images").status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": basic("ann", "wrong")},
        {"Authorization": basic("nobody", "sesame")},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer none"},
        {"Authorization": "Digest x"},
        {"X_Auth_Token": "none"},
        {"X_Auth_Token": "", "Authorization": basic("ann", "sesame")},
    ],
)
def test_who_is_not_known_is_asked_who_it_is(users: Service, headers: dict[str, str]) -> None:
    reply = Visitor(users.url, **headers).get("/v2/images")
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Basic realm="glancelite"')
    assert "credentials" in reply.json["message"]


def test_identity_headers_of_a_client_never_make_somebody_known(users: Service) -> None:
    forged = {name.replace("-", "_"): value for name, value in FORGED.items()}
    assert Visitor(users.url, **forged).get("/v2/images").status == 401
    ann = Visitor(users.url, Authorization=basic("ann", "sesame"), **forged)
    assert ann.create()["owner"] == "one"
    assert ann.post("/v2/images", {"visibility": "public"}).status == 403


@pytest.mark.parametrize("spelling", ["X_User_Id: {}", "X-Project_Id: {}", "x_roles: {}", "X_Identity_Status: {}"])
def test_headers_spelt_with_an_underscore_are_nobodys_headers(users: Service, none: Service, spelling: str) -> None:
    lines = "".join(f"{name.replace('-', '_')}: {value}\r\n" for name, value in FORGED.items())
    lines += spelling.format("admin") + "\r\n"
    end = "Host: x\r\nAccept: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    create = f"POST /v2/images HTTP/1.1\r\n{lines}{end}"
    assert raw(users.url, create).startswith(b"HTTP/1.1 401 ")
    assert b'"owner":"default"' in raw(none.url, create)


def test_underscored_headers_do_not_reach_a_trusting_service(api: Api) -> None:
    known = "".join(f"{name}: {value}\r\n" for name, value in api.identity().items())
    forged = "X_Roles: admin,member\r\nX_Project_Id: forged\r\n"
    body = '{"visibility": "public"}'
    end = f"Host: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    for lines in (forged + known, known + forged):
        assert raw(api.url, f"POST /v2/images HTTP/1.1\r\n{lines}{end}").startswith(b"HTTP/1.1 403 ")
    assert raw(api.url, f"POST /v2/images HTTP/1.1\r\n{forged}{end}").startswith(b"HTTP/1.1 401 ")


# Anonymous readers ----------------------------------------------------------------------------------------------------


def test_anonymous_callers_see_schemas_and_are_refused_the_rest(open_service: Service) -> None:
    api = Api(open_service.url)
    public = api.as_admin().create_with(b"x", visibility="public")
    nobody = api.as_nobody()

    def ask(method: str, path: str, body: object = None, **headers: str) -> Reply:
        return nobody.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})

    assert ask("GET", "/v2/schemas/image").status == 200
    assert ask("GET", "/v2/images").status == 403
    assert ask("GET", public["self"]).status == 404
    assert ask("GET", public["file"]).status == 404
    refused = ask("POST", "/v2/images", {})
    assert (refused.status, "Read-only access" in refused.json["message"]) == (403, True)
    assert ask("POST", "/v2/images", {"name": 5}).status == 400
    assert ask("DELETE", public["self"]).status == 404
    assert ask("PUT", public["file"], b"x", Content_Type="application/octet-stream").status == 404


def test_a_confirmed_caller_without_project_may_not_create(api: Api) -> None:
    api.project = ""
    assert api.post("/v2/images", {}).status == 403
    assert api.as_admin().post("/v2/images", {"owner": None}).status == 201
