"""What is Apache's own: chunked bodies have to be allowed, and it can serve the registry as well."""

from collections.abc import Callable, Iterator

import pytest
import urllib3
from deployments import apache
from deployments.apache import Apache
from harness import Api

pytestmark = [pytest.mark.slow, pytest.mark.needs(*apache.NEEDS)]


def in_blocks(data: bytes) -> Iterator[bytes]:
    yield data


def test_a_chunked_upload_is_refused_where_apache_was_not_told_to_take_it(start_site: Callable[..., Apache]) -> None:
    api = Api(start_site(Apache, switches=()).url)
    image = api.create()

    assert api.upload(image["id"], in_blocks(b"data")).status == 411

    assert api.show(image["id"])["status"] == "queued"
    assert api.upload(image["id"], b"with a length").status == 204


def test_apart_the_api_asks_the_registry_that_apache_serves_too(start_site: Callable[..., Apache]) -> None:
    site = start_site(Apache, is_apart=True)

    Api(site.url).create_with(b"data")

    assert "POST /rpc/commit_blob HTTP/1.1 200" in site.read_log("registry")
    assert "/rpc/" not in site.read_log("api")


@pytest.mark.parametrize(("switches", "status"), [(("WSGIPassAuthorization On",), 200), ((), 401)])
def test_a_name_and_password_arrive_where_apache_was_told_to_pass_them_on(
    start_site: Callable[..., Apache], switches: tuple[str, ...], status: int
) -> None:
    site = start_site(Apache, flavor="file", switches=switches)
    site.add_user("alice", "correct horse")
    credentials = urllib3.make_headers(basic_auth="alice:correct horse")

    assert Api(site.url).as_nobody().request("GET", "/v2/images", headers=credentials).status == status
