"""Taking an image's data out, whole and in part."""

import hashlib

import pytest
from harness import Api, Service

DATA = b"0123456789"
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture
def path(api: Api) -> str:
    file: str = api.create_with(DATA)["file"]
    return file


def test_a_download_has_its_length_and_the_hash_of_the_whole(api: Api, path: str) -> None:
    reply = api.get(path)
    assert (reply.status, reply.body) == (200, DATA)
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert (reply.headers["Content-Length"], reply.headers["Content-MD5"]) == ("10", MD5)
    assert "Content-Range" not in reply.headers


@pytest.mark.parametrize("accept", ["application/json", "*/*", "", "text/html"])
def test_accept_does_not_matter_for_data(api: Api, path: str, accept: str) -> None:
    assert api.get(path, Accept=accept).body == DATA


def test_an_image_without_data_has_nothing_to_download(api: Api) -> None:
    reply = api.get(api.create()["file"])
    assert (reply.status, reply.body) == (204, b"")
    assert "Content-Type" not in reply.headers
    assert api.get(api.create()["file"], range="bytes=0-1").status == 204


# fmt: off
PARTS = [
    ("bytes=0-4", 0, 4),
    ("bytes=5-", 5, 9),
    ("bytes=-3", 7, 9),
    ("bytes=-50", 0, 9),
    ("bytes=0-9", 0, 9),
    ("bytes=5-100", 5, 9),
    ("bytes=9-9", 9, 9),
    ("bytes=0-0", 0, 0),
    ("bytes=0-" + "9" * 40, 0, 9),
    ("bytes=-" + "9" * 40, 0, 9),
    ("Bytes=0-1", 0, 1),
    ("BYTES=0-1", 0, 1),
    (" bytes=0-1", 0, 1),
    ("bytes= 0 - 1 ", 0, 1),
]
# fmt: on


@pytest.mark.parametrize(("asked", "first", "last"), PARTS)
def test_a_range_is_answered_with_its_bytes_and_the_hash_of_the_whole(
    api: Api, path: str, asked: str, first: int, last: int
) -> None:
    reply = api.get(path, range=asked)
    assert (reply.status, reply.body) == (206, DATA[first : last + 1])
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/10"
    assert reply.headers["Content-Length"] == str(last + 1 - first)
    assert reply.headers["Content-MD5"] == MD5


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=" + "9" * 40 + "-"])
def test_a_range_beyond_the_data_is_not_satisfiable(api: Api, path: str, asked: str) -> None:
    reply = api.get(path, range=asked)
    assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */10")
    assert "beyond the image's 10" in reply.json["message"]


@pytest.mark.parametrize(
    "asked", ["bytes=4-2", "items=0-1", "bytes=", "bytes=-", "junk", "", "bytes=a-b", "bytes=1", "bytes=١-٢"]
)
def test_a_range_that_is_none_is_not_satisfiable(api: Api, path: str, asked: str) -> None:
    reply = api.request("GET", path, headers={"Range": asked.encode("utf-8").decode("latin-1")})
    assert (reply.status, reply.json["message"]) == (416, "Invalid Range header.")


def test_several_ranges_are_refused(api: Api, path: str) -> None:
    assert api.get(path, range="bytes=0-1,3-4").status == 400


@pytest.mark.parametrize("asked", ["bytes 0-4/10", "bytes 0-4/*", "Bytes 0-4/10", " bytes  0-4/10 "])
def test_content_range_in_a_request_is_an_old_way_to_ask(api: Api, path: str, asked: str) -> None:
    reply = api.get(path, content_range=asked)
    assert (reply.status, reply.body, reply.headers["Content-Range"]) == (206, DATA[:5], "bytes 0-4/10")


@pytest.mark.parametrize(
    "asked",
    ["bytes 10-11/*", "bytes 10-11/20", "bytes 5-10/*", "bytes 5-4/10", "bytes 0-10/5", "bytes 0-4/4", "bytes 5-20/30",
     "bytes */10", "bytes=0-4", "junk", "", "bytes 0-4", "bytes 0-" + "9" * 40 + "/*"],
)  # fmt: skip
def test_a_content_range_that_does_not_fit_is_not_satisfiable(api: Api, path: str, asked: str) -> None:
    assert api.get(path, content_range=asked).status == 416


def test_range_counts_before_content_range(api: Api, path: str) -> None:
    assert api.get(path, range="bytes=0-1", content_range="bytes 5-6/10").body == DATA[:2]


def test_of_an_empty_image_no_range_can_be_had(api: Api) -> None:
    empty = api.create_with(b"")["file"]
    for asked in ("bytes=0-0", "bytes=0-", "bytes=-1"):
        reply = api.get(empty, range=asked)
        assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */0")


def test_a_large_image_comes_in_any_part(api: Api) -> None:
    data = bytes(range(256)) * (3 << 12)
    path = api.create_with(data)["file"]
    for first, last in ((0, len(data) - 1), (1 << 20, (2 << 20) + 5), (len(data) - 1, len(data) - 1)):
        assert api.get(path, range=f"bytes={first}-{last}").body == data[first : last + 1]


def test_a_download_takes_no_body(api: Api, path: str) -> None:
    assert api.request("GET", path, b"{}").status == 400


def test_who_may_download_is_a_member_who_sees_the_image(api: Api) -> None:
    public = api.as_admin().create_with(DATA, owner=api.project, visibility="public")["file"]
    private = api.create_with(DATA, visibility="private")["file"]
    reader = api.as_reader()
    assert [api.get(path).status for path in (public, private)] == [200, 200]
    assert [api.as_stranger().get(path).status for path in (public, private)] == [200, 404]
    assert [reader.get(path).status for path in (public, private)] == [403, 403]
    assert [api.as_admin().get(path).status for path in (public, private)] == [200, 200]
    assert [api.as_nobody().get(path).status for path in (public, private)] == [401, 401]
    assert "download_image" in reader.get(public).json["message"]


def test_an_image_whose_bytes_are_lost_is_not_found_and_what_is_short_is_not_sent(service: Service, api: Api) -> None:
    before = {path.name for path in (service.data_dir / "images").iterdir()}
    image = api.create_with(DATA)
    (bytes_of,) = [path for path in (service.data_dir / "images").iterdir() if path.name not in before]
    bytes_of.write_bytes(DATA[:5])
    for headers in ({}, {"range": "bytes=0-1"}):
        reply = api.get(image["file"], **headers)
        assert reply.status == 404
        assert "is not to be found in any of its stores" in reply.json["message"]
    bytes_of.write_bytes(DATA)
    assert api.get(image["file"]).body == DATA
    bytes_of.rename(bytes_of.with_name("away"))
    assert api.get(image["file"]).status == 404
    bytes_of.with_name("away").rename(bytes_of)
