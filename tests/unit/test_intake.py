"""What an upload's stream keeps to, block by block."""

import gc
import hashlib
import io
import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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
from glancelite.usecases.hashes import Blocks, Hashes
from glancelite.usecases.intake import Limits, Stream

IMAGE = Image(id="x", disk_format="raw", container_format="bare")
PLENTY = 1 << 40


class Tens:
    """A source of equal blocks that counts how many were taken."""

    def __init__(self, count: int) -> None:
        self.left, self.taken = count, 0

    def readinto(self, buffer: memoryview) -> int:
        if not self.left:
            return 0
        self.left, self.taken = self.left - 1, self.taken + 1
        buffer[:10] = b"0123456789"
        return 10


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(cap=25), ImageTooLarge),
        (Limits(cap=PLENTY, room=25), QuotaExceeded),
        (Limits(cap=PLENTY, declared=25), SizeMismatch),
    ],
)
def test_a_stream_ends_with_the_block_that_is_too_much(limits: Limits, error: type[GlanceliteError]) -> None:
    source, passed = Tens(100), []
    stream = Stream(IMAGE, source, limits)
    with pytest.raises(error):
        passed.extend(map(bytes, stream))
    assert (len(passed), source.taken) == (2, 3)
    stream.close()


def test_a_stream_that_is_shorter_than_declared_does_not_end_well() -> None:
    stream = Stream(IMAGE, Tens(2), Limits(cap=PLENTY, declared=21))
    with pytest.raises(SizeMismatch, match="20 bytes long, but 21"):
        list(stream)
    stream.close()


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_what_came_through_is_counted_and_hashed(count: int) -> None:
    data = b"0123456789" * count
    stream = Stream(IMAGE, Tens(count), Limits(cap=PLENTY, declared=len(data), algorithm="sha256"))
    assert b"".join(map(bytes, stream)) == data
    content = stream.content()
    assert (content.size, content.checksum) == (len(data), hashlib.md5(data).hexdigest())
    assert (content.os_hash_algo, content.os_hash_value) == ("sha256", hashlib.sha256(data).hexdigest())
    stream.close()


def test_hashes_may_be_closed_at_any_time() -> None:
    hashes, blocks = Hashes(("md5",)), Blocks(1)
    hashes.close()
    for _ in range(2):
        block = blocks.take()
        hashes.update(block)
        block.let_go()
    hashes.close()
    hashes.close()


def test_a_slow_stream_needs_one_buffer_and_one_that_is_faster_than_its_hashes_has_to_wait() -> None:
    hashes, blocks = Hashes(("sha512", "md5")), Blocks(1 << 20)
    expected, buffers = hashlib.sha512(), set()
    for number in range(50):
        block = blocks.take()
        block.buffer[:] = bytes([number]) * len(block.buffer)
        block.view = block.buffer
        expected.update(block.view)
        buffers.add(id(block))
        hashes.update(block)
        block.let_go()
    assert hashes.finish()[0] == expected.hexdigest()
    assert len(buffers) <= 6


def test_a_stream_that_was_closed_gives_its_buffers_back_at_once() -> None:
    stream = Stream(IMAGE, Tens(50), Limits(cap=PLENTY))
    gc.disable()  # what is left to it comes back some time
    try:
        list(stream)
        buffers = [weakref.ref(block) for block in stream._blocks._free.queue]
        stream.close()
        assert buffers
        assert {buffer() for buffer in buffers} == {None}
    finally:
        gc.enable()


def test_many_streams_at_once_share_a_few_threads_and_each_gets_its_own_hash() -> None:
    def hash_one(number: int) -> bool:
        hashes, blocks, data = Hashes(("sha256", "md5")), Blocks(64 << 10), bytes([number]) * (64 << 10)
        for _ in range(20):
            block = blocks.take()
            block.buffer[:] = data
            block.view = block.buffer
            hashes.update(block)
            block.let_go()
        return hashes.finish() == (hashlib.sha256(data * 20).hexdigest(), hashlib.md5(data * 20).hexdigest())

    with ThreadPoolExecutor(40) as streams:
        assert all(streams.map(hash_one, range(80)))
    named = [thread for thread in threading.enumerate() if thread.name.startswith("hash")]
    assert len(named) <= max(2, len(os.sched_getaffinity(0)))


# The body of a request as a source ------------------------------------------------------------------------------------


def source(body: object, **environ: object) -> UploadSource:
    return UploadSource(Request({"REQUEST_METHOD": "PUT", "wsgi.input": body, **environ}), "x")


def drain(found: UploadSource) -> Iterator[bytes]:
    buffer = memoryview(bytearray(4))
    while count := found.readinto(buffer):
        yield bytes(buffer[:count])


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
    def readinto(self, buffer: object) -> int:
        raise ConnectionResetError


class Reader:
    """What some servers give: a body that can be read, and nothing more."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


def test_a_body_that_fills_no_buffers_is_read() -> None:
    assert list(drain(source(Reader(b"012345"), CONTENT_LENGTH="6"))) == [b"0123", b"45"]
    with pytest.raises(UploadInterrupted):
        list(drain(source(Reader(b"01234"), CONTENT_LENGTH="6")))


def test_a_connection_that_breaks_is_an_interruption() -> None:
    with pytest.raises(UploadInterrupted):
        next(drain(source(Torn(), CONTENT_LENGTH="6")))
