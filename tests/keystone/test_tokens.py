"""Whose token it is, what it is worth, and what happens when Keystone cannot say."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from harness import make_service, running
from keystone_server import ADMIN, Keystone

from .conftest import PASSWORD, Caller, grant, options


@pytest.fixture(scope="module")
def doubting(keystone, tmp_path_factory):
    """A service that asks Keystone about every token anew."""
    settings = options(keystone, KEYSTONE_AUTHTOKEN_TOKEN_CACHE_TIME="0")
    data_dir = tmp_path_factory.mktemp("doubting") / "data"
    with running(make_service(data_dir, "together", "keystone", **settings)) as service:
        yield service


@pytest.fixture
def brief(keystone):
    """Makes tokens of `member` that are good for a few seconds only."""

    def make(seconds: float) -> str:
        mine = keystone.token(username="member", password=PASSWORD, project_name="home")
        user = keystone.find("user", "member")
        end = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")
        wish = {"application_credential": {"name": f"until {end}", "expires_at": end}}
        made = keystone.call("POST", f"/users/{user}/application_credentials", wish, token=mine)
        credential = made["application_credential"]
        return keystone.token(id=credential["id"], secret=credential["secret"])

    return make


def test_a_member_does_the_whole_job(cast):
    image = cast.member.create_with(b"data")

    assert cast.member.get(f"/v2/images/{image['id']}/file").body == b"data"
    assert cast.member.delete(f"/v2/images/{image['id']}").status == 204


def test_the_owner_is_the_tokens_project(cast, keystone):
    assert cast.member.create()["owner"] == keystone.find("project", "home")


def test_admin_is_a_member_and_a_member_a_reader_by_keystones_word(cast):
    image = cast.admin.create_with(b"data")

    assert cast.admin.get(f"/v2/images/{image['id']}/file").status == 200
    assert image["id"] in [one["id"] for one in cast.member.list()]


def test_a_role_that_is_none_of_ours_is_worth_nothing(cast):
    assert cast.idle.get("/v2/images").status == 403
    assert cast.idle.post("/v2/images", {}).status == 403


def test_a_role_named_in_any_script_is_no_mistake(cast, keystone):
    keystone.make("role", name="管理 Bürger")
    user = keystone.make("user", name="Jürgen 李", password=PASSWORD, domain_id="default")
    grant(keystone, user, "home", "管理 Bürger")
    grant(keystone, user, "home", "member")
    juergen = cast.bearing(keystone.token(username="Jürgen 李", password=PASSWORD, project_name="home"))

    assert juergen.get("/v2/images").status == 200
    assert juergen.create()["status"] == "queued"


@pytest.mark.parametrize("scope", [{"system": {"all": True}}, {"domain": {"id": "default"}}], ids=["system", "domain"])
def test_a_token_that_is_for_no_project_has_no_images(cast, keystone, scope):
    image = cast.member.create(visibility="shared")
    overseer = cast.bearing(keystone.token(scope, username="overseer", password=PASSWORD))

    assert overseer.get("/v2/images").status == 403
    assert overseer.get(f"/v2/images/{image['id']}").status == 403
    assert overseer.post("/v2/images", {}).status == 403
    assert overseer.delete(f"/v2/images/{image['id']}").status == 403
    assert overseer.get("/v2/schemas/image").status == 200


def test_without_a_token_the_answer_is_401_and_where_to_get_one(cast, keystone):
    reply = cast.bearing("").get("/v2/images")

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
    assert reply.json["message"] == "This request needs credentials."


@pytest.mark.parametrize("token", ["x", "gAAAAA" * 30, "Größe", "two words", "x" * 5000])
def test_what_is_no_token_is_401(cast, token):
    reply = cast.bearing(token.encode().decode("latin-1")).get("/v2/images")

    assert reply.status == 401
    assert reply.json["message"] == "The credentials of this request are not valid."
    assert reply.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_an_unscoped_token_may_do_nothing(cast, keystone):
    body = {
        "methods": ["password"],
        "password": {"user": {"id": keystone.find("user", "member"), "password": PASSWORD}},
    }
    answer = keystone._request("POST", "/auth/tokens", {"auth": {"identity": body, "scope": "unscoped"}}, {})
    unscoped = cast.bearing(answer.headers["X-Subject-Token"])

    assert unscoped.get("/v2/images").status == 403
    assert unscoped.post("/v2/images", {}).status == 403


def test_a_revoked_token_is_401(cast, keystone, doubting):
    token = cast.token("member")
    caller = Caller(doubting.url, token)
    assert caller.get("/v2/images").status == 200

    keystone.call("DELETE", "/auth/tokens", X_Subject_Token=token)

    assert caller.get("/v2/images").status == 401


def test_a_token_that_has_run_out_is_401_even_where_it_is_remembered(cast, brief):
    caller = cast.bearing(brief(3))
    assert caller.get("/v2/images").status == 200

    time.sleep(3.5)

    assert caller.get("/v2/images").status == 401


def test_an_upload_that_outlives_its_token_arrives(cast, brief):
    caller = cast.bearing(brief(4))
    image = caller.create()

    def slowly() -> Iterator[bytes]:
        for _ in range(6):
            time.sleep(1)
            yield b"x" * 100

    assert caller.upload(image["id"], slowly()).status == 204
    assert caller.get("/v2/images").status == 401, "the token had run out"
    assert cast.member.show(image["id"])["size"] == 600


def test_identity_headers_of_a_client_are_worth_nothing(cast, keystone):
    claim = {
        "X_Identity_Status": "Confirmed", "X_User_Id": "root", "X_Project_Id": keystone.find("project", "home"),
        "X_Roles": "admin,member,reader", "X_Service_Identity_Status": "Confirmed", "X_Service_Roles": "admin",
        "X_Tenant_Id": "home", "X_Is_Admin_Project": "True", "OpenStack_System_Scope": "all",
    }  # fmt: skip
    image = cast.member.create()

    assert cast.bearing("").get("/v2/images", **claim).status == 401
    assert cast.foreign.get(f"/v2/images/{image['id']}", **claim).status == 404
    assert cast.reader.delete(f"/v2/images/{image['id']}", **claim).status == 403
    assert cast.member.get("/v2/images", **claim).status == 200, "the client's own scope was taken for the token's"


def test_a_service_token_beside_it_adds_no_role_to_the_user(cast):
    image = cast.member.create_with(b"data")
    beside = {"X_Service_Token": cast.token("service")}

    assert cast.reader.delete(f"/v2/images/{image['id']}", **beside).status == 403
    assert cast.reader.get("/v2/info/stores/detail", **beside).status in (403, 404)
    assert cast.foreign.get(f"/v2/images/{image['id']}", **beside).status == 404
    assert cast.member.get(f"/v2/images/{image['id']}", **beside).status == 200


def test_a_service_token_that_is_none_leaves_the_users_own_token_good(cast):
    assert cast.member.get("/v2/images", X_Service_Token="junk").status == 200
    assert cast.member.get("/v2/images", X_Service_Token=cast.token("reader")).status == 200


def test_an_application_credential_may_do_what_its_access_rules_say(cast, keystone):
    mine, user = cast.token("member"), keystone.find("user", "member")
    rule = {"service": "image", "method": "GET", "path": "/v2/images"}
    wish = {"application_credential": {"name": "looks only", "access_rules": [rule]}}
    made = keystone.call("POST", f"/users/{user}/application_credentials", wish, token=mine)["application_credential"]
    caller = cast.bearing(keystone.token(id=made["id"], secret=made["secret"]))

    assert caller.get("/v2/images").status == 200
    assert caller.post("/v2/images", {}).status == 401


# When Keystone cannot say ---------------------------------------------------------------------------------------------


@pytest.fixture
def own_keystone(keystone, tmp_path):
    """The same Keystone in a second process, which a test may stop."""
    import shutil

    second = Keystone(tmp_path / "keystone", keystone.bin)
    shutil.copytree(keystone.folder, second.folder)
    yield second.configure().start()
    second.stop()


def test_a_keystone_that_is_down_is_503_and_never_401(own_keystone, start_service, cast):
    service = start_service(auth="keystone", **options(own_keystone, KEYSTONE_AUTHTOKEN_INTERFACE="public"))
    known, unknown = (Caller(service.url, cast.token("member")) for _ in range(2))
    retarget(own_keystone)
    assert known.get("/v2/images").status == 200

    own_keystone.stop()

    reply = unknown.get("/v2/images")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert reply.json["message"] == "Keystone, which knows the callers, cannot be asked at the moment."
    assert known.get("/v2/images").status == 200, "it was found good a moment ago"
    assert Caller(service.url, "").get("/v2/images").status == 401
    assert known.get("/v2/images", X_Service_Token="x" * 40).status == 503
    own_keystone.start()
    assert unknown.get("/v2/images").status == 200


def retarget(server: Keystone) -> None:
    """Make this Keystone's catalog name itself."""
    service = server.call("GET", "/services?type=identity")["services"][0]["id"]
    for one in server.call("GET", f"/endpoints?service_id={service}")["endpoints"]:
        server.call("PATCH", f"/endpoints/{one['id']}", {"endpoint": {"url": server.url}})


def test_a_service_that_keystone_does_not_know_says_503_not_401(keystone, start_service, cast):
    service = start_service(auth="keystone", **options(keystone, KEYSTONE_AUTHTOKEN_PASSWORD="wrong"))

    assert Caller(service.url, cast.token("member")).get("/v2/images").status == 503


def test_a_service_that_may_not_ask_keystone_says_503(keystone, start_service, cast):
    settings = {"KEYSTONE_AUTHTOKEN_USERNAME": "foreign", "KEYSTONE_AUTHTOKEN_PROJECT_NAME": "abroad"}
    service = start_service(auth="keystone", **options(keystone, **settings))

    assert Caller(service.url, cast.token("member")).get("/v2/images").status == 503


def test_many_at_once_are_told_apart(cast):
    with ThreadPoolExecutor(8) as pool:
        callers = [cast.bearing(cast.token(name)) for name in ("member", "foreign") * 8]
        replies = list(pool.map(lambda caller: caller.post("/v2/images", {}), callers))

    assert [reply.status for reply in replies] == [201] * 16
    assert [replies[at].json["owner"] == replies[0].json["owner"] for at in range(16)] == [True, False] * 8


def test_the_administrator_of_keystone_is_one_of_images(cast, keystone):
    root = cast.bearing(keystone.token(**ADMIN))

    assert root.create(visibility="public")["visibility"] == "public"
