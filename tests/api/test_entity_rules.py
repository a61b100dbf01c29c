"""What each field of an image may hold, and that every other name is a plain property, whatever it means to us."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api.internals import INTERNALS
from harness import PATCH_20, PATCH_21, Api, make_service, running

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
KNOWN = {
    "kernel_id": str(uuid.uuid4()),
    "ramdisk_id": str(uuid.uuid4()).upper(),
    "instance_uuid": "any text",
    "architecture": "x86_64",
    "os_distro": "debian",
    "os_version": "13",
    "description": "Ünïcode",
    "cinder_encryption_key_id": "not a uuid",
    "cinder_encryption_key_deletion_policy": "on_image_deletion",
}


def change(api: Api, image: dict[str, Any], name: str, value: Any) -> int:
    return api.patch(image["id"], [{"op": "replace", "path": f"/{name}", "value": value}]).status


# Formats --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "formats"), [("disk_format", DISK_FORMATS), ("container_format", CONTAINER_FORMATS)])
def test_every_known_format_and_none_is_taken_at_create_and_by_patch(
    api: Api, field: str, formats: tuple[str, ...]
) -> None:
    for name in (*formats, None):
        image = api.create(**{field: name})
        assert image[field] == name
    for name in (*formats, None):
        assert change(api, image, field, name) == 200
        assert api.show(image["id"])[field] == name
    assert set(api.get("/v2/schemas/image").json["properties"][field]["enum"]) == {None, *formats}


@pytest.mark.parametrize("name", ["gpt", "luks"])
def test_other_formats_are_the_operators_to_add(api: Api, name: str) -> None:
    assert api.post("/v2/images", {"disk_format": name}).status == 400
    assert change(api, api.create(), "disk_format", name) == 400


@pytest.mark.parametrize("field", ["disk_format", "container_format"])
def test_formats_are_fixed_in_every_status_but_queued(api: Api, field: str) -> None:
    image = api.create_with(b"data")
    assert api.post(f"{image['self']}/actions/deactivate", None).status == 204
    for value in (image[field], "ami", None):
        assert change(api, image, field, value) == 403


# What operators set ---------------------------------------------------------------------------------------------------

SCHEMA = {"properties": {"kernel_id": {"type": "string"}, "rank": {"type": ["null", "string"], "enum": [None, "a"]}}}


@pytest.fixture(scope="module", params=["together", "apart"])
def custom(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, str]]:
    """A service with formats, hash and schema of its operator's choice; and the id of an image that was made before,
    when `kernel_id` could be null.
    """
    folder = tmp_path_factory.mktemp(f"custom-{request.param}")
    with running(make_service(folder / "data", request.param)) as before:
        api = Api(before.url)
        image_id = api.create(kernel_id=None, rank="z")["id"]
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    options = {
        "IMAGE_FORMAT_DISK_FORMATS": "raw,luks,gpt",
        "IMAGE_FORMAT_CONTAINER_FORMATS": "bare",
        "HASHING_ALGORITHM": "sha256",
        "IMAGE_SCHEMA_FILE": str(folder / "schema.json"),
    }
    with running(make_service(folder / "data", request.param, **options)) as service:
        yield Api(service.url, api.project), image_id


def test_formats_are_those_of_the_operator(custom: tuple[Api, str]) -> None:
    api, _ = custom
    image = api.create(disk_format="luks")
    assert change(api, image, "disk_format", "gpt") == 200
    for field, value in (("disk_format", "qcow2"), ("container_format", "ovf")):
        assert api.post("/v2/images", {field: value}).status == 400
        assert change(api, image, field, value) == 400


def test_the_hash_is_the_operators_choice(custom: tuple[Api, str]) -> None:
    image = custom[0].create_with(b"some data")
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha256", hashlib.sha256(b"some data").hexdigest())
    assert image["checksum"] == hashlib.md5(b"some data").hexdigest()


def test_a_property_that_is_null_is_shown_as_text_unless_it_may_be_null(custom: tuple[Api, str]) -> None:
    api, image_id = custom
    assert api.show(image_id)["kernel_id"] == ""
    assert api.list(f"id={image_id}")[0]["kernel_id"] == ""
    image = api.create(rank=None)
    assert (image["rank"], api.show(image["id"])["rank"]) == (None, None)
    assert api.patch(image["id"], [{"op": "add", "path": "/kernel_id", "value": None}]).status == 400


def test_properties_follow_the_operators_schema_and_what_it_leaves_out_is_plain(custom: tuple[Api, str]) -> None:
    api, image_id = custom
    image = api.create(kernel_id="no uuid", rank="a", cinder_encryption_key_deletion_policy="whatever")
    assert image["cinder_encryption_key_deletion_policy"] == "whatever"
    assert api.post("/v2/images", {"rank": "b"}).status == 400
    assert change(api, image, "rank", "b") == 400
    assert api.show(image_id)["rank"] == "z"  # what was taken when it fitted stays


def test_known_properties_take_what_their_schema_says(api: Api) -> None:
    image = api.create(**KNOWN)
    assert {name: image[name] for name in KNOWN} == KNOWN
    for name, value in KNOWN.items():
        assert change(api, image, name, value) == 200
    assert api.list(f"id={image['id']}&os_distro=debian&kernel_id={KNOWN['kernel_id']}") != []


# Numbers and times ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["min_disk", "min_ram"])
def test_a_whole_number_may_be_patched_with_a_fraction_of_zero(api: Api, field: str) -> None:
    image = api.create()
    for text, number in (("2.0", 2), ("0", 0), ("2147483647", 2147483647), ("1e2", 100)):
        body = f'[{{"op": "add", "path": "/{field}", "value": {text}}}]'.encode()
        reply = api.patch(image["id"], body)
        assert (reply.status, reply.json[field]) == (200, number)
        assert f'"{field}":{number},'.encode() in reply.body


def test_every_saved_change_moves_updated_at_and_nothing_else_does(api: Api) -> None:
    image = api.create_with(b"data", tags=["t"])
    path = image["self"]
    saved: tuple[Callable[[], int], ...] = (
        lambda: change(api, image, "name", "x"),
        lambda: api.patch(image["id"], [{"op": "add", "path": "/p", "value": "1"}]).status,
        lambda: api.put(f"{path}/tags/new", None).status,
        lambda: api.delete(f"{path}/tags/new").status,
        lambda: api.post(f"{path}/actions/deactivate", None).status,
        lambda: api.post(f"{path}/actions/reactivate", None).status,
    )
    idle: tuple[Callable[[], int], ...] = (
        lambda: api.get(path).status,
        lambda: api.get(f"{path}/file").status,
        lambda: api.patch(image["id"], []).status,
        lambda: api.put(f"{path}/tags/t", None).status,
        lambda: api.delete(f"{path}/tags/none").status,
        lambda: change(api, image, "none", "x"),
        lambda: api.post(f"{path}/actions/reactivate", None).status,
        lambda: api.post(f"{path}/members", {"member": "m"}).status,
    )
    before = image["updated_at"]
    for action in saved:
        wait_for_another_second(before)
        assert action() in (200, 204)
        now = api.show(image["id"])["updated_at"]
        assert now > before
        before = now
    wait_for_another_second(before)
    for action in idle:
        assert action() < 500
    assert api.show(image["id"])["updated_at"] == before
    assert api.show(image["id"])["created_at"] == image["created_at"]


def wait_for_another_second(moment: str) -> None:
    while time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) <= moment:
        time.sleep(0.02)


# Names ----------------------------------------------------------------------------------------------------------------


def escaped(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


@pytest.mark.parametrize("media_type", [PATCH_21, PATCH_20])
def test_what_our_insides_are_called_is_a_property_like_any_other(api: Api, media_type: str) -> None:
    def operation(verb: str, name: str, **rest: str) -> dict[str, str]:
        path = escaped(name)
        return ({"op": verb, "path": path} if media_type == PATCH_21 else {verb: path}) | rest

    made = api.create(**dict.fromkeys(INTERNALS, "made"))
    assert {name: made[name] for name in INTERNALS} == dict.fromkeys(INTERNALS, "made")
    assert api.show(made["id"]) == made

    changed = api.patch(made["id"], [operation("replace", name, value="new") for name in INTERNALS], media_type)
    assert changed.status == 200, changed.text
    assert {name: changed.json[name] for name in INTERNALS} == dict.fromkeys(INTERNALS, "new")

    bare = api.patch(made["id"], [operation("remove", name) for name in INTERNALS], media_type).json
    assert bare.keys() == api.create().keys()
    assert {**bare, "updated_at": ""} == {
        **{name: value for name, value in made.items() if name not in INTERNALS},
        "updated_at": "",
    }

    again = api.patch(made["id"], [operation("add", name, value="again") for name in INTERNALS], media_type)
    assert {name: again.json[name] for name in INTERNALS} == dict.fromkeys(INTERNALS, "again")
    assert api.upload(made["id"], b"data").status == 204
    assert {name: api.show(made["id"])[name] for name in INTERNALS} == dict.fromkeys(INTERNALS, "again")


def test_such_names_count_as_properties(small: Callable[[], Api]) -> None:
    api = small()
    image = api.create(revision="1", members="2")
    assert api.patch(image["id"], [{"op": "add", "path": "/base", "value": "3"}]).status == 413
    assert api.post("/v2/images", {"revision": "1", "members": "2", "base": "3"}).status == 413


def test_a_property_cannot_pass_for_a_field(api: Api) -> None:
    """Names that differ from a field's by a letter's case or an escape leave the field alone."""
    image = api.create(**{"Status": "active", "SIZE": "5", "Owner": "other", "st~atus": "x", "id/": "y"})
    assert (image["status"], image["size"], image["owner"]) == ("queued", None, api.project)
    assert api.patch(image["id"], [{"op": "add", "path": "/st~0atus", "value": "z"}]).json["st~atus"] == "z"
    assert api.patch(image["id"], [{"op": "remove", "path": "/id~1"}]).status == 200
    assert api.patch(image["id"], [{"op": "add", "path": "/~01", "value": "z"}]).json["~1"] == "z"
