"""What a GPU is given, and gives back, while it computes something else: nobody waits for all that it was asked.

A stream does what it is asked in order, copies too. So the next batch is made on a stream of its own, from memory that
the GPU reads by itself; and what it found of a batch is sent back before the next one is begun. On a CPU, and on MPS,
the same functions do the same, one after the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch


def made_beside(device: torch.device, make: Callable[[], torch.Tensor]) -> torch.Tensor:
    """What `make` makes on the device. A GPU begins at once; what it is asked to compute next waits for it there, and
    nobody waits here.
    """
    if device.type != "cuda":
        return make()
    own, current = own_stream(device), torch.cuda.current_stream(device)
    with torch.cuda.stream(own):
        made = make()
    current.wait_stream(own)
    made.record_stream(current)  # Its memory is not given to the next batch before this one was read.
    return made


@cache
def own_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all batches of a device: they are made in order."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def padded_on(device: torch.device, samples: np.ndarray, size: int) -> torch.Tensor:
    """`size` samples on the device: float32 ones (N, 3, H, W), then zeros.

    For a GPU they are put into pinned memory. torch keeps two such buffers, or as many as are still being copied, and
    gives one out again when its copy is over.
    """
    batch = torch.zeros((size, *samples.shape[1:]), pin_memory=device.type == "cuda")
    batch[: len(samples)] = torch.from_numpy(samples)
    return given(device, batch)


def given(device: torch.device, tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the CPU on the device; a GPU fetches it when its stream comes to it."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True)
class SentBack:
    """A tensor on its way to the CPU; `arrived` is what a GPU says when it is there."""

    copy: torch.Tensor
    arrived: torch.cuda.Event | None = None

    def numpy(self) -> np.ndarray:
        """Waits for it, and for nothing that the device was asked since."""
        if self.arrived is not None:
            self.arrived.synchronize()
        found: np.ndarray = self.copy.numpy()
        return found


def sent_back(tensor: torch.Tensor) -> SentBack:
    if tensor.device.type != "cuda":
        return SentBack(tensor.cpu())
    copy = tensor.to("cpu", non_blocking=True)  # Into pinned memory.
    return SentBack(copy, torch.cuda.current_stream(tensor.device).record_event())
