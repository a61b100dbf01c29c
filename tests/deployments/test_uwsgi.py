"""What is uwsgi's own: it does not tell the end of a chunked body, so nginx has to."""

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from deployments import uwsgi
from deployments.uwsgi import NginxSendingFiles, NginxUwsgi
from harness import Api

pytestmark = [pytest.mark.slow, pytest.mark.needs(*uwsgi.NEEDS)]


def announce_chunks(url: str, api: Api, path: str) -> int:
    """The status that answers the head of a chunked upload, on a connection of its own.

    uwsgi closes on a body that nobody reads, and the reset overtakes the answer: so no body is sent. It also closes
    after each answer without saying so, which a pool of connections finds out too late.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.putrequest("PUT", path)
        headers = {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}
        for name, value in (api.identity() | headers).items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_without_nginx_a_chunked_upload_is_refused(start_site: Callable[..., NginxUwsgi]) -> None:
    site = start_site(NginxUwsgi)
    api = Api(site.url)
    image = api.create()

    assert announce_chunks(site.bare_url, api, image["file"]) == 411

    assert api.show(image["id"])["status"] == "queued"
    assert api.upload(image["id"], b"with a length").status == 204


def test_nginx_sends_a_whole_image_itself_and_tells_what_we_tell(start_site: Callable[..., NginxSendingFiles]) -> None:
    site = start_site(NginxSendingFiles)
    api = Api(site.url)
    image = api.create_with(b"0123456789")

    whole = api.get(image["file"])
    assert (whole.status, whole.body, whole.headers["Content-Length"]) == (200, b"0123456789", "10")
    assert (whole.headers["ETag"], whole.headers["Content-MD5"]) == (f'"{image["os_hash_value"]}"', image["checksum"])
    assert whole.headers["Content-Type"] == "application/octet-stream"
    assert whole.headers["x-openstack-request-id"].startswith("req-")
    assert "X-Accel-Redirect" not in whole.headers
    assert api.get(image["file"], if_none_match=whole.headers["ETag"]).status == 304

    rest = api.get(image["file"], range="bytes=4-", if_range=whole.headers["ETag"])
    assert (rest.status, rest.body) == (206, b"456789")
    other = api.get(image["file"], range="bytes=4-", if_range='"of another image"')
    assert (other.status, other.body) == (200, b"0123456789")


def test_nobody_gets_at_the_files_without_us(start_site: Callable[..., NginxSendingFiles]) -> None:
    site = start_site(NginxSendingFiles)
    api = Api(site.url)
    image = api.create_with(b"0123456789")
    (file,) = (path for path in (site.data_dir / "images").iterdir() if not path.name.startswith("."))

    assert api.get(f"/handed-off{file}").status in (300, 404)
    assert api.as_stranger().get(image["file"]).status == 404
