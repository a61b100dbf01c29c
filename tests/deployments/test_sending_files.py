"""Images that the web server sends from their files itself, because we name them in a header that it keeps."""

from collections.abc import Callable
from typing import Any

import pytest
from deployments import apache, uwsgi
from deployments.apache import ApacheSendingFiles
from deployments.uwsgi import NginxSendingFiles
from harness import Api

pytestmark = pytest.mark.slow

SERVERS = {
    "apache": (ApacheSendingFiles, apache.NEEDS_FOR_FILES),
    "nginx": (NginxSendingFiles, uwsgi.NEEDS),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.needs(*needs), id=name) for name, (kind, needs) in SERVERS.items()],
)
def site(request: pytest.FixtureRequest, start_site: Callable[..., Any]) -> Any:
    """A web server that sends files."""
    return start_site(request.param)


def test_a_whole_image_comes_with_what_we_tell_of_it(site: Any) -> None:
    api = Api(site.url)
    image = api.create_with(b"0123456789")

    whole = api.get(image["file"])
    assert (whole.status, whole.body, whole.headers["Content-Length"]) == (200, b"0123456789", "10")
    assert (whole.headers["ETag"], whole.headers["Content-MD5"]) == (f'"{image["os_hash_value"]}"', image["checksum"])
    assert whole.headers["Content-Type"] == "application/octet-stream"
    assert whole.headers["x-openstack-request-id"].startswith("req-")
    assert not {"x-accel-redirect", "x-sendfile"} & {name.lower() for name in whole.headers}
    assert api.get(image["file"], if_none_match=whole.headers["ETag"]).status == 304

    for asked, body, told in (
        ("4-", b"456789", "4-9"),
        ("-3", b"789", "7-9"),
        ("2-5", b"2345", "2-5"),
        ("2-99", b"23456789", "2-9"),
    ):
        part = api.get(image["file"], range=f"bytes={asked}")
        assert (part.status, part.body, part.headers["Content-Range"]) == (206, body, f"bytes {told}/10")
        assert (part.headers["ETag"], part.headers["Content-MD5"]) == (whole.headers["ETag"], image["checksum"])
    assert [api.get(image["file"], range=f"bytes={asked}").status for asked in ("10-", "5-4", "1-2,4-5")] == [
        416,
        416,
        400,
    ]
    for condition in ({"if_match": whole.headers["ETag"]}, {"if_unmodified_since": whole.headers["Last-Modified"]}):
        assert api.get(image["file"], **condition).body == b"0123456789"
        assert api.get(image["file"], range="bytes=4-", **condition).body == b"456789"
    rest = api.get(image["file"], range="bytes=4-", if_range=whole.headers["ETag"])
    assert (rest.status, rest.body) == (206, b"456789")
    other = api.get(image["file"], range="bytes=4-", if_range='"of another image"')
    assert (other.status, other.body) == (200, b"0123456789")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.needs(*needs), id=name) for name, (kind, needs) in SERVERS.items()]
)
def test_it_is_the_web_server_that_sends_the_file(start_site: Callable[..., Any], kind: type[Any]) -> None:
    """One that may send other files only has nothing to send. Apache then closes the connection without saying so."""
    site = start_site(type("Elsewhere", (kind,), {"sends_from": "elsewhere"}))
    api = Api(site.url)
    image = api.create_with(b"0123456789")

    def get(**headers: str) -> Any:
        return api.get(image["file"], connection="close", **headers)

    assert get().status in (300, 403, 404)
    assert get(range="bytes=4-").status in (300, 403, 404)
    assert get(range="bytes=4-", if_range=f'"{image["os_hash_value"]}"').body == b"456789"


def test_nobody_gets_at_the_files_without_us(site: Any) -> None:
    api = Api(site.url)
    before = set((site.data_dir / "images").iterdir())
    image = api.create_with(b"0123456789")
    (file,) = set((site.data_dir / "images").iterdir()) - before

    for path in (f"/handed-off{file}", str(file)):
        assert api.get(path).status in (300, 404)
    assert api.as_stranger().get(image["file"]).status == 404
