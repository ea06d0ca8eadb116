"""Memory that a failure holds is let go, and a lack of memory is told from other failures."""

import errno
import gc
import resource
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters.models.memory import forget_locals, give_back_memory, lacks_memory

TOO_MUCH = 1 << 60
BLOCKS, BLOCK_BYTES = 1000, 100_000


def resident_bytes() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Weights:
    """Something large."""


def hold(found: list[weakref.ref[Weights]]) -> None:
    """Fails while it has weights in hand."""
    weights = Weights()
    found.append(weakref.ref(weights))
    raise ValueError("while something is held")


def fail_while_failing(found: list[weakref.ref[Weights]]) -> None:
    try:
        hold(found)
    except ValueError:
        hold(found)


def test_what_a_failure_holds() -> None:
    """It is let go while the failure is still handled, also that of one that came before it."""
    found = list[weakref.ref[Weights]]()
    with pytest.raises(ValueError, match="held") as failure:
        fail_while_failing(found)
    assert [held() is not None for held in found] == [True, True]
    forget_locals(failure.value)
    gc.collect()

    assert [held() for held in found] == [None, None]
    assert failure.value.__traceback__ is not None


def test_failures_for_lack_of_memory() -> None:
    """Those of torch and of numpy as they are raised, those of the system, and those of a GPU."""
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(TOO_MUCH, dtype=torch.uint8)
    with pytest.raises(MemoryError) as of_numpy:
        np.zeros(TOO_MUCH, np.uint8)

    assert lacks_memory(of_torch.value)
    assert lacks_memory(of_numpy.value)
    assert lacks_memory(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"))
    assert lacks_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))


def test_other_failures() -> None:
    """They are not taken for one."""
    with pytest.raises(RuntimeError) as shapes:
        torch.ones(2) @ torch.ones(3)
    assert not lacks_memory(shapes.value)
    assert not lacks_memory(OSError(errno.ENOSPC, "No space left on device"))
    assert not lacks_memory(ValueError("out of memory"))


def test_giving_back() -> None:
    """What only a cycle holds is gone, and its memory with the kernel again."""
    blocks = [bytearray(BLOCK_BYTES) for _ in range(BLOCKS)]
    kept = bytearray(BLOCK_BYTES)  # On top of the heap, which could not shrink by itself.
    cycle: list[object] = [blocks]
    cycle.append(cycle)
    held = resident_bytes()
    del blocks, cycle
    give_back_memory()

    assert held - resident_bytes() > BLOCKS * BLOCK_BYTES / 2
    assert len(kept) == BLOCK_BYTES
