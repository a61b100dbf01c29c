"""Staging: what is put down for an import, what is refused, and what that leaves."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api import disks
from harness import Api, Service, make_service, running
from importing import (
    DATA,
    STORES,
    assert_untouched,
    create_staged,
    files_of,
    is_clean,
    run_import,
    spoiled,
    stage,
    wait_for,
)

NOBODY = "00000000-0000-4000-8000-00000000dead"
CAP = 3_000_000


@pytest.fixture(scope="module", params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp(f"stage-{request.param}") / "data"
    with running(make_service(data_dir, request.param, IMAGE_SIZE_CAP=str(CAP), **STORES)) as started:
        yield started


@pytest.fixture
def api(service: Service) -> Api:
    return Api(service.url)


def slowly(parts: list[bytes], go: threading.Event) -> Iterator[bytes]:
    """A body that waits before its last part."""
    yield from parts[:-1]
    go.wait(20)
    yield parts[-1]


def test_staged_data_is_put_down_and_nothing_more(service: Service, api: Api) -> None:
    before = files_of(service)
    image = api.create()
    reply = stage(api, image["id"])
    assert (reply.status, reply.body) == (204, b"")
    staged = api.show(image["id"])
    assert (staged["status"], staged["size"]) == ("uploading", len(DATA))
    assert {staged[name] for name in ("checksum", "os_hash_algo", "os_hash_value", "virtual_size")} == {None}
    assert not staged.get("stores")
    assert not [name for name in staged if name.startswith("os_glance")]
    assert api.get(image["file"]).status == 204
    (file,) = files_of(service) - before
    assert file.startswith("staging/")
    assert api.delete(f"/v2/images/{image['id']}").status == 204
    wait_for(lambda: is_clean(service, before))


@pytest.mark.parametrize("data", [b"", iter([b"a", b"b"]), b"x" * CAP], ids=["nothing", "chunked", "as much as may be"])
def test_any_size_up_to_the_cap_is_taken(api: Api, data: object) -> None:
    image = api.create()
    assert stage(api, image["id"], data).status == 204  # type: ignore[arg-type]
    assert run_import(api, image["id"], "glance-direct")["status"] == "success"


def test_neither_formats_nor_content_are_looked_at_yet(api: Api) -> None:
    image_id = api.post("/v2/images", {}).json["id"]
    assert stage(api, image_id).status == 204
    wicked = api.create(disk_format="qcow2")
    assert stage(api, wicked["id"], disks.qcow2(backing="/etc/passwd")).status == 204
    assert run_import(api, wicked["id"], "glance-direct")["status"] == "failure"
    assert_untouched(api, wicked["id"])


def test_the_header_for_a_store_is_not_for_staging(api: Api) -> None:
    image = api.create()
    assert stage(api, image["id"], x_image_meta_store="nowhere").status == 204
    assert run_import(api, image["id"], "glance-direct")["status"] == "success"
    assert api.show(image["id"])["stores"] == "fast"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json"}, 415),
        ({"content_type": ""}, 415),
        ({"content_type": "application/octet-stream; a=b"}, 204),
        ({"x_openstack_image_size": "ten"}, 400),
        ({"x_openstack_image_size": "-1"}, 400),
        ({"x_openstack_image_size": "5"}, 400),
        ({"x_openstack_image_size": str(len(DATA) + 1)}, 400),
        ({"x_openstack_image_size": str(len(DATA))}, 204),
        ({"x_openstack_image_size": str(CAP + 1)}, 413),
    ],
    ids=str,
)
def test_headers_are_read_as_those_of_an_upload(
    service: Service, api: Api, headers: dict[str, str], status: int
) -> None:
    image, before = api.create(), files_of(service)
    sent = {"content_type": "application/octet-stream"} | headers
    reply = api.put(f"/v2/images/{image['id']}/stage", DATA, **sent)
    assert reply.status == status, reply.text
    if status != 204:
        assert_untouched(api, image["id"])
        wait_for(lambda: is_clean(service, before))
        assert stage(api, image["id"]).status == 204


@pytest.mark.parametrize("send", [bytes, lambda data: iter([data[:CAP], data[CAP:]])], ids=["announced", "chunked"])
def test_what_is_too_large_is_not_kept(service: Service, api: Api, send: Callable[[bytes], Any]) -> None:
    image, before = api.create(), files_of(service)
    assert stage(api, image["id"], send(b"x" * (CAP + 1))).status == 413
    assert_untouched(api, image["id"])
    wait_for(lambda: is_clean(service, before))


def test_who_may_not_change_an_image_stages_nothing(api: Api) -> None:
    image, seen = api.create(), api.create(visibility="community")
    assert stage(api.as_reader(), image["id"]).status == 403
    assert stage(api.as_stranger(), seen["id"]).status == 403
    assert stage(api.as_stranger(), image["id"]).status == 404
    assert stage(api, NOBODY).status == 404
    assert_untouched(api, image["id"])


def test_only_a_queued_image_is_staged_to(api: Api) -> None:
    staged, active = create_staged(api), api.create_with(DATA)
    reply = stage(api, staged["id"])
    assert (reply.status, "from uploading to uploading" in reply.json["message"]) == (409, True), reply.text
    assert stage(api, active["id"]).status == 409
    assert api.upload(staged["id"], DATA).status == 409
    assert api.show(staged["id"])["status"] == "uploading"
    assert run_import(api, staged["id"], "glance-direct")["status"] == "success"


def test_an_image_that_is_deleted_meanwhile_is_gone(service: Service, api: Api) -> None:
    image, go, before = api.create(), threading.Event(), files_of(service)
    replies: list[int] = []
    thread = threading.Thread(
        target=lambda: replies.append(stage(api, image["id"], slowly([DATA, DATA], go)).status)  # type: ignore[arg-type]
    )
    thread.start()
    wait_for(lambda: api.show(image["id"])["status"] == "uploading")
    assert api.delete(f"/v2/images/{image['id']}").status == 204
    go.set()
    thread.join()
    assert replies == [410]
    wait_for(lambda: is_clean(service, before))


def test_an_import_waits_for_staging_to_end(api: Api) -> None:
    """While data is still coming the image says uploading; an import then finds nothing that is whole."""
    image, go = api.create(), threading.Event()
    replies: list[int] = []
    thread = threading.Thread(
        target=lambda: replies.append(stage(api, image["id"], slowly([DATA, DATA], go)).status)  # type: ignore[arg-type]
    )
    thread.start()
    wait_for(lambda: api.show(image["id"])["status"] == "uploading")
    reply = api.post(f"/v2/images/{image['id']}/import", {"method": {"name": "glance-direct"}})
    go.set()
    thread.join()
    assert (reply.status, replies) == (409, [204]), reply.text
    assert run_import(api, image["id"], "glance-direct")["status"] == "success"
    assert api.show(image["id"])["size"] == 2 * len(DATA)


def test_of_two_that_stage_one_wins(service: Service, api: Api) -> None:
    image, before = api.create(), files_of(service)
    replies: list[int] = []
    threads = [threading.Thread(target=lambda: replies.append(stage(api, image["id"]).status)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [204, 409, 409, 409, 409]
    wait_for(lambda: len(files_of(service) - before) == 1)


def test_a_client_that_vanishes_leaves_nothing(service: Service, api: Api) -> None:
    image, before = api.create(), files_of(service)
    headers = {**api.identity(), "Content-Type": "application/octet-stream", "Content-Length": str(len(DATA))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", service.api.port)) as client:
        client.sendall(f"PUT /v2/images/{image['id']}/stage HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode() + DATA[:-1])
        wait_for(lambda: api.show(image["id"])["status"] == "uploading")
    wait_for(lambda: api.show(image["id"])["status"] == "queued")
    assert_untouched(api, image["id"])
    wait_for(lambda: is_clean(service, before))


def test_a_place_for_staging_that_cannot_be_used_is_said(service: Service, api: Api) -> None:
    image = api.create()
    with spoiled(service, "os_glance_staging_store"):
        assert stage(api, image["id"]).status == 503
        assert_untouched(api, image["id"])
    assert stage(api, image["id"]).status == 204


Start = Callable[..., Service]


def test_staged_data_outlives_a_restart(start_service: Start) -> None:
    service = start_service(REGISTRY_LEASE_SECONDS="1")
    api = Api(service.url)
    image = create_staged(api)
    service.kill()
    service.start()
    assert api.show(image["id"])["status"] == "uploading"
    assert run_import(api, image["id"], "glance-direct")["status"] == "success"
    assert api.get(image["file"]).body == DATA
