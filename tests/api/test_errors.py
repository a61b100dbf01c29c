"""How a refusal looks, and which requests the routes refuse by themselves."""

import html
import re
import uuid

import pytest
from harness import PATCH_21, Api

JSON, HTML, PLAIN = "application/json", "text/html; charset=UTF-8", "text/plain; charset=UTF-8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json", JSON),
        ("application/json, text/html", JSON),
        ("text/plain, application/json;q=0.1", JSON),
        ("APPLICATION/JSON", JSON),
        ("*/*", HTML),
        ("", HTML),
        ("text/html", HTML),
        ("text/html, text/plain", HTML),
        ("image/png", HTML),
        ("text/plain", PLAIN),
        ("text/plain, */*", PLAIN),
    ],
)
def test_an_error_comes_in_the_form_that_accept_names(api: Api, accept: str, form: str) -> None:
    reply = api.get("/v2/images/no<pe>", Accept=accept)
    assert (reply.status, reply.headers["Content-Type"]) == (404, form)
    assert reply.headers["Content-Length"] == str(len(reply.body))
    text = "No image found with ID no<pe>"
    if form == JSON:
        assert reply.json == {"message": text, "code": "404 Not Found", "title": "Not Found"}
    elif form == PLAIN:
        assert reply.text == f"404 Not Found\n\n{text}\n"
    else:
        assert reply.text == (
            "<html><head><title>404 Not Found</title></head>"
            f"<body><h1>404 Not Found</h1>{html.escape(text)}<br /><br /></body></html>"
        )


def test_without_accept_an_error_is_html(api: Api) -> None:
    reply = api._pool.request("GET", f"{api.url}/v2/images/x", headers=api.identity())
    assert (reply.status, reply.headers["Content-Type"]) == (404, HTML)


@pytest.mark.parametrize("accept", ["text/plain", "image/png", "text/html"])
def test_accept_does_not_restrict_what_succeeds(api: Api, accept: str) -> None:
    for path in ("/v2/images", "/v2/schemas/image", api.create()["self"]):
        reply = api.get(path, Accept=accept)
        assert (reply.status, reply.headers["Content-Type"]) == (200, JSON)


ALLOWED = {
    "/v2/images": {"GET", "POST"},
    "/v2/images/{id}": {"GET", "PATCH", "DELETE"},
    "/v2/images/{id}/file": {"GET", "PUT"},
    "/v2/schemas/image": {"GET"},
    "/v2/schemas/images": {"GET"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "COPY")


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_a_path_has_not_is_refused_with_those_it_has(api: Api, path: str) -> None:
    for image_id in (api.create()["id"], "x"):
        for method in set(METHODS) - ALLOWED[path]:
            reply = api.request(method, path.format(id=image_id))
            assert reply.status == 405, method
            assert set(reply.headers["Allow"].split(", ")) == ALLOWED[path]
            if method != "HEAD":
                assert reply.json["message"] == f"The method {method} is not allowed for this resource."


@pytest.mark.parametrize("path", [*ALLOWED, "/", "/v2/nothing/here", "/foo"])
def test_options_is_answered_before_anybody_asks_who_asks(api: Api, path: str) -> None:
    for caller in (api, api.as_nobody()):
        reply = caller.request("OPTIONS", path.format(id="x"))
        assert (reply.status, reply.body) == (200, b"")
        assert "x-openstack-request-id" not in reply.headers


@pytest.mark.parametrize("path", [*ALLOWED])
def test_a_slash_behind_a_path_names_nothing(api: Api, path: str) -> None:
    path = path.format(id=api.create()["id"])
    for wrong in (f"{path}/", path.replace("/v2/", "/v2//"), f"{path}/x/y"):
        for method in ("GET", "POST", "OPTIONSX"):
            assert api.request(method, wrong).status == 404


def test_paths_that_there_are_not_are_not_found(api: Api) -> None:
    for path in ("/v2/", "/v2/nothing", "/v2/schemas", "/v2/schemas/nothing", "/v2/images/a/b", "/v2/Images"):
        assert api.get(path).status == 404


def test_identity_is_asked_before_the_route(api: Api) -> None:
    for path in ("/v2/images", "/v2/nothing", "/v2/images/x/y/z"):
        for method in ("GET", "PUT", "HEAD"):
            assert api.as_nobody().request(method, path).status == 401


def test_the_route_is_judged_before_the_body_and_the_body_before_the_image(api: Api) -> None:
    absent = f"/v2/images/{uuid.uuid4()}"
    assert api.request("PUT", absent, b"{").status == 405
    assert (
        api.request("PATCH", absent, b"{", {"Content-Type": "application/openstack-images-v2.1-json-patch"}).status
        == 400
    )
    assert api.request("PATCH", absent, b"[]", {"Content-Type": "text/plain"}).status == 415
    assert api.request("DELETE", absent, b"x").status == 400
    assert api.delete(absent).status == 404


# Request ids ----------------------------------------------------------------------------------------------------------


def test_every_answer_of_the_api_carries_a_request_id_of_its_own(api: Api) -> None:
    paths = ("/v2/images", "/v2/images/x", "/v2/nothing", "/v2/images?limit=x", api.create_with(b"x")["file"])
    found = [api.get(path).headers["x-openstack-request-id"] for path in paths]
    assert len(set(found)) == len(paths)
    assert all(re.fullmatch(r"req-[0-9a-f-]{36}", one) for one in found)


def test_a_clients_request_id_is_taken_over(api: Api) -> None:
    for sent, told in (("req-abc", "req-abc"), ("abc", "req-abc")):
        assert api.get("/v2/images", x_openstack_request_id=sent).headers["x-openstack-request-id"] == told
    long = api.get("/v2/images", x_openstack_request_id="x" * 65)
    assert long.status == 431
    strange = api.get("/v2/images", x_openstack_request_id='a b"c').headers["x-openstack-request-id"]
    assert re.fullmatch(r"req-[0-9a-f-]{36}", strange)


def test_answers_before_the_api_carry_no_request_id(api: Api) -> None:
    for path in ("/", "/versions", "/healthcheck"):
        assert "x-openstack-request-id" not in api.get(path).headers


def test_an_answer_tells_its_length_once(api: Api) -> None:
    for reply in (api.get("/v2/images"), api.get("/v2/images/x"), api.get("/")):
        assert len([name for name in reply.headers if name.lower() == "content-length"]) == 1
        assert int(reply.headers["Content-Length"]) == len(reply.body)


@pytest.mark.parametrize("accept", ["text/html", "text/plain", "application/json", ""])
def test_half_a_character_in_a_body_is_refused_in_every_form(api: Api, accept: str) -> None:
    image = api.create()
    for method, path, body in (
        ("POST", "/v2/images", b'{"\\ud800": 1}'),
        ("POST", "/v2/images", b'{"os_glance\\ud800": "x"}'),
        ("PATCH", image["self"], b'[{"op": "add", "path": "\\ud800", "value": "x"}]'),
        ("PUT", f"{image['self']}/members/p2", b'{"status": "\\ud800"}'),
    ):
        headers = {"Accept": accept, "Content-Type": PATCH_21}
        assert api.request(method, path, body, headers).status in (400, 403)
