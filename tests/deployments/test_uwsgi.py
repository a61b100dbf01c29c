"""What is uwsgi's own: it does not tell the end of a chunked body, so nginx has to."""

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from deployments import uwsgi
from deployments.uwsgi import NginxUwsgi
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
