"""What is uwsgi's own: it does not tell the end of a chunked body, so nginx has to; few requests may wait for it."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


@pytest.mark.skipif(uwsgi.MOST < 1024, reason="this host lets fewer connections wait")
def test_requests_that_come_at_once_wait_for_their_turn(start_site: Callable[..., NginxUwsgi]) -> None:
    site = start_site(NginxUwsgi)
    master = site._processes[0].pid
    workers = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True, check=True).stdout.split()
    count = 200  # nginx takes 512 connections, two for each

    def ask(_: int) -> int:
        return Api(site.url).get("/v2/images").status

    with ThreadPoolExecutor(count) as clients:
        for worker in workers:
            os.kill(int(worker), signal.SIGSTOP)
        try:
            answers = [clients.submit(ask, number) for number in range(count)]
            time.sleep(1)  # all are there, and none is taken
        finally:
            for worker in workers:
                os.kill(int(worker), signal.SIGCONT)
        assert {answer.result(60) for answer in answers} == {200}
