"""Hashes of a stream, computed beside it: by as many threads as there are processors, which all streams share.

The blocks of a stream lie in buffers that are used again. A stream has a few of them, so that what is received waits
for the hashes when they fall behind; the last one to come free is taken first, so that a slow stream needs one only.
"""

import hashlib
import mmap
import os
import queue
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Condition, Lock

BLOCK = 2 << 20
"""Bytes of a full block: so many that the cost of a step vanishes, so few that several stay in a processor's cache."""
_SMALL_BLOCK, _SMALL_BLOCKS = 1 << 20, 2
"""Bytes of a stream's first blocks, and how many they are: a slow stream needs no others."""
_MOST_BLOCKS = 4
_STEP = 512 << 10
"""Bytes that a thread hashes before it looks whether somebody wants to answer a request."""
_TURN = 4
"""Blocks that a line of hashes may take before the lines of other streams have their turn."""

_NICENESS = 5
"""Hashes let those go first who answer requests, which take a moment only."""


def be_nice() -> None:
    """Let this thread wait for others: Linux has a niceness for each."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


_WORKERS = max(2, len(os.sched_getaffinity(0)))
_THREADS = ThreadPoolExecutor(_WORKERS, thread_name_prefix="hash", initializer=be_nice)


class Blocks:
    """The buffers of one stream."""

    def __init__(self, size: int = BLOCK) -> None:
        self._size, self._made, self._is_closed = size, 0, False
        self._free: queue.LifoQueue[Block] = queue.LifoQueue()
        self._lock = Lock()

    def take(self) -> "Block":
        """A block to fill; waits for one where all are in use."""
        if not self._free.empty() or self._made == _MOST_BLOCKS:
            return self._free.get()
        size = self._size if self._made >= _SMALL_BLOCKS else min(self._size, _SMALL_BLOCK)
        self._made += 1
        return Block(_make_buffer(size), self)

    def let_go(self, block: "Block") -> None:
        with self._lock:
            block.users -= 1
            is_free = not block.users and not self._is_closed
        if is_free:
            self._free.put(block)

    def close(self) -> None:
        """Keep none any more: a block knows this and this knows it, which only the garbage collector would end."""
        with self._lock:
            self._is_closed = True
        while not self._free.empty():
            self._free.get()


def _make_buffer(size: int) -> "bytearray | mmap.mmap":
    """A large one lies on whole pages: from other places a store could not write it past the page cache."""
    if size < _SMALL_BLOCK:
        return bytearray(size)
    pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


class Block:
    """A piece of a stream. It is for whoever fills it and for `users` others; each lets go of it."""

    def __init__(self, buffer: "bytearray | mmap.mmap", owner: Blocks) -> None:
        self.buffer, self._owner = memoryview(buffer), owner
        self.view = self.buffer[:0]
        self.users = 0

    def let_go(self) -> None:
        self._owner.let_go(self)


class Hashes:
    """Several hashes of one stream. What fits into one block is hashed at once; more of it by the shared threads."""

    def __init__(self, algorithms: Sequence[str]) -> None:
        self._hashes = [hashlib.new(name, usedforsecurity=False) for name in algorithms]
        self._first: Block | None = None
        self._lines: list[_Line] = []

    def update(self, block: Block) -> None:
        """Take a block, which nobody else but its filler uses."""
        block.users = 1 + len(self._hashes)
        if not self._hashes:
            return
        if not self._lines and self._first is None:
            self._first = block
            return
        if not self._lines:
            self._begin()
        self._pass_on(block)

    def _begin(self) -> None:
        """A stream that is alone has a line for each hash, and so several processors. Those of many have one for all
        their hashes, which find in a processor's cache what the one before them has read."""
        is_alone = len(_LONG) < _WORKERS // 2
        _LONG.add(self)
        self._lines = [_Line([one]) for one in self._hashes] if is_alone else [_Line(self._hashes)]
        if self._first is not None:
            first, self._first = self._first, None
            self._pass_on(first)

    def _pass_on(self, block: Block) -> None:
        for line in self._lines:
            line.push(block)

    def finish(self) -> tuple[str, ...]:
        """The hex digests, in the order of the algorithms."""
        if self._first is not None:
            _Line(self._hashes).now(self._first)
            self._first = None
        for line in self._lines:
            line.finish()
        _LONG.discard(self)
        return tuple(one.hexdigest() for one in self._hashes)

    def close(self) -> None:
        """Give up what is not hashed yet."""
        _LONG.discard(self)
        for line in self._lines:
            line.close()


_LONG: set[Hashes] = set()
"""The streams that the shared threads work for."""


class _Line:
    """Hashes that go through a stream together, and the blocks that wait for them; at most one thread works on it."""

    def __init__(self, hashes: "Sequence[hashlib._Hash]") -> None:
        self._hashes = hashes
        self._waiting: deque[Block] = deque()
        self._is_busy = False
        self._changed = Condition()

    def push(self, block: Block) -> None:
        with self._changed:
            self._waiting.append(block)
            if self._is_busy:
                return
            self._is_busy = True
        _THREADS.submit(self._work)

    def now(self, block: Block) -> None:
        for begin in range(0, len(block.view), _STEP):
            for one in self._hashes:
                one.update(block.view[begin : begin + _STEP])
                os.sched_yield()  # whoever answers a request need not wait until Linux would take the processor away
        for _ in self._hashes:
            block.let_go()

    def _work(self) -> None:
        for _ in range(_TURN):
            with self._changed:
                if not self._waiting:
                    self._is_busy = False
                    self._changed.notify_all()
                    return
                block = self._waiting.popleft()
            self.now(block)
        _THREADS.submit(self._work)

    def finish(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_busy)

    def close(self) -> None:
        with self._changed:
            self._waiting.clear()
