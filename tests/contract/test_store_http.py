"""The http store: reads what a location names, in whole or in part, and never more than the rules allow."""

import itertools

import pytest
from fakes.remote import Remote, answer, redirect, silence

from glancelite.domain.ports import ForeignStore
from glancelite.errors import ConfigError, DataNotFound, InvalidLocation, RangeNotServed, StoreUnavailable
from glancelite.fetch import Rules
from glancelite.fetch import answer as answers
from glancelite.fetch.rules import parse_network
from glancelite.stores import HTTP_OPTIONS
from glancelite.stores.http import HttpStore

DATA = bytes(range(256)) * 64


@pytest.fixture
def remote():
    remote = Remote()
    remote.pages["/x.img"] = serve
    yield remote
    remote.close()


@pytest.fixture
def store(remote):
    rules = Rules(allowed_ports=frozenset({remote.port}), allowed_networks=(parse_network("127.0.0.1"),))
    return HttpStore("web", rules, cap=1 << 20)


def serve(asked):
    """What a web server does with a file."""
    if asked.method == "HEAD":
        return answer(Content_Length=len(DATA))
    if "Range" not in asked.headers:
        return answer(DATA)
    first, _, last = asked.headers["Range"].removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last or len(DATA)), len(DATA) - 1)
    return answer(DATA[start : end + 1], "206 Partial Content", Content_Range=f"bytes {start}-{end}/{len(DATA)}")


def read(store, url, *part):
    body, size = store.open_url(url, *part)
    try:
        return b"".join(iter(lambda: body.read(1000), b"")), size
    finally:
        body.close()


def test_it_is_a_store_of_foreign_places(store):
    assert isinstance(store, ForeignStore)
    assert (store.id, store.driver, store.schemes) == ("web", "http", ("http", "https"))
    assert {option.name: option.default for option in HTTP_OPTIONS} == {
        "https_ca_certificates_file": "",
        "https_insecure": False,
    }


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_stops_the_start(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=f"https_ca_certificates_file: {file} holds no certificates"):
        HttpStore("web", Rules(), cap=1, ca_file=str(file))


def test_an_image_is_read_with_its_size(store, remote):
    assert read(store, remote.url("/x.img")) == (DATA, len(DATA))


@pytest.mark.parametrize(("offset", "length"), [(1, None), (100, 28), (0, 5), (len(DATA) - 1, None), (16_000, 9999)])
def test_a_part_is_read_and_the_size_of_all_is_told(store, remote, offset, length):
    end = None if length is None else offset + length
    assert read(store, remote.url("/x.img"), offset, length) == (DATA[offset:end], len(DATA))
    assert remote.asked[0].headers["Range"] == f"bytes={offset}-{'' if end is None else end - 1}"


def test_a_part_of_a_place_without_ranges_is_read_from_the_beginning(store, remote, monkeypatch):
    remote.pages["/plain"] = answer(DATA)
    assert read(store, remote.url("/plain"), 100, 28) == (DATA[100:128], len(DATA))
    monkeypatch.setattr(answers, "MOST_SKIPPED", 99)
    with pytest.raises(RangeNotServed):
        store.open_url(remote.url("/plain"), 100, 28)


def test_a_size_that_is_not_told_is_none(store, remote):
    remote.pages["/x"] = answer(DATA, Content_Length=None)
    assert read(store, remote.url("/x")) == (DATA, None)


def test_the_size_is_asked_without_the_bytes(store, remote):
    assert store.size_url(remote.url("/x.img")) == len(DATA)
    assert [asked.method for asked in remote.asked] == ["HEAD"]


@pytest.mark.parametrize("status", ["403 Forbidden", "405 Method Not Allowed", "501 Not Implemented"])
def test_where_a_head_is_refused_the_size_is_that_of_a_get(store, remote, status):
    remote.pages["/x"] = lambda asked: answer(b"", status) if asked.method == "HEAD" else [answer(DATA), silence]
    assert store.size_url(remote.url("/x")) == len(DATA)


def test_a_size_that_nobody_tells_is_zero(store, remote):
    remote.pages["/x"] = lambda asked: itertools.chain([answer(Content_Length=None)], itertools.repeat(DATA))
    assert store.size_url(remote.url("/x")) == 0


def test_credentials_of_a_location_are_sent_and_never_shown(store, remote, caplog):
    caplog.set_level(0)
    remote.pages["/no"] = answer(b"", "403 Forbidden")
    url = remote.url("/x.img").replace("://", "://bob:s3cr%65t@")
    assert read(store, url) == (DATA, len(DATA))
    assert remote.asked[0].headers["Authorization"] == "Basic Ym9iOnMzY3JldA=="
    with pytest.raises(StoreUnavailable) as caught:
        store.open_url(url.replace("/x.img", "/no"))
    assert "bob" not in str(caught.value) + caplog.text


# What cannot be read --------------------------------------------------------------------------------------------------

BAD = {
    "a scheme that it does not read": "ftp://127.0.0.1:{port}/x.img",
    "a file": "file:///etc/passwd",
    "a swift account": "swift+config://a/b/c",
    "words": "my image",
    "an address that is not allowed": "http://127.0.0.2:{port}/x.img",
    "a port that is not allowed": "http://127.0.0.1:9/x.img",
    "a fragment": "http://127.0.0.1:{port}/x.img#1",
    "a place that is not there": "http://127.0.0.1:{port}/nothing",
    "a place that asks for a login": "http://127.0.0.1:{port}/login",
    "a redirect to a place that is not allowed": "http://127.0.0.1:{port}/away",
}


@pytest.fixture
def bad_url(remote, request):
    remote.pages |= {"/login": answer(b"", "401 Unauthorized"), "/away": redirect("http://127.0.0.2/")}
    return BAD[request.param].format(port=remote.port)


@pytest.mark.parametrize("bad_url", BAD, indirect=True)
def test_a_location_that_cannot_be_read_is_invalid(store, bad_url):
    with pytest.raises(InvalidLocation, match=r"^Invalid location: ") as caught:
        store.size_url(bad_url)
    assert caught.value.status == 400
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("bad_url", BAD, indirect=True)
def test_reading_a_location_that_went_bad_is_not_the_readers_fault(store, bad_url):
    with pytest.raises((DataNotFound, StoreUnavailable)):
        store.open_url(bad_url)


def test_data_that_is_gone_is_not_found(store, remote):
    with pytest.raises(DataNotFound):
        store.open_url(remote.url("/nothing"))


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_a_busy_place_is_unavailable(store, remote, status):
    remote.pages["/x"] = answer(b"SECRET", status)
    for ask in (store.open_url, store.size_url):
        with pytest.raises(StoreUnavailable) as caught:
            ask(remote.url("/x"))
        assert "SECRET" not in str(caught.value)


def test_a_place_where_nobody_listens_is_unavailable(store, remote):
    remote.close()
    for ask in (store.open_url, store.size_url):
        with pytest.raises(StoreUnavailable, match="no connection"):
            ask(remote.url("/x"))


def test_an_image_beyond_the_cap_is_not_read(store, remote):
    remote.pages["/x"] = answer(Content_Length=1 << 21)
    with pytest.raises(StoreUnavailable, match="more than the 1048576 bytes"):
        store.open_url(remote.url("/x"))
