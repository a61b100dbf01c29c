"""Taking data that a client may have already, in part or in whole."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from harness import Api

DATA = b"0123456789"


@pytest.fixture
def image(api: Api) -> dict[str, Any]:
    return api.create_with(DATA)


@pytest.fixture
def etag(image: dict[str, Any]) -> str:
    return f'"{image["os_hash_value"]}"'


def test_data_is_told_by_its_hash_its_time_and_that_parts_may_be_asked_for(
    api: Api, image: dict[str, Any], etag: str
) -> None:
    for asked, status in ({}, 200), ({"range": "bytes=0-1"}, 206):
        reply = api.get(image["file"], **asked)
        assert (reply.status, reply.headers["ETag"], reply.headers["Accept-Ranges"]) == (status, etag, "bytes")
        modified = parsedate_to_datetime(reply.headers["Last-Modified"])
        assert modified == datetime.fromisoformat(image["updated_at"])


@pytest.mark.parametrize("shape", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_the_data_is_not_sent_it_again(api: Api, image: dict[str, Any], etag: str, shape: str) -> None:
    reply = api.get(image["file"], if_none_match=shape.format(etag))
    assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", etag)
    assert "Content-Type" not in reply.headers
    assert reply.headers["Content-MD5"] == image["checksum"]


def test_who_has_other_data_is_sent_it(api: Api, image: dict[str, Any]) -> None:
    assert api.get(image["file"], if_none_match='"other"').body == DATA
    assert api.get(image["file"], if_none_match="nonsense").body == DATA


def test_time_counts_where_no_hash_is_named(api: Api, image: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    later, earlier = (format_datetime(now + timedelta(days=days), usegmt=True) for days in (1, -1))
    assert api.get(image["file"], if_modified_since=later).status == 304
    assert api.get(image["file"], if_modified_since=earlier).body == DATA
    assert api.get(image["file"], if_modified_since=later, if_none_match='"other"').body == DATA
    for nonsense in ("yesterday", "Mon, 01 Jan 99999999999999 00:00:00 GMT", "9" * 5000):
        assert api.get(image["file"], if_modified_since=nonsense).body == DATA


def test_a_download_is_resumed_only_where_the_data_is_the_same(api: Api, image: dict[str, Any], etag: str) -> None:
    reply = api.get(image["file"], range="bytes=4-", if_range=etag)
    assert (reply.status, reply.body, reply.headers["Content-Range"]) == (206, DATA[4:], "bytes 4-9/10")
    late = "Mon, 01 Jan 99999999999999 00:00:00 GMT"
    for other in ('"other"', format_datetime(datetime(2000, 1, 1, tzinfo=UTC), usegmt=True), "nonsense", late):
        reply = api.get(image["file"], range="bytes=4-", if_range=other)
        assert (reply.status, reply.body) == (200, DATA), other
    assert api.get(image["file"], range="bytes=10-", if_range='"other"').status == 200


def test_who_wants_certain_data_gets_no_other(api: Api, image: dict[str, Any], etag: str) -> None:
    assert api.get(image["file"], if_match=etag).body == DATA
    assert api.get(image["file"], if_match="*").body == DATA
    for other in ('"other"', f"W/{etag}"):
        assert api.get(image["file"], if_match=other).status == 412


def test_a_condition_opens_nothing(api: Api, image: dict[str, Any], etag: str) -> None:
    assert api.as_stranger().get(image["file"], if_none_match=etag).status == 404
    assert api.as_stranger().get(image["file"], if_match='"other"').status == 404
    assert api.as_reader().get(image["file"], if_none_match=etag).status == 403
    api.post(f"/v2/images/{image['id']}/actions/deactivate", b"")
    assert api.get(image["file"], if_none_match=etag).status == 403
    assert api.get(api.create()["file"], if_none_match="*").status == 204
