"""Memory that a failure holds is let go, and a lack of memory is told from other failures."""

import errno
import gc
import weakref

import numpy as np
import pytest
import torch

from adapters.models.memory import forget_locals, give_back_memory, lacks_memory

TOO_MUCH = 1 << 60


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
    """It may be done at any time."""
    give_back_memory()
    give_back_memory()
