"""The training loop of an adaptation: whatever stops it, it ends with the same weights; on one process or two."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from adapters.models.training.checkpoints import Checkpoint
from adapters.models.training.micro_batches import Losses
from adapters.models.training.trainer import (
    History,
    Objective,
    References,
    Training,
    TrainingPlan,
    cosine,
    train,
)
from robustify.adaptation.objectives import NoisyBatch
from robustify.errors import InvalidInputError

STEPS, CHECKPOINT_STEPS = 8, 3
PLAN = TrainingPlan(
    steps=STEPS,
    batch_size=4,
    learning_rate=0.05,
    weight_decay=0.01,
    seed=5,
    checkpoint_steps=CHECKPOINT_STEPS,
    validate_steps=2,
)
TWO_PROCESSES = Path(__file__).with_name("shared_training.py")


@pytest.fixture
def accelerator() -> Iterator[Accelerator]:
    """In float32 on the CPU, whatever another test asked accelerate for in this process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator(cpu=True, mixed_precision="no")
    AcceleratorState._reset_state(reset_partial_state=True)


class Watched:
    """A tiny denoiser and classifier in one, its losses, and a count of the batches that it learned from."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(12, 12, bias=False), nn.Linear(12, 3))
        self.learned: list[NoisyBatch] = []
        self.calls = 0
        self.before_call: Callable[[int], None] = lambda call: None

    def losses(self, batch: NoisyBatch) -> Losses:
        self.before_call(self.calls)
        self.calls += 1
        if torch.is_grad_enabled():
            self.learned.append(batch)
        logits = self.model(batch.images + 0.1 * batch.eps)
        total = cross_entropy(logits, batch.labels)
        return {"total": total, "size": mse_loss(logits, torch.zeros_like(logits))}

    @property
    def weights(self) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in self.model.parameters()]


def references(count: int, seed: int) -> References:
    generator = torch.Generator().manual_seed(seed)
    return References(torch.rand(count, 3, 2, 2, generator=generator), torch.arange(count) % 3)


def run(
    watched: Watched,
    path: Path,
    accelerator: Accelerator,
    plan: TrainingPlan = PLAN,
    on_step: Callable[[int], None] = lambda step: None,
    held_back: int = 5,
) -> History:
    training = Training(
        objective=Objective(watched.model, watched.losses),
        references=references(6, seed=1),
        held_back=references(held_back, seed=2),
        timesteps=100,
        plan=plan,
        checkpoint=Checkpoint(path),
        on_step=on_step,
    )
    return train(training, accelerator)


def stop_at(wanted: int) -> Callable[[int], None]:
    def stop(number: int) -> None:
        if number == wanted:
            raise InterruptedError

    return stop


def test_run_when_it_is_stopped_at_any_step(tmp_path: Path, accelerator: Accelerator) -> None:
    """Taken up again it ends with bit for bit the same weights and history, and no step is made twice."""
    whole = Watched()
    expected = run(whole, tmp_path / "whole", accelerator)
    for step in range(STEPS + 1):
        first, second = Watched(), Watched()
        with pytest.raises(InterruptedError):
            run(first, tmp_path / f"{step}", accelerator, on_step=stop_at(step))
        history = run(second, tmp_path / f"{step}", accelerator)

        assert len(first.learned) + len(second.learned) == STEPS
        assert history == expected
        assert all(map(torch.equal, second.weights, whole.weights))


def test_run_when_it_breaks_off_anywhere(tmp_path: Path, accelerator: Accelerator) -> None:
    """Within a step or a validation too: the same end, and less than one checkpoint interval is done twice."""
    whole = Watched()
    expected = run(whole, tmp_path / "whole", accelerator)
    assert whole.calls == STEPS + STEPS // 2
    for call in range(whole.calls):
        first, second = Watched(), Watched()
        first.before_call = stop_at(call)
        with pytest.raises(InterruptedError):
            run(first, tmp_path / f"{call}", accelerator)
        history = run(second, tmp_path / f"{call}", accelerator)

        assert len(first.learned) + len(second.learned) - STEPS <= CHECKPOINT_STEPS
        assert history == expected
        assert all(map(torch.equal, second.weights, whole.weights))


def test_run_when_a_step_breaks_off_half_way(tmp_path: Path, accelerator: Accelerator) -> None:
    """Weights of which only some were changed are not kept."""
    whole, first, second = Watched(), Watched(), Watched()
    run(whole, tmp_path / "whole", accelerator)
    last = list(first.model.parameters())[-1]
    last.register_hook(lambda gradient: spoil(first, accelerator))
    with pytest.raises(InterruptedError):
        run(first, tmp_path / "cut", accelerator)
    run(second, tmp_path / "cut", accelerator)

    assert all(map(torch.equal, second.weights, whole.weights))


def spoil(watched: Watched, accelerator: Accelerator) -> None:
    """As a step that is half done when the process is told to end: in its fifth batch."""
    if len(watched.learned) == 5:
        with torch.no_grad():
            next(watched.model.parameters()).add_(1)
        raise InterruptedError


def test_run_when_it_is_stopped_between_micro_batches(tmp_path: Path, accelerator: Accelerator) -> None:
    """In a step or a validation, it ends with the same weights and history; only an unfinished step is made twice."""
    plan = replace(PLAN, micro_batch_size=3)
    whole, pauses = Watched(), list[int]()
    expected = run(whole, tmp_path / "whole", accelerator, plan, pauses.append)
    assert len(pauses) == STEPS + 1 + STEPS + STEPS // 2
    for call in range(len(pauses)):
        first, second = Watched(), Watched()
        with pytest.raises(InterruptedError):
            run(first, tmp_path / f"{call}", accelerator, plan, stop_at_call(call))
        history = run(second, tmp_path / f"{call}", accelerator, plan)

        assert len(first.learned) + len(second.learned) - 2 * STEPS <= 1
        assert history == expected
        assert all(map(torch.equal, second.weights, whole.weights))


def test_run_when_batches_are_cut(tmp_path: Path, accelerator: Accelerator) -> None:
    """The same images and noise are learned from; the weights are the same up to rounding, and to the bit if uncut."""
    whole, cut, full = Watched(), Watched(), Watched()
    expected = run(whole, tmp_path / "whole", accelerator)
    history = run(cut, tmp_path / "cut", accelerator, replace(PLAN, micro_batch_size=3))
    run(full, tmp_path / "full", accelerator, replace(PLAN, micro_batch_size=PLAN.batch_size))

    assert torch.equal(noise_of(cut), noise_of(whole))
    for entry, other in zip(history, expected, strict=True):
        assert entry == pytest.approx(other, abs=1e-5)
    for weight, same in zip(cut.weights, whole.weights, strict=True):
        torch.testing.assert_close(weight, same, rtol=0, atol=1e-5)
    assert all(map(torch.equal, full.weights, whole.weights))


def noise_of(watched: Watched) -> torch.Tensor:
    return torch.cat([batch.eps for batch in watched.learned])


def stop_at_call(wanted: int) -> Callable[[int], None]:
    calls = list[int]()

    def stop(step: int) -> None:
        calls.append(step)
        if len(calls) > wanted:
            raise InterruptedError

    return stop


def test_run_that_has_ended(tmp_path: Path, accelerator: Accelerator) -> None:
    """To ask for it again makes no step, and gives the same history and weights."""
    first, second = Watched(), Watched()
    history = run(first, tmp_path / "run", accelerator)

    assert run(second, tmp_path / "run", accelerator) == history
    assert second.calls == 0
    assert all(map(torch.equal, second.weights, first.weights))


def test_history_when_some_references_are_held_back(tmp_path: Path, accelerator: Accelerator) -> None:
    """It has the losses of a step and those on the held-back references, whose batch is always the same."""
    watched = Watched()
    history = run(watched, tmp_path / "run", accelerator, replace(PLAN, learning_rate=1e-12, weight_decay=0.0))

    assert [entry["step"] for entry in history] == [2, 4, 6, 8]
    assert set(history[0]) == {"step", "total", "size", "held_back_total", "held_back_size"}
    assert len({entry["held_back_total"] for entry in history}) == 1
    assert len({entry["total"] for entry in history}) > 1


def test_history_when_nothing_is_held_back(tmp_path: Path, accelerator: Accelerator) -> None:
    """The losses of the steps alone."""
    history = run(Watched(), tmp_path / "run", accelerator, held_back=0)

    assert all(set(entry) == {"step", "total", "size"} for entry in history)


def test_batches_when_seed_and_step_differ(tmp_path: Path, accelerator: Accelerator) -> None:
    """No two steps, of one seed or two, see the same noise."""
    one, other = Watched(), Watched()
    run(one, tmp_path / "one", accelerator)
    run(other, tmp_path / "other", accelerator, replace(PLAN, seed=6))
    noises = {tuple(eps.flatten().tolist()) for batch in (*one.learned, *other.learned) for eps in batch.eps}

    assert len(noises) == 2 * STEPS * PLAN.batch_size


def test_learning_rate_when_the_run_goes_on(tmp_path: Path, accelerator: Accelerator) -> None:
    """It falls along half a cosine; Adam moves by it each step where the gradient is constant."""
    weight, positions = nn.Linear(1, 1, bias=False), []

    def on_step(step: int) -> None:
        positions.append(float(weight.weight.detach()))

    training = Training(
        objective=Objective(weight, lambda batch: {"total": weight.weight.sum()}),
        references=references(6, seed=1),
        held_back=references(0, seed=2),
        timesteps=100,
        plan=replace(PLAN, weight_decay=0.0, steps=4),
        checkpoint=Checkpoint(tmp_path / "run"),
        on_step=on_step,
    )
    train(training, accelerator)
    moved = [before - after for before, after in zip(positions, positions[1:], strict=False)]

    assert moved == pytest.approx([0.05 * share for share in (1, 0.853553, 0.5, 0.146447)], rel=1e-4)
    assert [cosine(step, 4) for step in (0, 2, 4)] == pytest.approx([1, 0.5, 0])


def test_run_that_diverges(tmp_path: Path, accelerator: Accelerator) -> None:
    """It ends with an error that says what to do, and the weights that are no numbers are not kept."""
    watched = Watched()

    def spoil_weights(call: int) -> None:
        if call == 7:
            with torch.no_grad():
                next(watched.model.parameters()).fill_(float("nan"))

    watched.before_call = spoil_weights
    with pytest.raises(InvalidInputError, match="lower learning rate"):
        run(watched, tmp_path / "run", accelerator)

    assert Checkpoint(tmp_path / "run").step == CHECKPOINT_STEPS
    assert all(tensor.isfinite().all() for tensor in Checkpoint(tmp_path / "run").load()["parameters"].values())


@pytest.mark.slow
def test_run_when_two_processes_share_it(tmp_path: Path, accelerator: Accelerator) -> None:
    """They end with the weights of one process up to rounding; each image's noise is drawn for one of them alone."""
    whole = Watched()
    run(whole, tmp_path / "whole", accelerator)
    processes = [
        subprocess.Popen([sys.executable, str(TWO_PROCESSES), str(tmp_path), str(rank)], env=environment(rank))
        for rank in range(2)
    ]
    try:
        codes = [process.wait(timeout=240) for process in processes]
    finally:
        for process in processes:
            process.kill()

    assert codes == [0, 0]
    found = [load_file(tmp_path / f"rank-{rank}.safetensors") for rank in range(2)]
    for index, weight in enumerate(whole.weights):
        assert torch.equal(found[0][f"weight-{index}"], found[1][f"weight-{index}"])
        torch.testing.assert_close(found[0][f"weight-{index}"], weight, rtol=0, atol=1e-5)
    noises = [{tuple(eps.flatten().tolist()) for eps in tensors["eps"]} for tensors in found]
    expected = {tuple(eps.flatten().tolist()) for batch in whole.learned for eps in batch.eps}
    assert noises[0] & noises[1] == set()
    assert noises[0] | noises[1] == expected


def environment(rank: int) -> dict[str, str]:
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    fixed = {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    root = str(Path(__file__).parents[5])
    return {**os.environ, **fixed, "PYTHONPATH": root, **{name: str(value) for name, value in own.items()}}
