"""A training run's state as one safetensors file that is replaced whole."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from adapters.durable_files import write_durably

STEP = "step"
Tensors = Mapping[str, Mapping[str, torch.Tensor]]
"""Part of the state -> its tensors by name."""


class Checkpoint:
    """Named parts, the step, and a note; a reader sees all of one save or all of another."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, step: int, parts: Tensors, **notes: str) -> None:
        tensors = {
            f"{part}.{name}": tensor.detach().clone().contiguous()
            for part, named in parts.items()
            for name, tensor in named.items()
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Not `save_file`: a full disk is no OSError there.
        write_durably(self.path, save(tensors, {STEP: str(step), **notes}))

    def load(self) -> dict[str, dict[str, torch.Tensor]]:
        """The parts, by name; empty when nothing was saved."""
        parts: dict[str, dict[str, torch.Tensor]] = {}
        if self.path.exists():
            for key, tensor in load_file(self.path).items():
                part, _, name = key.partition(".")
                parts.setdefault(part, {})[name] = tensor
        return parts

    @property
    def notes(self) -> dict[str, str]:
        """The step and the notes of the last save; empty when nothing was saved."""
        if not self.path.exists():
            return {}
        with self.path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        notes: dict[str, str] = header["__metadata__"]
        return notes

    @property
    def step(self) -> int:
        """The step to go on with: 0 when nothing was saved."""
        return int(self.notes.get(STEP, 0))


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's moments, by parameter and name."""
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, field = name.split(".", 1)
        moments.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
