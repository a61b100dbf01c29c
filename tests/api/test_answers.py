"""The headers of answers, and the words of refusals that clients look for."""

from typing import Any

import pytest
from harness import PATCH_21, Api, Reply

EMPTY = "text/html; charset=UTF-8"

# fmt: off
WITHOUT_A_WORD: tuple[tuple[str, str, Any, dict[str, str]], ...] = (
    ("PUT", "{queued}/file", b"data", {"Content-Type": "application/octet-stream"}),
    ("PUT", "{active}/tags/t", None, {}),
    ("DELETE", "{active}/tags/t", None, {}),
    ("POST", "{active}/actions/deactivate", None, {}),
    ("POST", "{active}/actions/reactivate", None, {}),
    ("DELETE", "{active}", None, {}),
)
# fmt: on


def test_an_empty_answer_says_that_it_is_empty(api: Api) -> None:
    places = {"{queued}": api.create()["self"], "{active}": api.create_with(b"data")["self"]}
    for method, where, body, headers in WITHOUT_A_WORD:
        name, slash, rest = where.partition("/")
        path = places[name] + slash + rest
        reply = api.request(method, path, body, headers)
        assert (reply.status, reply.body) == (204, b""), path
        assert (reply.headers["Content-Type"], reply.headers.get("Content-Length", "0")) == (EMPTY, "0"), path
        assert "Location" not in reply.headers


def test_some_empty_answers_have_not_even_a_type(api: Api) -> None:
    image = api.create()
    assert api.post(f"{image['self']}/members", {"member": "m"}).status == 200
    for reply in (api.get(image["file"]), api.delete(f"{image['self']}/members/m")):
        assert (reply.status, reply.body, "Content-Type" in reply.headers) == (204, b"", False)


def test_json_is_called_json_and_tells_its_length(api: Api) -> None:
    image = api.create()
    answers = [
        api.post("/v2/images", {}),
        api.get("/v2/images"),
        api.get(image["self"]),
        api.patch(image["id"], []),
        api.post(f"{image['self']}/members", {"member": "m"}),
        api.get(f"{image['self']}/members"),
        api.get(f"{image['self']}/members/m"),
        api.get("/v2/schemas/member"),
        api.get("/versions"),
    ]
    for reply in answers:
        assert reply.headers["Content-Type"] == "application/json"
        assert int(reply.headers["Content-Length"]) == len(reply.body) > 0
    assert ["Location" in reply.headers for reply in answers] == [True] + [False] * 8


def test_only_an_allowed_origin_is_told_of_and_only_when_it_asks(api: Api) -> None:
    image = api.create_with(b"data")
    for path in ("/v2/images", image["file"], "/v2/nothing", "/versions"):
        for headers in ({}, {"Origin": "https://elsewhere.example.org"}):
            found = {name.lower() for name in api.request("GET", path, None, headers).headers}
            assert not {name for name in found if name.startswith("access-control-")}


# fmt: off
WORDS: tuple[tuple[str, str, Any, dict[str, str], int, str], ...] = (
    ("POST", "/v2/images", b"{", {}, 400, "Malformed JSON in request body"),
    ("POST", "/v2/images", None, {}, 400, "Body expected in request."),
    ("POST", "/v2/images", {"name": 5}, {}, 400, "Provided object does not match schema 'image': "),
    ("POST", "/v2/images", [], {}, 400, "Provided object does not match schema 'image': "),
    ("POST", "/v2/images", {"status": "x"}, {}, 403, "Attribute 'status' is read-only."),
    ("POST", "/v2/images", {"deleted": "x"}, {}, 403, "Attribute 'deleted' is reserved."),
    ("GET", "/v2/images", b"x", {}, 400, "A body is not expected with this request."),
    ("GET", "{active}", b"x", {}, 400, "A body is not expected with this request."),
    ("GET", "{active}/file", b"x", {}, 400, "A body is not expected with this request."),
    ("GET", "{active}/members", b"x", {}, 400, "A body is not expected with this request."),
    ("DELETE", "{active}", b"x", {}, 400, "A body is not expected with this request."),
    ("DELETE", "{active}/members/m", b"x", {}, 400, "A body is not expected with this request."),
    ("PUT", "{active}/tags/t", b"x", {}, 400, "A body is not expected with this request."),
    ("DELETE", "{active}/tags/t", b"x", {}, 400, "A body is not expected with this request."),
    ("POST", "{active}/actions/deactivate", b"x", {}, 400, "A body is not expected with this request."),
    ("POST", "{active}/actions/reactivate", b"x", {}, 400, "A body is not expected with this request."),
    ("PATCH", "/v2/images", None, {}, 405, "The method PATCH is not allowed for this resource."),
    ("GET", "/v2/images/none", None, {}, 404, "No image found with ID none"),
    ("GET", "{active}/file", None, {"Range": "junk"}, 416, "Invalid Range header."),
    ("PUT", "{active}/file", b"x", {"Content-Type": "application/octet-stream"}, 409,
     "status transition from active to saving is not allowed"),
    ("PATCH", "{active}", [{"op": "replace", "path": "/visibility", "value": "public"}], {"Content-Type": PATCH_21},
     403, "You are not authorized to complete publicize_image action."),
)
# fmt: on


@pytest.fixture(scope="module")
def active(service) -> dict[str, str]:
    owner = Api(service.url)
    return {"project": owner.project, "path": owner.create_with(b"0123456789")["self"]}


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "words"), WORDS)
def test_a_refusal_has_the_words_that_are_known(
    api: Api,
    active: dict[str, str],
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    status: int,
    words: str,
) -> None:
    caller = api.as_project(active["project"])
    reply: Reply = caller.request(method, path.replace("{active}", active["path"]), body, headers)
    assert (reply.status, words in reply.json["message"]) == (status, True), reply.text
    assert reply.json["message"] == reply.json["message"].strip()


def test_a_request_id_has_64_characters_at_most(api: Api) -> None:
    for length, status in ((64, 200), (65, 431)):
        assert api.get("/v2/images", x_openstack_request_id="x" * length).status == status


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_version_document_carries_no_request_id_however_it_is_come_by(api: Api, method: str) -> None:
    for path in ("/", "/versions", "/v3/images"):
        reply = api.request(method, path, None, {"X-Openstack-Request-Id": "req-mine"})
        assert (reply.status, "x-openstack-request-id" in reply.headers) == (
            200 if method == "OPTIONS" or path == "/versions" else 300,
            False,
        )
