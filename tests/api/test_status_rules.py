"""What an image's status allows: rows of the status machine, and an image that is receiving data meanwhile."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from api.bad_inputs import WITH_BACKING_FILE
from harness import Api, Reply

DATA = b"0123456789"


@contextmanager
def saving(api: Api, image_id: str) -> Iterator[Callable[[], Reply]]:
    """While an upload to the image is under way; the function lets it end and gives its answer."""
    go_on = Event()

    def body() -> Iterator[bytes]:
        yield DATA[:5]
        go_on.wait(30)
        yield DATA[5:]

    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(api.as_project(api.project).upload, image_id, body())
        try:
            while api.show(image_id)["status"] != "saving":
                assert not upload.done(), upload.result()
                time.sleep(0.02)

            def finish() -> Reply:
                go_on.set()
                return upload.result(30)

            yield finish
        finally:
            go_on.set()


def test_metadata_changed_during_an_upload_is_kept_when_it_ends(api: Api) -> None:
    image = api.create(name="before", p="1")
    with saving(api, image["id"]) as finish:
        operations = [
            {"op": "replace", "path": "/name", "value": "meanwhile"},
            {"op": "remove", "path": "/p"},
            {"op": "add", "path": "/q", "value": "2"},
            {"op": "replace", "path": "/visibility", "value": "community"},
        ]
        assert api.patch(image["id"], operations).json["status"] == "saving"
        assert api.put(f"{image['self']}/tags/t", None).status == 204
        assert finish().status == 204
    after = api.show(image["id"])
    assert (after["status"], after["size"], after["name"], after["q"]) == ("active", 10, "meanwhile", "2")
    assert ("p" in after, after["tags"], after["visibility"]) == (False, ["t"], "community")
    assert api.get(image["file"]).body == DATA


def test_what_an_image_that_receives_data_does_not_allow(api: Api) -> None:
    image = api.create()
    with saving(api, image["id"]) as finish:
        shown = api.show(image["id"])
        assert (shown["size"], shown["checksum"], shown["os_hash_value"]) == (None, None, None)
        for action in ("deactivate", "reactivate"):
            for caller in (api, api.as_admin()):
                assert caller.post(f"{image['self']}/actions/{action}", None).status == 403
        assert api.upload(image["id"], b"rival").status == 409
        for field, value in (("disk_format", "raw"), ("disk_format", "iso"), ("container_format", "bare")):
            operation = {"op": "replace", "path": f"/{field}", "value": value}
            assert api.patch(image["id"], [operation]).status == 403
        assert api.list(f"status=saving&id={image['id']}") == [shown]
        assert api.show(image["id"]) == shown
        assert finish().status == 204
    assert api.get(image["file"]).body == DATA


def test_an_image_that_receives_data_is_shared_and_deleted_like_another(api: Api) -> None:
    image = api.create()
    with saving(api, image["id"]) as finish:
        assert api.post(f"{image['self']}/members", {"member": "m"}).status == 200
        assert api.delete(image["self"]).status == 204
        assert api.get(image["self"]).status == 404
        assert finish().status == 410


@pytest.mark.parametrize("status", ["active", "deactivated"])
def test_an_image_with_data_takes_no_other(api: Api, status: str) -> None:
    image = api.create_with(DATA)
    if status == "deactivated":
        assert api.post(f"{image['self']}/actions/deactivate", None).status == 204
    for caller in (api, api.as_admin()):
        reply = caller.upload(image["id"], b"other")
        assert reply.status == 409
        assert f"from {status} to saving" in reply.json["message"]
    assert api.as_admin().get(image["file"]).body == DATA
    assert api.show(image["id"])["status"] == status


@pytest.mark.parametrize(
    ("status", "disk_format", "data", "headers"),
    [
        (400, "raw", DATA, {"x_openstack_image_size": "11"}),
        (413, "raw", b"x" * 4001, {}),
        (413, "raw", b"x" * 4001, {"transfer_encoding": "chunked"}),
        (415, "qcow2", WITH_BACKING_FILE, {}),
        (415, "raw", WITH_BACKING_FILE, {}),
    ],
)
def test_an_upload_that_fails_leaves_the_image_queued_without_sizes_or_hashes(
    small: Callable[[], Api], status: int, disk_format: str, data: bytes, headers: dict[str, str]
) -> None:
    api = small()
    image = api.create(disk_format=disk_format)
    sent = iter([data]) if "transfer_encoding" in headers else data
    assert api.upload(image["id"], sent, **headers).status == status
    assert {**api.show(image["id"]), "updated_at": ""} == {**image, "updated_at": ""}
    assert api.patch(image["id"], [{"op": "replace", "path": "/disk_format", "value": "raw"}]).status == 200
    assert api.upload(image["id"], DATA).status == 204


@pytest.mark.parametrize("missing", ["disk_format", "container_format"])
def test_an_image_whose_formats_are_taken_away_again_takes_no_data(api: Api, missing: str) -> None:
    image = api.create()
    assert api.patch(image["id"], [{"op": "replace", "path": f"/{missing}", "value": None}]).status == 200
    reply = api.upload(image["id"], DATA)
    assert reply.status == 400
    assert "must be set prior to saving data" in reply.json["message"]
    assert api.show(image["id"])["status"] == "queued"
    assert api.patch(image["id"], [{"op": "replace", "path": f"/{missing}", "value": "ami"}]).status == 200
    assert api.upload(image["id"], DATA).status == 204


@pytest.mark.parametrize("status", ["queued", "saving", "active", "deactivated"])
def test_an_image_can_be_deleted_in_each_status_and_its_id_is_not_free(api: Api, status: str) -> None:
    image = api.create() if status in ("queued", "saving") else api.create_with(DATA)
    if status == "deactivated":
        assert api.post(f"{image['self']}/actions/deactivate", None).status == 204
    if status == "saving":
        with saving(api, image["id"]) as finish:
            assert api.delete(image["self"]).status == 204
            finish()
    else:
        assert api.delete(image["self"]).status == 204
    for caller in (api, api.as_admin()):
        assert caller.get(image["self"]).status == 404
        assert caller.delete(image["self"]).status == 404
        assert caller.post(f"{image['self']}/actions/reactivate", None).status == 404
        assert caller.post("/v2/images", {"id": image["id"]}).status == 409
