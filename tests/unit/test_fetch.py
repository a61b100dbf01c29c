"""Fetching: what arrives, how long it may take, and what a remote can not do to us."""

import itertools
import time

import pytest
from fakes.remote import RESET, Remote, answer, redirect, silence

from glancelite.errors import (
    GlanceliteError,
    RangeNotServed,
    RemoteNotFound,
    RemoteRefused,
    RemoteTooLarge,
    RemoteUnavailable,
    UriRefused,
)
from glancelite.fetch import Rules, check_url, open_url
from glancelite.fetch import answer as answers
from glancelite.fetch.rules import parse_network

DATA = bytes(range(256)) * 40


@pytest.fixture
def remote():
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture
def other():
    other = Remote("127.0.0.3")
    yield other
    other.close()


def rules(*remotes, networks=("127.0.0.1", "127.0.0.3"), **more):
    ports = frozenset(remote.port for remote in remotes)
    return Rules(allowed_ports=ports, allowed_networks=tuple(map(parse_network, networks)), **more)


def fetch(remote, target="/", *, also=(), size=1 << 16, **options):
    """All that a fetch brings."""
    allowed = rules(remote, *also)
    url = check_url(remote.url(target), allowed, allow_credentials=True)
    return read_all(open_url(url, allowed, **{"cap": 1 << 30, **options}), size)


def read_all(fetched, size=1 << 16):
    with fetched:
        return b"".join(iter(lambda: fetched.read(size), b""))


def failure(kind, remote, target="/", **options):
    """The sentence of a fetch that fails; no word of the remote's is in it."""
    with pytest.raises(kind) as caught:
        fetch(remote, target, **options)
    assert "SECRET" not in str(caught.value)
    return str(caught.value)


# What arrives ---------------------------------------------------------------------------------------------------------


def test_the_bytes_arrive_as_they_are(remote):
    remote.pages["/x.img?a=1"] = answer(DATA)
    assert fetch(remote, "/x.img?a=1", size=1000) == DATA
    assert remote.asked[0].headers["Host"] == f"127.0.0.1:{remote.port}"


def test_the_size_is_known_before_the_bytes(remote):
    remote.pages["/"] = answer(DATA)
    allowed = rules(remote)
    with open_url(check_url(remote.url(), allowed), allowed, cap=1 << 20) as fetched:
        assert (fetched.status, fetched.size, fetched.total) == (200, len(DATA), len(DATA))


def test_an_empty_answer_is_no_failure(remote):
    remote.pages["/"] = answer(b"")
    assert fetch(remote) == b""


def test_chunks_are_put_together_and_their_size_is_not_known(remote):
    chunked = b"".join(b"%x;a=b\r\n%s\r\n" % (len(c), c) for c in (DATA[:1], DATA[1:7000], DATA[7000:]))
    remote.pages["/"] = answer(Content_Length=None, Transfer_Encoding="chunked") + chunked + b"0\r\nX: y\r\n\r\n"
    assert fetch(remote) == DATA
    allowed = rules(remote)
    with open_url(check_url(remote.url(), allowed), allowed, cap=1 << 20) as fetched:
        assert fetched.size is None


def test_an_answer_without_a_length_ends_with_its_connection(remote):
    remote.pages["/"] = answer(DATA, Content_Length=None)
    assert fetch(remote) == DATA


def test_an_encoding_is_neither_asked_for_nor_undone(remote):
    import gzip

    packed = gzip.compress(DATA)
    remote.pages["/"] = answer(packed, Content_Encoding="gzip")
    assert fetch(remote) == packed
    assert remote.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_head_brings_a_size_and_no_bytes(remote):
    remote.pages["/"] = answer(Content_Length=1 << 40)
    allowed = rules(remote)
    with open_url(check_url(remote.url(), allowed), allowed, cap=10, method="HEAD") as fetched:
        assert (fetched.size, fetched.read(10)) == (1 << 40, b"")
    assert remote.asked[0].method == "HEAD"


def test_own_headers_of_the_caller_are_sent(remote):
    remote.pages["/"] = answer(DATA)
    fetch(remote, headers={"X-Auth-Token": "t0k"})
    assert remote.asked[0].headers["X-Auth-Token"] == "t0k"


def test_the_environment_names_no_go_between(remote, other, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url())
    remote.pages["/"] = answer(DATA)
    assert fetch(remote) == DATA
    assert other.connections == 0


def test_the_second_address_is_asked_when_the_first_takes_no_connection(remote):
    remote.pages["/"] = answer(DATA)
    allowed = rules(remote)
    url = check_url(remote.url(host="two.example"), allowed)
    found = open_url(url, allowed, cap=1 << 20, resolve=lambda *_: ["127.0.0.3", "127.0.0.1"])
    assert read_all(found) == DATA
    assert remote.asked[0].headers["Host"] == f"two.example:{remote.port}"


# What is no answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["404 SECRET", "410 Gone"])
def test_what_is_not_there_is_not_found(remote, status):
    remote.pages["/"] = answer(b"SECRET", status)
    assert f"nothing to fetch at {remote.url()}" in failure(RemoteNotFound, remote)


@pytest.mark.parametrize("status", ["429 x", "502 x", "503 SECRET", "504 x"])
def test_a_busy_remote_is_unavailable(remote, status):
    remote.pages["/"] = answer(b"SECRET", status)
    assert f"status {status[:3]}" in failure(RemoteUnavailable, remote)


@pytest.mark.parametrize(
    "status", ["201 x", "204 x", "206 x", "300 x", "304 x", "400 x", "401 x", "403 SECRET", "500 x"]
)
def test_any_other_status_is_refused(remote, status):
    remote.pages["/"] = answer(b"", status)
    assert f"status {status[:3]}" in failure(RemoteRefused, remote)


def test_nobody_listening_is_unavailable(remote):
    allowed = rules(remote)
    url = check_url(f"http://127.0.0.3:{remote.port}/", allowed)
    with pytest.raises(RemoteUnavailable, match="no connection"):
        open_url(url, allowed, cap=1)


NOT_HTTP = {
    "words": b"SECRET hello\r\n\r\n",
    "a status that is none": b"HTTP/1.1 SECRET\r\n\r\n",
    "a negative length": answer(DATA, Content_Length=-1),
    "a length with a sign": answer(DATA, Content_Length=f"+{len(DATA)}"),
    "a length with an underscore": answer(DATA, Content_Length="1_000"),
    "two lengths": answer(DATA, Content_Length=f"{len(DATA)}\r\nContent-Length: 1"),
    "length and chunks": answer(DATA, Transfer_Encoding="chunked"),
    "an unknown coding": answer(DATA, Content_Length=None, Transfer_Encoding="gzip"),
    "two codings": answer(DATA, Content_Length=None, Transfer_Encoding="gzip, chunked"),
    "a header line of a megabyte": b"HTTP/1.1 200 OK\r\nX: " + b"S" * (1 << 20) + b"\r\n\r\n",
    "a status line of a megabyte": b"HTTP/1.1 200 " + b"S" * (1 << 20) + b"\r\n\r\n",
    "hundreds of headers": b"HTTP/1.1 200 OK\r\n" + b"X: SECRET\r\n" * 500 + b"\r\n",
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_not_proper_http_is_refused(remote, name):
    remote.pages["/"] = NOT_HTTP[name]
    failure(RemoteRefused, remote)


@pytest.mark.parametrize(
    ("endless", "sentence"),
    [
        (itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X: " + b"y" * 4000 + b"\r\n")), "headers"),
        (itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "headers"),
        (itertools.repeat(b"S" * 4096), ""),
    ],
    ids=["headers", "interim answers", "a line"],
)
def test_a_head_without_end_is_cut(remote, endless, sentence):
    remote.pages["/"] = endless
    started = time.monotonic()
    assert sentence in failure(RemoteRefused, remote)
    assert time.monotonic() - started < 5


# Short, long, endless -------------------------------------------------------------------------------------------------


def test_an_answer_that_ends_early_fails(remote):
    remote.pages["/"] = answer(DATA, Content_Length=len(DATA) + 1)
    assert "ended before it was complete" in failure(RemoteUnavailable, remote)


@pytest.mark.parametrize(
    "tail", [b"", b"10\r\nabc", b"4\r\nabcd", b"4\r\nabcd\r\n", b"-1\r\nabcd\r\n0\r\n\r\n", b"zz\r\n"]
)
def test_chunks_that_are_not_complete_fail(remote, tail):
    remote.pages["/"] = answer(Content_Length=None, Transfer_Encoding="chunked") + b"3\r\nxyz\r\n" + tail
    with pytest.raises((RemoteUnavailable, RemoteRefused)):
        fetch(remote)


@pytest.mark.parametrize(
    "endless", [b"-1\r\n" + b"x" * 65536, b"1;" + b"x" * 65536], ids=["a size of -1", "a size line"]
)
def test_chunks_that_lie_do_not_fill_the_memory(remote, endless):
    head = answer(Content_Length=None, Transfer_Encoding="chunked")
    remote.pages["/"] = itertools.chain([head, endless], itertools.repeat(b"x" * 65536))
    failure(GlanceliteError, remote, size=1 << 16, idle_timeout=5)


def test_bytes_beyond_the_length_are_not_taken(remote):
    remote.pages["/"] = answer(DATA + b"more", Content_Length=len(DATA))
    assert fetch(remote) == DATA


def test_a_connection_that_is_reset_fails(remote):
    remote.pages["/"] = [answer(DATA[:10], Content_Length=None), RESET]
    assert "ended before it was complete" in failure(RemoteUnavailable, remote)


def test_an_announced_size_beyond_the_cap_is_refused_unread(remote):
    remote.pages["/"] = [answer(Content_Length=1 << 50), silence]
    allowed = rules(remote)
    with pytest.raises(RemoteTooLarge, match="more than the 100 bytes"):
        open_url(check_url(remote.url(), allowed), allowed, cap=100)


def test_the_cap_itself_is_allowed(remote):
    remote.pages["/"] = answer(DATA)
    assert fetch(remote, cap=len(DATA)) == DATA
    failure(RemoteTooLarge, remote, cap=len(DATA) - 1)


def test_an_endless_answer_ends_at_the_cap(remote):
    remote.pages["/"] = itertools.chain([answer(Content_Length=None)], itertools.repeat(DATA))
    allowed = rules(remote)
    taken = 0
    with open_url(check_url(remote.url(), allowed), allowed, cap=100_000) as fetched, pytest.raises(RemoteTooLarge):
        while True:
            taken += len(fetched.read(4096))
    assert 90_000 < taken <= 100_000


# Slow -----------------------------------------------------------------------------------------------------------------


def drip(ended):
    ended.wait(0.02)


CHUNKED = answer(Content_Length=None, Transfer_Encoding="chunked")
SLOW = {
    "no head": lambda _: [silence],
    "half a head": lambda _: [b"HTTP/1.1 200 OK\r\nX-", silence],
    "a dripping head": lambda _: itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], itertools.cycle([b"x", drip])),
    "no body": lambda _: [answer(Content_Length=5), silence],
    "half a body": lambda _: [answer(b"ab", Content_Length=5), silence],
    "half a chunk": lambda _: [CHUNKED + b"5\r\nab", silence],
    "a dripping body": lambda _: itertools.chain([answer(Content_Length=1 << 20)], itertools.cycle([b"x", drip])),
    "dripping chunks": lambda _: itertools.chain([CHUNKED], itertools.cycle([b"1\r\nx\r\n", drip])),
}


@pytest.mark.parametrize(
    "limit", [{"idle_timeout": 0.2, "minimum_rate": 100_000}, {"total_timeout": 0.3, "minimum_rate": 0}]
)
@pytest.mark.parametrize("name", SLOW)
def test_a_slow_remote_is_left(remote, name, limit):
    remote.pages["/"] = SLOW[name]
    started = time.monotonic()
    assert "too slow" in failure(RemoteUnavailable, remote, size=1 << 16, **limit)
    assert time.monotonic() - started < 3


class Enough(Exception):
    pass


@pytest.mark.parametrize("name", ["no head", "half a head", "no body", "half a body", "half a chunk"])
def test_whoever_fetches_may_end_a_silence(remote, name):
    remote.pages["/"] = SLOW[name](None)
    started = time.monotonic()

    def check():
        if time.monotonic() - started > 0.7:
            raise Enough

    allowed = rules(remote)
    with (
        pytest.raises(Enough),
        open_url(check_url(remote.url(), allowed), allowed, cap=1 << 20, check=check) as fetched,
    ):
        while fetched.read(1 << 16):
            pass
    assert time.monotonic() - started < 3


def test_a_silence_that_is_asked_about_ends_in_time(remote):
    remote.pages["/"] = [answer(b"ab", Content_Length=5), silence]
    started = time.monotonic()
    assert "too slow" in failure(RemoteUnavailable, remote, idle_timeout=1.2, check=lambda: None)
    assert 1 < time.monotonic() - started < 4


def test_silence_is_ended_whatever_came_before(remote):
    remote.pages["/"] = [answer(bytes(1 << 20), Content_Length=1 << 21), silence]
    assert "too slow" in failure(RemoteUnavailable, remote, idle_timeout=0.2, minimum_rate=1)


def test_a_slow_reader_is_not_the_remotes_fault(remote):
    remote.pages["/"] = answer(DATA)
    allowed = rules(remote)
    limits = {"cap": 1 << 20, "idle_timeout": 0.3, "minimum_rate": 1_000_000}
    with open_url(check_url(remote.url(), allowed), allowed, **limits) as fetched:
        time.sleep(0.5)
        assert b"".join(iter(lambda: fetched.read(len(DATA)), b"")) == DATA


def test_the_total_time_runs_across_redirects(remote):
    def follow(asked):
        return [drip, drip, drip, redirect("/")]

    remote.pages["/"] = follow
    assert "too slow" in failure(RemoteUnavailable, remote, total_timeout=0.15)


# Redirects ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/b?c=d", "b?c=d", "//127.0.0.1:{port}/b?c=d", "HTTP://127.0.0.1:{port}/b?c=d"])
def test_redirects_are_followed(remote, status, location):
    remote.pages |= {"/a": redirect(location.format(port=remote.port), f"{status} x"), "/b?c=d": answer(DATA)}
    assert fetch(remote, "/a") == DATA
    assert [asked.method for asked in remote.asked] == ["GET", "GET"]


def test_five_redirects_are_followed_and_no_sixth(remote):
    remote.pages |= {f"/{n}": redirect(f"/{n + 1}") for n in range(6)} | {"/6": answer(DATA)}
    assert fetch(remote, "/1") == DATA
    remote.asked.clear()
    assert "more than 5 times" in failure(RemoteRefused, remote, "/0")
    assert len(remote.asked) == 6


def test_a_loop_of_redirects_ends(remote):
    remote.pages["/"] = redirect("/")
    assert "more than 5 times" in failure(RemoteRefused, remote)


@pytest.mark.parametrize("location", [None, "", "http://[", "/a b", "/é", "/a\\b", "http://127.0.0.1:99999/"])
def test_a_redirect_to_what_is_no_uri_is_refused(remote, location):
    remote.pages["/"] = answer(b"", "302 Found", Location=location)
    assert "redirects to a place that is refused" in failure(UriRefused, remote)


def test_a_refused_redirect_is_told_without_its_target(remote):
    remote.pages["/a"] = redirect("http://SECRET.internal:81/")
    said = failure(UriRefused, remote, "/a")
    assert said == (
        f"URI for web-download does not pass filtering: {remote.url('/a')} "
        "(it redirects to a place that is refused: its port is not allowed)."
    )


def test_a_failure_behind_a_redirect_names_the_uri_that_was_given(remote, other):
    remote.pages["/a"] = redirect(other.url("/SECRET"))
    assert remote.url("/a") in failure(RemoteNotFound, remote, "/a", also=[other])


SECRETS = {"X-Auth-Token": "t0k"}
SECRET_WORDS = ("p%40ss", "p@ss", "s3cr3t", "dXNlcjpwQHNz", "t0k")


def fetch_with_secrets(remote, other, target="/a"):
    allowed = rules(remote, other)
    text = remote.url(target).replace("://", "://us%65r:p%40ss@")
    return read_all(open_url(check_url(text, allowed, allow_credentials=True), allowed, cap=1 << 20, headers=SECRETS))


def test_credentials_stay_with_their_host(remote, other):
    remote.pages |= {"/a": redirect("/b"), "/b": redirect(other.url("/c")), "/back": answer(DATA)}
    other.pages["/c"] = redirect(remote.url("/back"))
    assert fetch_with_secrets(remote, other) == DATA
    basic = "Basic dXNlcjpwQHNz"  # user:p@ss
    assert [asked.headers.get("Authorization") for asked in remote.asked] == [basic, basic, None]
    assert [asked.headers.get("X-Auth-Token") for asked in remote.asked] == ["t0k", "t0k", None]
    assert not {"Authorization", "X-Auth-Token"} & set(other.asked[0].headers)


def test_credentials_are_never_shown(remote, other, caplog):
    caplog.set_level(0)
    with pytest.raises(RemoteNotFound) as caught:
        fetch_with_secrets(remote, other, "/nothing?sig=s3cr3t")
    allowed = rules(remote)
    url = check_url(remote.url("/x?sig=s3cr3t").replace("://", "://user:p%40ss@"), allowed, allow_credentials=True)
    for text in (str(caught.value), repr(caught.value.details), caplog.text, str(url), repr(url)):
        assert [word for word in SECRET_WORDS if word in text] == []
    assert caplog.records


# Ranges ---------------------------------------------------------------------------------------------------------------


def serve_range(asked):
    first, _, last = asked.headers["Range"].removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last or len(DATA)), len(DATA) - 1)
    return answer(DATA[start : end + 1], "206 Partial Content", Content_Range=f"bytes {start}-{end}/{len(DATA)}")


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (5, None), (5, 10), (10_239, None), (10_000, 9999), (None, 7)])
@pytest.mark.parametrize(
    "page", [serve_range, answer(DATA), answer(DATA, Content_Length=None)], ids=["range", "whole", "bare"]
)
def test_a_part_is_fetched(remote, page, offset, length):
    remote.pages["/"] = page
    start = offset or 0
    expected = DATA[start : None if length is None else start + length]
    assert fetch(remote, offset=offset, length=length, size=3000) == expected


def test_a_part_knows_the_whole(remote):
    remote.pages["/"] = serve_range
    allowed = rules(remote)
    with open_url(check_url(remote.url(), allowed), allowed, cap=1 << 20, offset=40, length=2) as fetched:
        assert (fetched.size, fetched.total) == (2, len(DATA))
    assert remote.asked[0].headers["Range"] == "bytes=40-41"


@pytest.mark.parametrize(
    "told",
    ["bytes 4-14/10240", "bytes 5-13/10240", "bytes 5-15/10240", "bytes 5-4/10240", "bytes 5-14/14", "bytes 5-14/6",
     "bytes */10240", "pages 5-14/10240", "bytes 5-14", "bytes -5-14/10240", "", None],
)  # fmt: skip
def test_another_range_than_the_one_asked_for_is_refused(remote, told):
    remote.pages["/"] = answer(DATA[5:15], "206 Partial Content", Content_Range=told)
    assert "not asked for" in failure(RemoteRefused, remote, offset=5, length=10)


def test_a_range_from_another_offset_is_refused(remote):
    remote.pages["/"] = answer(DATA[4:15], "206 Partial Content", Content_Range="bytes 4-14/10240")
    assert "not asked for" in failure(RemoteRefused, remote, offset=5, length=10)


def test_a_range_of_another_length_is_refused(remote):
    remote.pages["/"] = answer(DATA[5:14], "206 Partial Content", Content_Range="bytes 5-14/10240")
    assert "not asked for" in failure(RemoteRefused, remote, offset=5, length=10)


def test_a_range_that_ends_early_fails(remote):
    remote.pages["/"] = answer(DATA[5:9], "206 x", Content_Length=None, Content_Range="bytes 5-14/10240")
    assert "ended before" in failure(RemoteUnavailable, remote, offset=5, length=10)


@pytest.mark.parametrize("length", [None, 100])
def test_an_offset_beyond_the_end_is_refused(remote, length):
    remote.pages |= {"/": answer(DATA), "/bare": answer(DATA, Content_Length=length)}
    assert "shorter" in failure(RemoteRefused, remote, offset=len(DATA))
    assert "shorter" in failure(RemoteRefused, remote, "/bare", offset=len(DATA) + 5)


def test_far_into_a_place_without_ranges_nobody_reads(remote, monkeypatch):
    monkeypatch.setattr(answers, "MOST_SKIPPED", 1000)
    remote.pages["/"] = answer(DATA)
    assert fetch(remote, offset=1000) == DATA[1000:]
    assert "serves no ranges" in failure(RangeNotServed, remote, offset=1001)
