"""Which GPUs this process may use, by the names that a child process is told one of them by."""

import os

import torch


def visible_gpus() -> tuple[str, ...]:
    """The names of all of them, in order."""
    return names_of(os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.device_count())


def names_of(visible: str | None, count: int) -> tuple[str, ...]:
    """Of so many GPUs: as the environment lists them, where it says which are visible, else their numbers.

    CUDA reads that list up to the first name that it does not know.
    """
    names = map(str, range(count)) if visible is None else (name.strip() for name in visible.split(","))
    return tuple(names)[:count]
