"""Reading an image whose data lies elsewhere, when elsewhere has changed."""

from collections.abc import Callable, Iterator

import pytest
from fakes.remote import Asked, Remote, answer
from harness import Api, Service

DATA = b"0123456789"


def page(data: bytes) -> Callable[[Asked], bytes]:
    """An answer that knows no ranges."""
    return lambda asked: answer(data) if asked.method == "GET" else answer(data)[: -len(data)]


@pytest.fixture
def web() -> Iterator[Remote]:
    remote = Remote()
    remote.pages |= {"/a": page(DATA), "/b": page(DATA)}
    yield remote
    remote.close()


@pytest.fixture
def api(web: Remote, start_service: Callable[..., Service]) -> Api:
    options = {
        "SHOW_MULTIPLE_LOCATIONS": "true",
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.1",
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": str(web.port),
    }
    return Api(start_service(**options).url)


def locate(api: Api, web: Remote, *targets: str) -> str:
    """Path of the data of a new image that lies at these places."""
    image = api.create()
    for target in targets:
        change = {"op": "add", "path": "/locations/-", "value": {"url": web.url(target), "metadata": {}}}
        assert api.patch(image["id"], [change]).status == 200
    path: str = image["file"]
    return path


def test_a_place_that_is_gone_is_not_found_and_the_next_one_is_read(api: Api, web: Remote) -> None:
    one, two = locate(api, web, "/a"), locate(api, web, "/a", "/b")
    del web.pages["/a"]
    gone = api.get(one)
    assert gone.status == 404
    assert "is not to be found in any of its stores" in gone.json["message"]
    assert "SECRET" not in gone.text
    assert (api.get(two).status, api.get(two).body) == (200, DATA)


def test_a_place_that_holds_something_else_is_not_found(api: Api, web: Remote) -> None:
    path = locate(api, web, "/a")
    web.pages["/a"] = page(DATA + b"!")
    assert api.get(path).status == 404


def test_a_place_that_does_not_answer_is_unavailable(api: Api, web: Remote) -> None:
    path = locate(api, web, "/a", "/b")
    web.close()
    reply = api.get(path)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert api.show(path.split("/")[3])["status"] == "active"


def test_of_a_place_without_ranges_a_part_is_cut_out_on_the_way(api: Api, web: Remote) -> None:
    path = locate(api, web, "/a")
    for asked, part in (("bytes=0-4", DATA[:5]), ("bytes=5-", DATA[5:]), ("bytes=3-6", DATA[3:7])):
        reply = api.get(path, Range=asked)
        assert (reply.status, reply.body) == (206, part)
    assert api.get(path, Range="bytes=10-").status == 416
