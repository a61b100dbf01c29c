"""Memory that the C library keeps, and how it is had back: glibc's mallopt and malloc_trim, where there are such."""

import ctypes

_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""

_LIBRARY = ctypes.CDLL(None)


def share_heap() -> None:
    """Let all threads of this process and its children use one heap; to be called before there are others.

    Of its own accord glibc gives them several, each of which keeps what its busiest moment took; Python's threads
    seldom allocate at the same time.
    """
    if hasattr(_LIBRARY, "mallopt"):
        _LIBRARY.mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Give free pages back to the system. Of its own accord glibc gives back those at the end of a heap only."""
    if hasattr(_LIBRARY, "malloc_trim"):
        _LIBRARY.malloc_trim(0)
