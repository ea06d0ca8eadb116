"""Memory of this process: what it keeps for the next batch, what it gives back, and when a failure is a lack of it."""

import ctypes
import errno
import gc
import traceback
from contextlib import suppress

import torch

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Options of `mallopt` in glibc's malloc.h."""
KEPT_BYTES = 1 << 30
ALWAYS_ACCEPTED = 32 << 20
"""The largest buffer that all versions of glibc take from memory that was freed."""
LACKS_MEMORY = ("defaultcpuallocator", "allocate memory", "out of memory", "alloc_failed")
"""How torch and the libraries under it say so in a RuntimeError, whatever its kind."""


def keep_freed_memory() -> None:
    """Every batch needs the same buffers: what one frees, up to a GiB, stays for the next.

    By default glibc gives large buffers back to the kernel, which then clears each page of them anew: a tenth of the
    time of profile mini in bfloat16. Where the C library is another, nothing changes.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(TOP_PAD, KEPT_BYTES >> 4)
        if not mallopt(MMAP_THRESHOLD, KEPT_BYTES):
            mallopt(MMAP_THRESHOLD, ALWAYS_ACCEPTED)


def give_back_memory() -> None:
    """What nobody needs any more goes to the kernel, and on a GPU to others: for the end of work unlike the usual."""
    gc.collect()
    torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):
        # Not only the top of the heap: every free page in it, up to which `keep_freed_memory` lets nothing go.
        ctypes.CDLL(None).malloc_trim(0)


def forget_locals(error: BaseException | None) -> None:
    """Lets go of what the functions held that an exception has left; its traceback still tells their lines."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def lacks_memory(error: BaseException) -> bool:
    """Whether there was no room for something, in memory or on the device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in LACKS_MEMORY)
