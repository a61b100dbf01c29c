"""What an upload's stream keeps to, block by block."""

import hashlib
import io
from collections.abc import Iterator

import pytest
from flask import Request

from glancelite.api.http import UploadSource
from glancelite.domain.image import Image
from glancelite.errors import (
    GlanceliteError,
    ImageTooLarge,
    LengthRequired,
    QuotaExceeded,
    SizeMismatch,
    UploadInterrupted,
)
from glancelite.usecases.intake import Hashes, Limits, Stream

IMAGE = Image(id="x", disk_format="raw", container_format="bare")
PLENTY = 1 << 40


class Blocks:
    """A source of equal blocks that counts how many were taken."""

    def __init__(self, count: int) -> None:
        self.left, self.taken = count, 0

    def read(self, size: int) -> bytes:
        if not self.left:
            return b""
        self.left, self.taken = self.left - 1, self.taken + 1
        return b"0123456789"


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(cap=25), ImageTooLarge),
        (Limits(cap=PLENTY, room=25), QuotaExceeded),
        (Limits(cap=PLENTY, declared=25), SizeMismatch),
    ],
)
def test_a_stream_ends_with_the_block_that_is_too_much(limits: Limits, error: type[GlanceliteError]) -> None:
    source, passed = Blocks(100), []
    stream = Stream(IMAGE, source, limits)
    with pytest.raises(error):
        passed.extend(stream)
    assert (len(passed), source.taken) == (2, 3)
    stream.close()


def test_a_stream_that_is_shorter_than_declared_does_not_end_well() -> None:
    stream = Stream(IMAGE, Blocks(2), Limits(cap=PLENTY, declared=21))
    with pytest.raises(SizeMismatch, match="20 bytes long, but 21"):
        list(stream)
    stream.close()


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_what_came_through_is_counted_and_hashed(count: int) -> None:
    data = b"0123456789" * count
    stream = Stream(IMAGE, Blocks(count), Limits(cap=PLENTY, declared=len(data), algorithm="sha256"))
    assert b"".join(stream) == data
    content = stream.content()
    assert (content.size, content.checksum) == (len(data), hashlib.md5(data).hexdigest())
    assert (content.os_hash_algo, content.os_hash_value) == ("sha256", hashlib.sha256(data).hexdigest())
    stream.close()


def test_hashes_may_be_closed_at_any_time() -> None:
    hashes = Hashes(("md5",))
    hashes.close()
    hashes.update(b"a")
    hashes.update(b"b")
    hashes.close()
    hashes.close()


# The body of a request as a source ------------------------------------------------------------------------------------


def source(body: io.RawIOBase | io.BytesIO, **environ: object) -> UploadSource:
    return UploadSource(Request({"REQUEST_METHOD": "PUT", "wsgi.input": body, **environ}), "x")


def drain(found: UploadSource) -> Iterator[bytes]:
    while block := found.read(4):
        yield block


def test_a_body_is_read_as_far_as_its_length_says() -> None:
    assert list(drain(source(io.BytesIO(b"0123456789"), CONTENT_LENGTH="6"))) == [b"0123", b"45"]
    assert list(drain(source(io.BytesIO(b"0123"), CONTENT_LENGTH="0"))) == []
    with pytest.raises(LengthRequired):
        source(io.BytesIO(b"0123"))


def test_a_body_that_ends_early_was_interrupted() -> None:
    found = source(io.BytesIO(b"01234"), CONTENT_LENGTH="6")
    with pytest.raises(UploadInterrupted, match="5 bytes received"):
        list(drain(found))


def test_a_chunked_body_is_read_to_the_end_that_the_server_knows_and_refused_where_it_knows_none() -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
    known = source(io.BytesIO(b"012345"), **chunked, **{"wsgi.input_terminated": True})
    assert list(drain(known)) == [b"0123", b"45"]
    with pytest.raises(LengthRequired):
        source(io.BytesIO(b"012345"), **chunked)


class Torn(io.RawIOBase):
    def read(self, size: int | None = -1) -> bytes:
        raise ConnectionResetError


def test_a_connection_that_breaks_is_an_interruption() -> None:
    with pytest.raises(UploadInterrupted):
        source(Torn(), CONTENT_LENGTH="6").read(4)
