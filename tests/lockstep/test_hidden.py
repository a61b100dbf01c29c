"""An image that a caller may not see and one that there is not are one answer, in every operation that can name one.

The operation table is walked: a path with an image's id in it is asked by itself; what else takes words from a caller
must say here where an image's id could stand in them.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness import PATCH_21, Api, Reply, make_service, running

from glancelite.api.operations import OPERATIONS, Operation
from glancelite.domain.fields import FIELDS

APART_IS_SLOW = True

OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": PATCH_21}
PARTNER = "partner-project"

# What an operation with a body is asked with: bodies that pass, and bodies that the image itself would refuse.
BODIES: dict[str, tuple[tuple[Any, dict[str, str]], ...]] = {
    "update_image": (
        ([], PATCH),
        ([{"op": "add", "path": "/name", "value": "x"}], PATCH),
        ([{"op": "remove", "path": "/none"}], PATCH),
        ([{"op": "replace", "path": "/visibility", "value": "public"}], PATCH),
        ([{"op": "replace", "path": "/owner", "value": "x"}], PATCH),
        ([{"op": "replace", "path": "/disk_format", "value": "iso"}], PATCH),
        ([{"op": "add", "path": "/locations/-", "value": {"url": "http://127.0.0.1:1/x", "metadata": {}}}], PATCH),
        ([{"op": "remove", "path": "/locations/0"}], PATCH),
        ([{"op": "replace", "path": "/locations", "value": []}], PATCH),
        ([{"op": "remove", "path": "/name"}], PATCH),
        ({}, PATCH),
        ([], {}),
    ),
    "upload_image": (
        (b"data", OCTETS),
        (b"", OCTETS),
        (b"data", {}),
        (b"data", OCTETS | {"X-Image-Meta-Store": "cheap"}),
        (b"data", OCTETS | {"X-Openstack-Image-Size": "5"}),
    ),
    "stage_image": ((b"data", OCTETS), (b"", OCTETS), (b"data", {})),
    "import_image": (
        ({"method": {"name": "glance-direct"}}, {}),
        ({"method": {"name": "web-download", "uri": "http://127.0.0.1:1/x"}}, {}),
        ({"method": {"name": "copy-image"}, "stores": ["none"]}, {}),
        ({"method": {"name": "none"}}, {}),
    ),
    "add_location": (({"url": "http://127.0.0.1:1/x"}, {}), ({"url": "file:///x"}, {}), ({}, {})),
    "add_member": (({"member": "m"}, {}), ({"member": PARTNER}, {}), ({}, {})),
    "update_member": (({"status": "accepted"}, {}), ({"status": "x"}, {})),
}
PLAIN: tuple[tuple[Any, dict[str, str]], ...] = (
    (None, {}),
    (b"{}", {}),
    (None, {"Range": "bytes=0-1"}),
    (None, {"Range": "bytes=99-"}),
)

# Operations whose path names no image: the queries in which an image's id or what is its own could stand.
ID = "{id}"
OWN = (  # what is known of an image that one may not see
    "name=secret", "tag=secret-tag", "secret=word", "owner={owner}", "size=4", "size_min=4&size_max=4", "status=active",
    "status=deactivated", "status=deleted", "visibility=shared&member_status=all", "visibility=all", "deleted=true",
    "visibility=private", "os_hidden=true", "protected=true", "checksum={checksum}", "os_hash_value={sha}",
)  # fmt: skip
QUERIES: dict[str, tuple[str, ...]] = {
    "list_images": (
        f"marker={ID}",
        f"marker={ID}&limit=0",
        f"marker={ID}&visibility=all&sort_key=name",
        f"marker={ID}&name=none",
        f"marker={ID}&visibility=",
        *(f"{field.name}={ID}" for field in FIELDS if field.filter in ("operators", "equal")),
        f"id=eq:{ID}",
        f"id=in:{ID},x",
        *(f"id={ID}&{query}" for query in OWN),
        *(f"{query}&tag={ID}" for query in OWN),
    ),
}
SILENT = {
    "create_image",  # by the Image API an id that was ever used is 409 to everybody, who may see the image or not
    "list_stores", "list_store_details", "show_import_methods", "show_usage", "show_openapi",
    "create_task", "list_tasks", "show_task", "show_task_schema", "show_tasks_schema",
    "show_image_schema", "show_images_schema", "show_member_schema", "show_members_schema",
}  # fmt: skip
"""Operations that take no word from the caller by which an image could be named."""

NAMED = tuple(operation for operation in OPERATIONS if "<image_id>" in operation.path)
PLACES = {"member_id": (PARTNER, "OWN", "nobody"), "tag": ("secret-tag", "none"), "store_id": ("fast", "cheap", "none")}


@pytest.fixture(scope="module", params=["together", "apart"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service in which no operation is off."""
    options = {
        "ENABLED_BACKENDS": "fast:file,cheap:file,web:http",
        "GLANCE_STORE_DEFAULT_BACKEND": "fast",
        "SHOW_MULTIPLE_LOCATIONS": "true",
    }
    with running(make_service(tmp_path_factory.mktemp("hidden") / "data", request.param, **options)) as service:
        yield service.url


@pytest.fixture(scope="module")
def world(url: str) -> tuple[Api, dict[str, str]]:
    """Who owns the hidden images, and their ids by what they are; none of them may be seen by a stranger."""
    owner = Api(url)
    plain = {"name": "secret", "tags": ["secret-tag"], "secret": "word"}
    ids = {
        "queued": owner.create(**plain)["id"],
        "shared": owner.create_with(b"data", **plain)["id"],
        "private": owner.create_with(b"data", visibility="private", **plain)["id"],
        "protected": owner.create_with(b"data", protected=True, os_hidden=True, **plain)["id"],
        "deactivated": owner.create_with(b"data", **plain)["id"],
        "formless": owner.create(disk_format=None, container_format=None)["id"],
        "ownerless": owner.as_admin().create(owner=None, visibility="private", **plain)["id"],
        "deleted": owner.create_with(b"data", **plain)["id"],
    }
    assert owner.post(f"/v2/images/{ids['deactivated']}/actions/deactivate", None).status == 204
    for name in ("shared", "deactivated", "protected"):
        assert owner.post(f"/v2/images/{ids[name]}/members", {"member": PARTNER}).status == 200
    assert owner.delete(f"/v2/images/{ids['deleted']}").status == 204
    return owner, ids


def callers(owner: Api) -> dict[str, Api]:
    """Callers to whom every image of the world is hidden."""
    stranger = owner.as_stranger()
    homeless = owner.as_project("", "member,reader")
    homeless.project = ""
    return {
        "stranger": stranger,
        "reader": stranger.as_reader(),
        "colleague-without-a-role": owner.as_project(owner.project, "other"),
        "partner-without-a-role": owner.as_project(PARTNER, "other"),
        "without-a-project": homeless,
        "without-credentials": owner.as_nobody(),
    }


def told(reply: Reply, image_id: str) -> tuple[int, dict[str, str], str]:
    """All that an answer says, but for the id that was asked about, the time and the request's own id."""
    passing = ("date", "x-openstack-request-id")
    headers = {name.lower(): value for name, value in reply.headers.items() if name.lower() not in passing}
    return reply.status, headers, reply.text.replace(image_id, "ID")


def differences(ids: dict[str, str], ask: Callable[[str], Reply]) -> dict[str, Any]:
    """What is told of the images where it is not what is told of one that there never was."""
    absent = str(uuid.uuid4())
    never = told(ask(absent), absent)
    found = {name: told(ask(image_id), image_id) for name, image_id in ids.items()}
    return {name: (answer, never) for name, answer in found.items() if answer != never}


def paths(operation: Operation, caller: Api) -> list[str]:
    """The operation's path with `{id}` in it, for each word that may stand in its other places."""
    found = [operation.path.replace("<image_id>", ID)]
    for place in re.findall(r"<(\w+)>", operation.path):
        if place != "image_id":
            found = [path.replace(f"<{place}>", word) for path in found for word in PLACES[place]]
    return [path.replace("OWN", caller.project or "none") for path in found]


@pytest.mark.parametrize("operation", NAMED, ids=lambda operation: operation.name)
def test_an_operation_says_of_a_hidden_image_what_it_says_of_none(
    world: tuple[Api, dict[str, str]], operation: Operation
) -> None:
    owner, ids = world
    requests = PLAIN if operation.body == "none" else BODIES[operation.name]
    statuses = set()
    for name, caller in callers(owner).items():
        for path in paths(operation, caller):
            for body, headers in requests if name == "stranger" else requests[:1]:

                def ask(image_id: str) -> Reply:
                    reply = caller.request(operation.method, path.replace(ID, image_id), body, headers)  # noqa: B023
                    statuses.add(reply.status)
                    return reply

                assert differences(ids, ask) == {}, (name, path, body, headers)
    assert 404 in statuses
    assert not any(200 <= status < 300 or status >= 500 for status in statuses), statuses


@pytest.mark.parametrize("query", [(name, query) for name, queries in QUERIES.items() for query in queries], ids=str)
def test_a_query_finds_of_a_hidden_image_what_it_finds_of_none(
    world: tuple[Api, dict[str, str]], query: tuple[str, str]
) -> None:
    owner, ids = world
    (operation,) = (operation for operation in OPERATIONS if operation.name == query[0])
    image = owner.show(ids["private"])
    words = {"owner": owner.project, "checksum": image["checksum"], "sha": image["os_hash_value"]}
    caller = owner.as_stranger()
    found = differences(
        ids,
        lambda image_id: caller.request(operation.method, f"{operation.path}?{query[1].format(id=image_id, **words)}"),
    )
    assert found == {}


def test_a_list_never_shows_a_hidden_image(world: tuple[Api, dict[str, str]]) -> None:
    owner, ids = world
    for name, caller in callers(owner).items():
        for query in ("visibility=all", "member_status=all", "tag=secret-tag", "secret=word", "os_hidden=true", ""):
            text = caller.get(f"/v2/images?limit=1000&{query}").text
            assert not any(image_id in text for image_id in ids.values()), (name, query)


def test_every_operation_is_walked_or_names_no_image() -> None:
    names = {operation.name for operation in OPERATIONS}
    walked = {operation.name for operation in NAMED}
    assert set(QUERIES) | SILENT == names - walked
    assert set(BODIES) == {operation.name for operation in NAMED if operation.body != "none"}
    places = {place for operation in NAMED for place in re.findall(r"<(\w+)>", operation.path)}
    assert places - {"image_id"} == set(PLACES)
