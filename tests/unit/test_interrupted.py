"""Ctrl-C at every step of the client's own code and of the queues it uses: nothing is left that the end waits for."""

import gc
import itertools
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
import requests

from glancelite.client import digest, pools
from glancelite.client.digest import Hashing
from glancelite.client.pools import make_interruptible, open_pool

OURS = {module.__file__ for module in (digest, pools, queue)}


def is_interrupted(step: int, act: Callable[[], object]) -> bool:
    """Do it, with Ctrl-C at that step of it; is there such a step?"""
    steps = itertools.count()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_code.co_filename in OURS and next(steps) == step:
            raise KeyboardInterrupt
        return trace

    gc.disable()  # what is thrown away meanwhile is no step of it
    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
        gc.enable()
    return False


def ends(act: Callable[[], object]) -> bool:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def hash_pieces(hashing: Hashing) -> None:
    for _ in range(6):
        hashing.update(b"a piece" * 1000)
    hashing.finish()


PRESSED_WHILE_LOADING = """
import os, signal, sys
from glancelite.__main__ import main

class Pressing:
    def find_spec(self, name, path, target=None):
        if name == "glancelite.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Pressing())
main()
"""


def test_ctrl_c_while_the_command_line_is_loaded_ends_it_without_a_word():
    done = subprocess.run([sys.executable, "-c", PRESSED_WHILE_LOADING], capture_output=True, timeout=30, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_hashing_ends_wherever_it_was_interrupted():
    for step in itertools.count():
        hashing = Hashing("sha512")
        is_last = not is_interrupted(step, lambda it=hashing: hash_pieces(it))
        assert ends(hashing.finish), f"step {step}"
        if is_last:
            break
    assert step > 100


def direct(url: str) -> Any:
    return open_pool(url, {})


def through_proxy(url: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"{url.partition(':')[0]}_proxy", "http://127.0.0.1:2")
        return open_pool(url, {})


def of_requests(url: str) -> Any:
    adapter = requests.adapters.HTTPAdapter()
    make_interruptible(adapter)
    return adapter.poolmanager


def of_requests_through_proxy(url: str) -> Any:
    adapter = requests.adapters.HTTPAdapter()
    make_interruptible(adapter)
    return adapter.proxy_manager_for("http://127.0.0.1:2")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
@pytest.mark.parametrize("manager", [direct, through_proxy, of_requests, of_requests_through_proxy])
def test_connections_are_closed_wherever_their_use_was_interrupted(manager, url):
    def use(pool):
        for _ in range(2):
            pool._put_conn(pool._get_conn())

    for step in itertools.count():
        pool = manager(url).connection_from_url(url)
        is_last = not is_interrupted(step, lambda it=pool: use(it))
        assert ends(pool.close), f"step {step}"
        if is_last:
            break
    assert step > 20


def test_a_pool_keeps_one_connection_and_gives_it_again():
    pool = open_pool("http://127.0.0.1:1", {}).connection_from_url("http://127.0.0.1:1")
    first, second = pool._get_conn(), pool._get_conn()
    pool._put_conn(first)
    pool._put_conn(second)

    assert pool._get_conn() is first
    assert pool._get_conn() not in (first, second)
