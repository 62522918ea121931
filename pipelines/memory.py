"""Keep a long run's memory flat: what the C library holds back of freed pixels is what grows, not what is in use."""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_LARGE, _KEPT = 4 << 20, 32 << 20


def settle_heaps(threads: int) -> None:
    """Bound glibc's heaps; call it before threads start.

    By default each thread gets a heap of its own (up to eight a core), a runner's threads come and go, and freed arrays of many
    sizes leave each heap full of holes. Large arrays are mapped apart instead, so that freeing one gives it back; smaller ones are
    freed and asked for again hundreds of times a photo, so a heap keeps some free pages, which cost ten times as much to come by
    as to use. Another C library is left as it is.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_ARENA_MAX, max(1, threads))
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)


def give_back() -> None:
    """Return free pages to the system; some milliseconds, at the end of an epoch."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
