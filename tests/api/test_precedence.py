"""Requests that are wrong in two ways at once: which of the two is told.

The order is: version (300), who asks (401), route (404), method (405), body and query (400, 415, 403 for names, 413 for
what is declared), whether the image is there for the caller (404), permission (403), state (409), quota (413).
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from harness import PATCH_21, Api, Reply, make_service, running

OPTIONS = {
    "ENABLED_BACKENDS": "fast:file,cheap:file,web:http",
    "GLANCE_STORE_DEFAULT_BACKEND": "fast",
    "IMAGE_SIZE_CAP": "4000",
    "USER_STORAGE_QUOTA": "10 B",
    "IMAGE_TAG_QUOTA": "1",
    "IMAGE_PROPERTY_QUOTA": "1",
    "IMAGE_MEMBER_QUOTA": "1",
}
ABSENT = f"/v2/images/{uuid.uuid4()}"
BYTES = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": PATCH_21}
HUGE = b"x" * ((1 << 20) + 1)


@pytest.fixture(scope="module", params=["together", "apart"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with several stores where every quota is near."""
    with running(make_service(tmp_path_factory.mktemp("tight") / "data", request.param, **OPTIONS)) as service:
        yield service.url


class Scene:
    """A member of a project whose every quota is used up, and what is there to be wrong about."""

    def __init__(self, url: str) -> None:
        self.owner = owner = Api(url)
        self.reader, self.stranger, self.nobody = owner.as_reader(), owner.as_stranger(), owner.as_nobody()
        self.roleless = owner.as_project(owner.project, "")
        active = owner.create_with(b"0123456789", tags=["t"], p="1")["id"]
        assert owner.post(f"/v2/images/{active}/members", {"member": "m"}).status == 200
        self.names = {
            "active": active,
            "queued": owner.create()["id"],
            "bare": owner.post("/v2/images", {}).json["id"],
            "private": owner.create_with(b"", visibility="private", protected=True)["id"],
            "community": owner.create_with(b"", visibility="community", protected=True, tags=["t"])["id"],
        }

    def ask(self, caller: str, request: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        method, _, path = request.partition(" ")
        for name, value in self.names.items():
            path = path.replace(f"{{{name}}}", f"/v2/images/{value}")
        api: Api = getattr(self, caller)
        return api.request(method, path, body, headers)


@pytest.fixture(scope="module")
def scene(url: str) -> Scene:
    return Scene(url)


def replace(path: str, value: Any = "v") -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


TOO_MANY_TAGS = [replace("/tags", ["a", "b"])]
NO_SUCH_PROPERTY = [replace("/missing")]
UNFIT = [replace("/name", 5)]
READ_ONLY = [replace("/status")]

# What is wrong before and what is wrong after; who asks; the request; what is told; a word of the message.
# fmt: off
ROWS: tuple[tuple[str, str, str, Any, dict[str, str], int, str], ...] = (
    ("version, credentials",     "nobody",   "GET /v3/images", None, {}, 300, ""),
    ("version, method",          "owner",    "BREW /v2.19/images", None, {}, 300, ""),
    ("version, body too large",  "owner",    "POST /v1/images", HUGE, {}, 300, ""),
    ("credentials, route",       "nobody",   "GET /v2/nothing", None, {}, 401, "credentials"),
    ("credentials, method",      "nobody",   "PUT /v2/images", None, {}, 401, "credentials"),
    ("credentials, body",        "nobody",   "POST /v2/images", b"{", {}, 401, "credentials"),
    ("credentials, find",        "nobody",   f"GET {ABSENT}", None, {}, 401, "credentials"),
    ("route, method",            "owner",    "BREW /v2/nothing", None, {}, 404, "could not be found"),
    ("route, body",              "owner",    "POST /v2/nothing", b"{", {}, 404, "could not be found"),
    ("route, slash",             "owner",    "PUT {active}/", b"{", {}, 404, "could not be found"),
    ("method, body",             "owner",    "PUT /v2/images", b"{", {}, 405, "PUT"),
    ("method, find",             "owner",    f"PUT {ABSENT}", None, {}, 405, "PUT"),
    ("method, policy",           "reader",   "POST {active}/file", b"x", BYTES, 405, "POST"),
    # Body and query before everything that needs a look at the image.
    ("body, find",               "owner",    f"DELETE {ABSENT}", b"x", {}, 400, "A body is not expected"),
    ("body, policy",             "reader",   "DELETE {active}", b"x", {}, 400, "A body is not expected"),
    ("no JSON, find",            "owner",    f"PATCH {ABSENT}", b"{", PATCH, 400, "Malformed JSON"),
    ("no body, find",            "owner",    f"PATCH {ABSENT}", None, PATCH, 400, "Body expected"),
    ("media type, no JSON",      "owner",    "PATCH {active}", b"{", {}, 415, ""),
    ("media type, find",         "owner",    f"PATCH {ABSENT}", [], {}, 415, ""),
    ("schema, find",             "owner",    f"PATCH {ABSENT}", UNFIT, PATCH, 400, "name"),
    ("schema, policy",           "reader",   "PATCH {active}", UNFIT, PATCH, 400, "name"),
    ("attribute, find",          "owner",    f"PATCH {ABSENT}", READ_ONLY, PATCH, 403, "read-only"),
    ("attribute, policy",        "reader",   "PATCH {active}", READ_ONLY, PATCH, 403, "read-only"),
    ("attribute, schema",        "owner",    "POST /v2/images", {"status": "x", "name": 5}, {}, 403, "read-only"),
    ("attribute, policy",        "reader",   "POST /v2/images", {"os_glance_x": "1"}, {}, 403, "reserved"),
    ("schema, policy",           "reader",   "POST /v2/images", {"name": 5}, {}, 400, "name"),
    ("query, policy",            "roleless", "GET /v2/images?limit=x", None, {}, 400, "limit"),
    ("query, find",              "owner",    f"GET {ABSENT}/file?prefer=nowhere", None, {}, 400, "prefer"),
    ("member, find",             "owner",    f"POST {ABSENT}/members", {}, {}, 400, "member"),
    ("member, policy",           "stranger", "POST {community}/members", {"member": ""}, {}, 400, "member"),
    ("status, find",             "owner",    f"PUT {ABSENT}/members/m", {"status": "x"}, {}, 400, "status"),
    ("status, policy",           "owner",    "PUT {active}/members/m", {"status": "x"}, {}, 400, "status"),
    # An upload, whose checks are many.
    ("media type, size",         "owner",    f"PUT {ABSENT}/file", b"x", {"x-openstack-image-size": "x"}, 415, ""),
    ("size, store",              "owner",    f"PUT {ABSENT}/file", b"x",
     BYTES | {"x-openstack-image-size": "x", "x-image-meta-store": "nowhere"}, 400, "x-openstack-image-size"),
    ("cap, store",               "owner",    f"PUT {ABSENT}/file", b"x",
     BYTES | {"x-openstack-image-size": "4001", "x-image-meta-store": "nowhere"}, 413, "4000"),
    ("cap, find",                "owner",    f"PUT {ABSENT}/file", bytes(4001), BYTES, 413, "4000"),
    ("store, find",              "owner",    f"PUT {ABSENT}/file", b"x", BYTES | {"x-image-meta-store": "nowhere"},
     400, "nowhere"),
    ("reserved store, find",     "owner",    f"PUT {ABSENT}/file", b"x",
     BYTES | {"x-image-meta-store": "os_glance_staging_store"}, 400, "os_glance_staging_store"),
    ("store, policy",            "reader",   "PUT {queued}/file", b"x", BYTES | {"x-image-meta-store": "nowhere"},
     400, "nowhere"),
    ("find, policy",             "stranger", "PUT {private}/file", b"x", BYTES, 404, "No image found"),
    ("policy, state",            "reader",   "PUT {active}/file", b"x", BYTES, 403, "upload_image"),
    ("policy, formats",          "reader",   "PUT {bare}/file", b"x", BYTES, 403, "upload_image"),
    ("policy, quota",            "reader",   "PUT {queued}/file", b"x", BYTES, 403, "upload_image"),
    ("state, quota",             "owner",    "PUT {active}/file", b"x", BYTES, 409, "active to saving"),
    ("formats, quota",           "owner",    "PUT {bare}/file", b"x", BYTES, 400, "must be set"),
    ("quota, format",            "owner",    "PUT {queued}/file", b"QFI\xfb", BYTES, 413, "bytes of image data"),
    # Whether it is there, before who may.
    ("find, policy",             "stranger", "DELETE {private}", None, {}, 404, "No image found"),
    ("find, state",              "roleless", "DELETE {private}", None, {}, 404, "No image found"),
    ("find, missing",            "stranger", "PATCH {private}", NO_SUCH_PROPERTY, PATCH, 404, "No image found"),
    ("find, quota",              "stranger", "POST {private}/members", {"member": "n"}, {}, 404, "No image found"),
    ("find, not shared",         "stranger", "GET {private}/members", None, {}, 404, "No image found"),
    # Who may, before what state it is in.
    ("policy, protected",        "stranger", "DELETE {community}", None, {}, 403, "delete_image"),
    ("policy, not shared",       "stranger", "POST {community}/members", {"member": "n"}, {}, 403, "add_member"),
    ("policy, duplicate",        "reader",   "POST {active}/members", {"member": "m"}, {}, 403, "add_member"),
    ("policy, no such member",   "reader",   "DELETE {active}/members/x", None, {}, 403, "delete_member"),
    ("policy, no such tag",      "reader",   "DELETE {active}/tags/x", None, {}, 403, "modify_image"),
    ("policy, missing",          "reader",   "PATCH {active}", NO_SUCH_PROPERTY, PATCH, 403, "modify_image"),
    ("policy, status",           "reader",   "POST {queued}/actions/deactivate", None, {}, 403, "deactivate action"),
    ("policy, range",            "reader",   "GET {active}/file", None, {"Range": "bytes=99-"}, 403, "download_image"),
    ("policy, id taken",         "reader",   "POST /v2/images", {"id": "{active}"}, {}, 403, "add_image"),
    # Who may, before how many.
    ("policy, quota of tags",    "reader",   "PUT {active}/tags/new", None, {}, 403, "modify_image"),
    ("policy, quota of tags",    "stranger", "PATCH {community}", TOO_MANY_TAGS, PATCH, 403, "modify_image"),
    ("policy, quota of tags",    "owner",    "POST /v2/images", {"visibility": "public", "tags": ["a", "b"]}, {}, 403,
     "publicize_image"),
    ("policy, quota of members", "reader",   "POST {active}/members", {"member": "n"}, {}, 403, "add_member"),
    # State before quota.
    ("duplicate, quota",         "owner",    "POST {active}/members", {"member": "m"}, {}, 409, "already is a member"),
    ("missing, quota of tags",   "owner",    "PATCH {active}", [*TOO_MANY_TAGS, *NO_SUCH_PROPERTY], PATCH, 409,
     "missing"),
    ("not shared, quota",        "owner",    "POST {private}/members", {"member": "n"}, {}, 403, "only shared"),
    # And quota by itself, so that the rows above are about something.
    ("quota of members",         "owner",    "POST {active}/members", {"member": "n"}, {}, 413, "members of an image"),
    ("quota of tags",            "owner",    "PATCH {active}", TOO_MANY_TAGS, PATCH, 413, "tags"),
    ("quota of properties",      "owner",    "POST /v2/images", {"a": "1", "b": "2"}, {}, 413, "properties"),
    ("quota of bytes",           "owner",    "PUT {queued}/file", b"x", BYTES, 413, "bytes of image data"),
)
# fmt: on


@pytest.mark.parametrize(
    ("wrong", "caller", "request_", "body", "headers", "status", "word"),
    ROWS,
    ids=[f"{row[0]}: {row[1]} {row[2].replace(ABSENT, 'absent')}" for row in ROWS],
)
def test_of_two_mistakes_the_first_in_order_is_told(
    scene: Scene, wrong: str, caller: str, request_: str, body: Any, headers: dict[str, str], status: int, word: str
) -> None:
    if isinstance(body, dict) and body.get("id") == "{active}":
        body = {"id": scene.names["active"]}
    reply = scene.ask(caller, request_, body, headers)
    assert (reply.status, word in reply.text) == (status, True), reply.text


def test_a_refused_request_changes_nothing(url: str) -> None:
    scene = Scene(url)

    def look() -> Any:
        images = [scene.owner.show(image_id) for image_id in scene.names.values()]
        for image in images:
            if image["id"] == scene.names["queued"]:
                del image["updated_at"]  # an upload that begins and fails is a change and a change back
        return images, scene.owner.get(f"/v2/images/{scene.names['active']}/members").json

    before = look()
    for _, caller, request, body, headers, _, _ in ROWS:
        scene.ask(caller, request, body, headers)
    assert look() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_request_id_that_is_too_long_is_told_before_who_asks(url: str, method: str) -> None:
    reply = Api(url).as_nobody().request(method, "/v2/nothing", None, {"X-Openstack-Request-Id": "x" * 65})
    assert reply.status == 431
