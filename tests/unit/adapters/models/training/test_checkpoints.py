"""A training run's state on disk: whole, or the one before."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adapters.models.training.checkpoints import Checkpoint, optimizer_tensors, restore_optimizer

KILLED_WHILE_SAVING = """
import os, pathlib, signal, sys, torch
from adapters.models.training.checkpoints import Checkpoint
checkpoint = Checkpoint(pathlib.Path(sys.argv[1]))
checkpoint.save(1, {"weights": {"a": torch.ones(1000)}}, note="first")
setattr(os, sys.argv[2], lambda *arguments: os.kill(os.getpid(), signal.SIGKILL))
checkpoint.save(2, {"weights": {"a": torch.zeros(1000)}}, note="second")
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "work" / "training.safetensors")


def test_state_when_it_is_read_again(checkpoint: Checkpoint) -> None:
    """Parts, step and notes come back as they were, whatever dots their names have."""
    tensors = {"a.b.c": torch.rand(2, 3), "scalar": torch.tensor(3.5), "whole": torch.tensor([1, 2])}
    shared = torch.rand(4, 4)
    checkpoint.save(7, {"one": tensors, "two": {"a.b.c": shared.T, "again": shared}}, history="[]")
    parts = checkpoint.load()

    assert checkpoint.step == 7
    assert checkpoint.notes["history"] == "[]"
    assert set(parts) == {"one", "two"}
    assert all(torch.equal(parts["one"][name], tensor) for name, tensor in tensors.items())
    assert torch.equal(parts["two"]["a.b.c"], shared.T)


def test_state_when_nothing_was_saved(checkpoint: Checkpoint) -> None:
    """Step 0, and nothing else."""
    assert (checkpoint.step, checkpoint.notes, checkpoint.load()) == (0, {}, {})


@pytest.mark.slow
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_saving_when_the_process_is_killed(tmp_path: Path, call: str) -> None:
    """The state before is still there, and what was written of the new one does not pass for a checkpoint."""
    path = tmp_path / "training.safetensors"
    command = [sys.executable, "-c", KILLED_WHILE_SAVING, str(path), call]
    finished = subprocess.run(command, check=False, timeout=120)

    assert finished.returncode == -signal.SIGKILL
    assert Checkpoint(path).notes == {"step": "1", "note": "first"}
    assert torch.equal(Checkpoint(path).load()["weights"]["a"], torch.ones(1000))
    assert [found for found in tmp_path.glob("*.safetensors") if found != path] == []


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_saving_when_the_disk_is_full(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """An OSError, which says so; the state before stays and no other file is left."""
    checkpoint.save(1, {"weights": {"a": torch.ones(3)}})

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="no space") as caught:
        checkpoint.save(2, {"weights": {"a": torch.zeros(3)}})
    assert caught.value.errno == errno.ENOSPC
    assert checkpoint.step == 1
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]


def test_optimizer_when_it_is_restored() -> None:
    """It takes the same next step as the one that was saved."""
    torch.manual_seed(0)
    ends = []
    first = torch.nn.Linear(3, 2)
    optimizer = adam(first)
    descend(first, optimizer)
    saved = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer).items()}
    second = torch.nn.Linear(3, 2)
    second.load_state_dict(first.state_dict())
    other = adam(second)
    restore_optimizer(other, saved)
    for model, its_optimizer in ((first, optimizer), (second, other)):
        descend(model, its_optimizer)
        ends.append(model.weight)

    assert len(saved) == 2 * 3
    assert torch.equal(*ends)


def adam(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.1)


def descend(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.ones(1, 3)).square().sum().backward()
    optimizer.step()
