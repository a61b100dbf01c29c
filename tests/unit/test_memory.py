"""Memory of the C library, each time in a process of its own."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have one heap")

GIVEN_BACK = """
from glancelite.memory import give_back

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))

blocks = [bytes(2000) for _ in range(20_000)]
last = bytes(2000)
del blocks
before = resident()
give_back()
print((before - resident()) // 1024)
"""

SHARED = """
import threading
from glancelite.memory import share_heap

share_heap()
made, together = [], threading.Barrier(8)

def make():
    together.wait()
    made.append(bytes(2000))

threads = [threading.Thread(target=make) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
heap = next(line.split()[0] for line in open("/proc/self/maps") if "[heap]" in line)
begin, end = (int(place, 16) for place in heap.split("-"))
print(sum(begin <= id(one) < end for one in made))
"""


def printed(script: str) -> int:
    return int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


def test_free_memory_below_what_is_still_used_is_given_back() -> None:
    assert printed(GIVEN_BACK) > 20  # MiB, of 38


def test_threads_use_one_heap() -> None:
    assert printed(SHARED) == 8
