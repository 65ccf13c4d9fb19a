"""The process's memory: freed memory is kept for the next calls, and the cycle collector runs seldom."""

import ctypes
import gc
from typing import Final

COLLECTOR_THRESHOLDS: Final = (50_000, 20, 50)
"""New objects before the youngest are looked at, and how many such passes before the older ones are."""
KEPT_BYTES: Final = 32 * 1024 * 1024
"""Freed memory at the end of the heap that is kept: what 160 calls with prompts of 100 KB hold at a time."""
ON_HEAP_BYTES: Final = 4 * 1024 * 1024
"""Blocks that are larger are mapped by the kernel, and given back when they are freed."""
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3


def quieten_collector() -> None:
    """Let the cycle collector look seldom, and not at what is there for good.

    With a thousand calls open, every pass over the youngest finds their futures alive and keeps them for later; that soon adds up to a pass
    over everything, which stops all calls for tens of milliseconds. Nearly all of it is freed by its reference count anyway.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def keep_freed_memory() -> None:
    """Let the C library keep the memory of prompts and replies that are gone for those that come.

    glibc gives the end of its heap back above 128 KiB, so that calls with long prompts make and lose the same pages again and again: up to
    16 page faults a call of 100 KB. Other C libraries have no such call, and are left as they are.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(M_MMAP_THRESHOLD, ON_HEAP_BYTES)
        tune(M_TRIM_THRESHOLD, KEPT_BYTES)
