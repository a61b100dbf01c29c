"""Whole images that the web server sends from their files itself, because we name them in a header that it keeps."""

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

    rest = api.get(image["file"], range="bytes=4-", if_range=whole.headers["ETag"])
    assert (rest.status, rest.body) == (206, b"456789")
    other = api.get(image["file"], range="bytes=4-", if_range='"of another image"')
    assert (other.status, other.body) == (200, b"0123456789")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.needs(*needs), id=name) for name, (kind, needs) in SERVERS.items()]
)
def test_it_is_the_web_server_that_sends_the_file(start_site: Callable[..., Any], kind: type[Any]) -> None:
    """One that may send other files only has nothing to send."""
    site = start_site(type("Elsewhere", (kind,), {"sends_from": "elsewhere"}))
    api = Api(site.url)
    image = api.create_with(b"0123456789")

    assert api.get(image["file"]).status in (300, 403, 404)


def test_nobody_gets_at_the_files_without_us(site: Any) -> None:
    api = Api(site.url)
    before = set((site.data_dir / "images").iterdir())
    image = api.create_with(b"0123456789")
    (file,) = set((site.data_dir / "images").iterdir()) - before

    for path in (f"/handed-off{file}", str(file)):
        assert api.get(path).status in (300, 404)
    assert api.as_stranger().get(image["file"]).status == 404
