"""Becomes another program that has limits and ends with its parent: `python -I -S launch.py PARENT MEMORY SECONDS BYTES
PROGRAM ARGUMENT…`.

Started by its path, it imports nothing of ours and is under way in 20 ms. It stands between, because the limits must be
set in the child, where a server with threads should run no Python between fork and exec.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
FILES = 64


def main(arguments: list[str]) -> None:
    """Take on the limits, then become the program."""
    parent, memory, seconds, size = map(int, arguments[:4])
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != parent:  # it ended before its end would have been told
        sys.exit(1)
    for name in (signal.SIGXFSZ, signal.SIGXCPU, signal.SIGPIPE):
        signal.signal(name, signal.SIG_DFL)  # Python ignores some, and what is ignored stays so in the next program
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, FILES)
    _limit(resource.RLIMIT_FSIZE, size)
    _limit(resource.RLIMIT_CPU, seconds, spare=1)  # the signal that tells why comes before the one that kills
    _limit(resource.RLIMIT_AS, memory)
    os.execv(arguments[4], arguments[4:])  # noqa: S606 - no shell is what is wanted


def _prctl(option: int, value: int) -> None:
    """Linux only: elsewhere the child merely outlives a parent that is killed, as long as its limits let it."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(ctypes.c_int(option), *map(ctypes.c_ulong, (value, 0, 0, 0)))


def _limit(kind: int, value: int, spare: int = 0) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard == resource.RLIM_INFINITY:
        hard = value + spare
    resource.setrlimit(kind, (min(value, hard), min(value + spare, hard)))


if __name__ == "__main__":
    main(sys.argv[1:])
