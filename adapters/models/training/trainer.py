"""One training loop for both steps of an adaptation: resumable, exact in its draws, on one device or several.

The batch of step s depends on (seed, s) alone; each of several processes takes its share of it, so that no two train
on the same noise and their number does not decide what is learned. A share goes through the models in micro-batches.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from accelerate import Accelerator
from torch import nn

from adapters.models.training.checkpoints import Checkpoint, optimizer_tensors, restore_optimizer
from adapters.models.training.micro_batches import Losses, add_gradient, losses_alone
from robustify.adaptation.objectives import NoisyBatch, draw_batch
from robustify.errors import InvalidInputError

HISTORY = "history"
HELD_BACK = "held_back_"


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast; the learning rate falls to zero along a cosine."""

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    seed: int
    checkpoint_steps: int = 25
    validate_steps: int = 25
    gradient_norm: float = 1.0
    micro_batch_size: int | None = None
    """Images of a process that go through the models at once; None for all that it has of a batch."""


@dataclass(frozen=True)
class References:
    """Images (N, 3, H, W) in [0, 1] and their labels (N,)."""

    images: torch.Tensor
    labels: torch.Tensor


class Objective(nn.Module):
    """The loss of a batch as a module over the one that is trained, so that several processes can share the work.

    `losses` gives "total", which is minimised, and its parts: each a mean over the images of the batch, so that those
    of its micro-batches, weighted by their sizes, make up that of the whole.
    """

    def __init__(self, trained: nn.Module, losses: Callable[[NoisyBatch], Losses]) -> None:
        super().__init__()
        self.trained = trained
        self._losses = losses

    def forward(self, batch: NoisyBatch) -> Losses:
        return self._losses(batch)

    def trainable(self) -> dict[str, nn.Parameter]:
        return {name: value for name, value in self.trained.named_parameters() if value.requires_grad}


@dataclass(frozen=True)
class Training:
    """What is trained, on what, and who is told.

    `on_step` is called with the number of steps done, before each step and between two micro-batches. It may raise to
    end the run, in all of its processes: the steps that are done are kept.
    """

    objective: Objective
    references: References
    held_back: References
    timesteps: int
    plan: TrainingPlan
    checkpoint: Checkpoint
    on_step: Callable[[int], None] = lambda step: None


History = Sequence[Mapping[str, float]]


def train(training: Training, accelerator: Accelerator) -> History:
    """Minimise the objective to the plan's last step, from the checkpoint on; returns losses by step."""
    plan, parameters = training.plan, training.objective.trainable()
    check_shares(plan, accelerator)
    optimizer = optimizer_of(training.objective, plan)
    start, history = restore(training.checkpoint, parameters, optimizer)
    objective, optimizer = accelerator.prepare(training.objective, optimizer)

    def pause(done: int) -> None:
        """Weights only change at the end of a step, so that whatever stops the run here, they are those of `done`."""
        try:
            training.on_step(done)
        except BaseException:
            keep(training.checkpoint, done, parameters, optimizer, history, accelerator)
            raise

    if lacks_validation(history, start, training):
        validate(history, objective, training, accelerator, partial(pause, start))
    for step in range(start, plan.steps):
        pause(step)
        losses = training_step(objective, optimizer, training, accelerator, step, partial(pause, step))
        done = step + 1
        if done % plan.validate_steps == 0 or done == plan.steps:
            history.append({"step": done, **losses})
            validate(history, objective, training, accelerator, partial(pause, done))
        if done % plan.checkpoint_steps == 0 or done == plan.steps:
            keep(training.checkpoint, done, parameters, optimizer, history, accelerator)
    training.on_step(plan.steps)
    return history


def optimizer_of(objective: Objective, plan: TrainingPlan) -> torch.optim.Optimizer:
    """AdamW, its update in one pass over each weight."""
    weights = objective.trainable().values()
    return torch.optim.AdamW(weights, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True)


def check_shares(plan: TrainingPlan, accelerator: Accelerator) -> None:
    """Only where all processes have as many images is the mean of their gradients that of the batch."""
    if plan.batch_size % accelerator.num_processes:
        raise InvalidInputError(
            f"{accelerator.num_processes} processes cannot share batches of {plan.batch_size} evenly: choose a multiple"
        )


def training_step(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    training: Training,
    accelerator: Accelerator,
    step: int,
    pause: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """One change of the weights; `pause` is called between two micro-batches."""
    for group in optimizer.param_groups:
        group["lr"] = training.plan.learning_rate * cosine(step, training.plan.steps)
    batch = share_of(batch_of(training, step), accelerator)
    losses = add_gradient(objective, batch, training.plan.micro_batch_size, accelerator, pause)
    accelerator.clip_grad_norm_(objective.parameters(), training.plan.gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return as_numbers(losses, accelerator)


def batch_of(training: Training, step: int) -> NoisyBatch:
    references, plan = training.references, training.plan
    generator = torch.Generator().manual_seed((plan.seed << 20) + step)
    return draw_batch(references.images, references.labels, plan.batch_size, training.timesteps, generator)


def share_of(batch: NoisyBatch, accelerator: Accelerator) -> NoisyBatch:
    """Every n-th image for one of n processes."""
    rows = slice(accelerator.process_index, None, accelerator.num_processes)
    return NoisyBatch(*(part[rows] for part in (batch.images, batch.labels, batch.eps, batch.timesteps)))


def lacks_validation(history: History, done: int, training: Training) -> bool:
    """Whether the run was stopped while the last entry was completed."""
    is_last = len(training.held_back.images) > 0 and bool(history) and history[-1]["step"] == done
    return is_last and not any(name.startswith(HELD_BACK) for name in history[-1])


def validate(
    history: list[Mapping[str, float]],
    objective: nn.Module,
    training: Training,
    accelerator: Accelerator,
    pause: Callable[[], None],
) -> None:
    """Completes the last entry with the losses on the held-back references."""
    history[-1] = {**history[-1], **validation(objective, training, accelerator, pause)}


def validation(
    objective: nn.Module, training: Training, accelerator: Accelerator, pause: Callable[[], None]
) -> dict[str, float]:
    """The losses on the held-back references, always with the same noise and timesteps."""
    held_back, plan = training.held_back, training.plan
    if len(held_back.images) == 0:
        return {}
    generator = torch.Generator().manual_seed(0)
    batch = draw_batch(held_back.images, held_back.labels, plan.batch_size, training.timesteps, generator)
    losses = losses_alone(objective, share_of(batch, accelerator), plan.micro_batch_size, accelerator, pause)
    return {f"{HELD_BACK}{name}": value for name, value in as_numbers(losses, accelerator).items()}


def as_numbers(losses: Losses, accelerator: Accelerator) -> dict[str, float]:
    """The means over all processes; raises InvalidInputError when one is not finite."""
    values = torch.stack([value.detach().float() for value in losses.values()])
    means = accelerator.reduce(values, reduction="mean").tolist()
    if not all(map(math.isfinite, means)):
        raise InvalidInputError("the training diverged: adapt with a lower learning rate")
    return dict(zip(losses, (round(mean, 6) for mean in means), strict=True))


def cosine(step: int, steps: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def keep(
    checkpoint: Checkpoint,
    step: int,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    history: History,
    accelerator: Accelerator,
) -> None:
    """Saves a run between two steps, if there is more to it than the checkpoint has."""
    if accelerator.is_main_process and step != checkpoint.step:
        parts = {"parameters": parameters, "optimizer": optimizer_tensors(optimizer)}
        checkpoint.save(step, parts, **{HISTORY: json.dumps(history)})


def restore(
    checkpoint: Checkpoint, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[int, list[Mapping[str, float]]]:
    """(the step to go on with, what was recorded so far)."""
    state = checkpoint.load()
    if not state:
        return 0, []
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(state["parameters"][name])
    restore_optimizer(optimizer, state["optimizer"])
    return checkpoint.step, json.loads(checkpoint.notes[HISTORY])
