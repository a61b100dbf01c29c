"""Bringing data into an image."""

import hashlib
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import Api

MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"


def status(api: Api, image_id: str) -> tuple[str, int | None, str | None]:
    image = api.show(image_id)
    return image["status"], image["size"], image["checksum"]


QUEUED = ("queued", None, None)


def test_an_upload_answers_with_nothing_and_fills_what_the_service_knows(api: Api) -> None:
    image = api.create(disk_format="raw")
    reply = api.upload(image["id"], b"some data")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (204, b"", "text/html; charset=UTF-8")
    shown = api.show(image["id"])
    changed = {name for name in shown if shown[name] != image[name]} - {"updated_at"}
    assert changed == {"status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"}
    assert (shown["size"], shown["virtual_size"]) == (9, 9)
    assert shown["os_hash_value"] == hashlib.sha512(b"some data").hexdigest()


@pytest.mark.parametrize("size", [1, 4096, (1 << 20) - 1, 1 << 20, (2 << 20) + 1])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_data_of_any_length_comes_in_with_a_length_and_in_chunks(api: Api, size: int, is_chunked: bool) -> None:
    data = os.urandom(size)
    image = api.create()
    pieces = (data[at : at + 70_000] for at in range(0, size, 70_000))
    assert api.upload(image["id"], pieces if is_chunked else data).status == 204
    assert status(api, image["id"]) == ("active", size, hashlib.md5(data).hexdigest())
    assert api.get(image["file"]).body == data


@pytest.mark.parametrize("body", [b"", iter([])], ids=["length", "chunked"])
def test_an_upload_of_nothing_makes_an_empty_active_image(api: Api, body: object) -> None:
    image = api.create(disk_format="qcow2")
    assert api.upload(image["id"], body if body == b"" else iter([])).status == 204
    shown = api.show(image["id"])
    assert (shown["status"], shown["size"], shown["virtual_size"]) == ("active", 0, None)
    assert shown["checksum"] == MD5_OF_NOTHING
    reply = api.get(image["file"])
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    "kind", ["", "application/json", "text/plain", "application/octet-streams", "Application/Octet-Stream"]
)
def test_data_must_be_called_an_octet_stream(api: Api, kind: str) -> None:
    image = api.create()
    for image_id in (image["id"], str(uuid.uuid4())):
        reply = api.upload(image_id, b"x", **{"Content-Type": kind})
        assert reply.status == 415
        assert "application/octet-stream" in reply.json["message"]
    assert status(api, image["id"]) == QUEUED
    assert api.upload(image["id"], b"x", **{"Content-Type": "application/octet-stream; a=b"}).status == 204


@pytest.mark.parametrize("text", ["x", "-1", "1.0", "", "1e3", "+5", "0x5", "5 5", "9" * 30])
def test_a_size_header_that_is_no_size_is_refused_before_the_image_is_looked_for(api: Api, text: str) -> None:
    for image_id in (api.create()["id"], str(uuid.uuid4())):
        reply = api.upload(image_id, b"12345", x_openstack_image_size=text)
        assert (reply.status, "x-openstack-image-size" in reply.json["message"]) == (400, True)


def as_is(data: bytes) -> bytes:
    return data


def in_chunks(data: bytes) -> Iterator[bytes]:
    return iter([data])


@pytest.mark.parametrize("body", [as_is, in_chunks])
@pytest.mark.parametrize("declared", ["0", "4", "6", "99999"])
def test_data_must_be_as_long_as_it_was_declared(api: Api, declared: str, body: Callable[[bytes], object]) -> None:
    image = api.create()
    reply = api.upload(image["id"], body(b"12345"), x_openstack_image_size=declared)
    assert reply.status == 400
    assert f"but {declared} bytes were declared" in reply.json["message"]
    assert status(api, image["id"]) == QUEUED
    assert api.get(image["file"]).status == 204
    assert api.upload(image["id"], body(b"12345"), x_openstack_image_size="5").status == 204


def send_half(api: Api, path: str, framing: str, body: bytes) -> str:
    """An upload over a bare socket whose sender says no more after `body`; the status line of the answer."""
    host, port = api.url.removeprefix("http://").split(":")
    headers = {"Host": host, "Content-Type": "application/octet-stream", **api.identity()}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((host, int(port)), 20) as peer:
        peer.sendall(f"PUT {path} HTTP/1.1\r\n{head}{framing}\r\n\r\n".encode() + body)
        peer.shutdown(socket.SHUT_WR)
        return peer.makefile("rb").readline().decode()


@pytest.mark.parametrize(
    ("framing", "body"),
    [("Content-Length: 10", b"12345"), ("Transfer-Encoding: chunked", b"5\r\n12345\r\n"), ("Content-Length: 1", b"")],
)
def test_an_upload_that_ends_early_leaves_the_image_queued(api: Api, framing: str, body: bytes) -> None:
    image = api.create()
    assert " 400 " in send_half(api, image["file"], framing, body)
    assert status(api, image["id"]) == QUEUED
    assert api.upload(image["id"], b"whole").status == 204


def test_an_image_takes_data_once(api: Api) -> None:
    image = api.create_with(b"first")
    reply = api.upload(image["id"], b"second")
    assert reply.status == 409
    assert "status transition from active to saving is not allowed" in reply.json["message"]
    assert api.get(image["file"]).body == b"first"


@pytest.mark.parametrize("missing", ["disk_format", "container_format"])
def test_formats_must_be_set_before_data_comes(api: Api, missing: str) -> None:
    image = api.create(**{missing: None})
    reply = api.upload(image["id"], b"x")
    assert reply.status == 400
    assert f"Properties {missing} of image" in reply.json["message"]
    assert status(api, image["id"]) == QUEUED
    assert api.patch(image["id"], [{"op": "replace", "path": f"/{missing}", "value": "ami"}]).status == 200
    assert api.upload(image["id"], b"x").status == 204


def test_who_may_not_change_an_image_may_not_bring_data(api: Api) -> None:
    image = api.as_admin().create(owner=api.project, visibility="public")
    for caller in (api.as_stranger(), api.as_reader()):
        refused = caller.upload(image["id"], b"x")
        assert (refused.status, refused.json["message"]) == (
            403,
            "You are not authorized to complete upload_image action.",
        )
    assert api.as_nobody().upload(image["id"], b"x").status == 401
    assert api.as_admin().upload(image["id"], b"x").status == 204


# Limits ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [as_is, in_chunks])
def test_an_image_may_not_be_larger_than_the_cap(small: Callable[[], Api], body: Callable[[bytes], object]) -> None:
    api = small()
    image = api.create()
    reply = api.upload(image["id"], body(bytes(4001)))
    assert reply.status == 413
    assert "exceeds the limit of 4000 bytes" in reply.json["message"]
    assert status(api, image["id"]) == QUEUED
    assert api.upload(image["id"], body(bytes(4000))).status == 204


def test_a_declared_size_above_the_cap_is_refused_before_the_image_is_looked_for(small: Callable[[], Api]) -> None:
    assert small().upload(str(uuid.uuid4()), b"x", x_openstack_image_size="4001").status == 413


@pytest.mark.parametrize("body", [as_is, in_chunks])
def test_a_project_may_not_store_more_than_its_quota(small: Callable[[], Api], body: Callable[[bytes], object]) -> None:
    api = small()
    first = api.create_with(bytes(3500))
    image = api.create()
    reply = api.upload(image["id"], body(bytes(2501)))
    assert reply.status == 413
    assert "bytes of image data" in reply.json["message"]
    assert status(api, image["id"]) == QUEUED
    assert api.upload(image["id"], body(bytes(2500))).status == 204
    assert api.upload(api.create()["id"], body(b"x")).status == 413
    assert api.as_stranger().create_with(bytes(4000))["status"] == "active"
    assert api.delete(first["self"]).status == 204
    assert api.create_with(bytes(3500))["status"] == "active"


def test_a_quota_is_the_owners_not_the_uploaders(small: Callable[[], Api]) -> None:
    api = small()
    image = api.create_with(bytes(4000))
    second = api.create()
    assert api.as_admin().upload(second["id"], bytes(2001)).status == 413
    assert api.as_admin().upload(second["id"], bytes(2000)).status == 204
    assert image["owner"] == api.project


def test_what_is_checked_is_the_format_that_the_image_has_when_its_data_begins(start_service) -> None:
    """A change of format that is as quick as the upload is either before it or refused, never beside it."""
    service = start_service(workers=2)
    other = b"\x7fELF" + bytes(60)
    for _ in range(40):
        api = Api(service.url)
        image = api.create(disk_format="raw")
        with ThreadPoolExecutor(2) as pool:
            upload = pool.submit(api.upload, image["id"], other)
            change = [{"op": "replace", "path": "/disk_format", "value": "qcow2"}]
            patch = pool.submit(Api(service.url, api.project).patch, image["id"], change)
        found = api.show(image["id"])
        assert (found["status"], found["disk_format"]) != ("active", "qcow2"), (upload.result(), patch.result())
