"""Image data comes in and goes out through every documented web server as it does through our own."""

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from deployments.site import Site
from harness import Api

pytestmark = pytest.mark.slow

MIB = 1 << 20

CUTS = {
    "before its first byte": b"",
    "between two chunks": b"%x\r\n%s\r\n" % (MIB, bytes(MIB)),
    "within a chunk": b"%x\r\n%s" % (2 * MIB, bytes(MIB)),
    "within a chunk's size": b"%x\r\n%s\r\n100" % (MIB, bytes(MIB)),
    "before its last line": b"%x\r\n%s\r\n0\r\n" % (MIB, bytes(MIB)),
}


def in_blocks(data: bytes) -> Iterator[bytes]:
    """The same bytes as an iterator, which makes them be sent chunked."""
    return (data[at : at + 100_000] for at in range(0, len(data), 100_000))


def upload_and_vanish(
    api: Api, image_id: str, framing: str, body: bytes, reset: bool = False, reaches_service: bool = True
) -> None:
    """Send a part of an upload until the service works on it; then close the connection, silently or with a reset."""
    url = urlsplit(api.url)
    headers = api.identity() | {"Host": url.netloc, "Content-Type": "application/octet-stream"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((url.hostname, url.port), 10) as client:
        client.sendall(f"PUT /v2/images/{image_id}/file HTTP/1.1\r\n{head}{framing}\r\n\r\n".encode() + body)
        if reaches_service:
            assert wait_while(api, image_id, "queued")["status"] == "saving"
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def wait_while(api: Api, image_id: str, status: str) -> dict[str, object]:
    """The image once its status is another, or as it is after twenty seconds."""
    deadline = time.monotonic() + 20
    while (image := api.show(image_id))["status"] == status and time.monotonic() < deadline:
        time.sleep(0.05)
    return image


@pytest.mark.parametrize("send", [bytes, in_blocks], ids=["with a length", "chunked"])
def test_uploaded_data_comes_back_whole_and_in_part(site: Site, send: Callable[[bytes], object]) -> None:
    api = Api(site.url)
    data = os.urandom(3 * MIB + 17)
    image = api.create()

    assert api.upload(image["id"], send(data)).status == 204

    image = api.show(image["id"])
    assert (image["status"], image["size"]) == ("active", len(data))
    whole, part = api.get(image["file"]), api.get(image["file"], range=f"bytes={MIB - 9}-{MIB + 8}")
    assert (whole.status, whole.headers["Content-Length"]) == (200, str(len(data)))
    assert whole.body == data
    assert (part.status, part.body) == (206, data[MIB - 9 : MIB + 9])


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_chunked_upload_that_is_cut_leaves_its_image_queued(site: Site, cut: str, reset: bool) -> None:
    api = Api(site.url)
    image = api.create()
    before = set(site.data_dir.glob("images/*"))

    framing = "Transfer-Encoding: chunked"
    upload_and_vanish(api, image["id"], framing, CUTS[cut], reset, reaches_service=not site.spools_chunked)

    image = wait_while(api, image["id"], "saving")
    assert (image["status"], image["size"]) == ("queued", None)
    assert set(site.data_dir.glob("images/*")) == before
    assert api.upload(image["id"], b"the whole of it").status == 204


def test_an_upload_that_ends_before_its_length_leaves_its_image_queued(site: Site) -> None:
    api = Api(site.url)
    image = api.create()

    upload_and_vanish(api, image["id"], f"Content-Length: {2 * MIB}", bytes(MIB))

    assert wait_while(api, image["id"], "saving")["status"] == "queued"


def test_an_identity_header_spelt_with_underscores_is_nobodys(site: Site) -> None:
    admin = Api(site.url).as_admin()
    misspelt = {name.replace("-", "_"): value for name, value in admin.identity().items()}

    assert admin.get("/v2/images").status == 200
    assert admin.as_nobody().request("GET", "/v2/images", headers=misspelt).status == 401
