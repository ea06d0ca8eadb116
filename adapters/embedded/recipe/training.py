"""One training loop for all bundled models: resumable, exact in its draws, with a progress bar.

The batch of step s depends on (seed, s) alone, so that a run that was stopped goes on as if it had not been.
The learning rate is constant after a warm-up and falls to zero over the last part of the run: a checkpoint from
before the fall can be trained on for longer by asking for more steps.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import nn

from adapters.models.training.checkpoints import Checkpoint, optimizer_tensors, restore_optimizer

LossFunction = Callable[[int, torch.Generator], torch.Tensor]
"""(step, generator of that step) -> the loss of one batch."""


@dataclass(frozen=True)
class TrainingOptions:
    steps: int
    learning_rate: float
    weight_decay: float
    betas: tuple[float, float] = (0.9, 0.99)
    warmup_steps: int = 200
    decay_share: float = 0.3
    """The last part of the run, over which the learning rate falls to zero."""
    ema_decay: float = 0.999
    gradient_norm: float = 1.0
    seed: int = 0
    checkpoint_seconds: float = 180.0


def learning_rate_factor(step: int, options: TrainingOptions) -> float:
    """Warm-up, constant, linear fall to zero."""
    decay_from = options.steps * (1 - options.decay_share)
    rise = min(1.0, (step + 1) / options.warmup_steps)
    fall = 1.0 if step < decay_from else (options.steps - step) / (options.steps - decay_from)
    return rise * fall


def averaged_copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@torch.no_grad()
def update_average(average: dict[str, torch.Tensor], model: nn.Module, step: int, decay: float) -> None:
    """Exponential moving average of weights and buffers; young averages forget faster."""
    decay = min(decay, (1 + step) / (10 + step))
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, 1 - decay)
        else:
            average[name].copy_(tensor)


def train(
    model: nn.Module,
    loss_of_step: LossFunction,
    options: TrainingOptions,
    checkpoint: Checkpoint,
    validate: Callable[[nn.Module], str] | None = None,
) -> dict[str, torch.Tensor]:
    """Train `model` to the last step and return the averaged weights; what was done before is taken up."""
    optimizer = torch.optim.AdamW(
        parameter_groups(model, options.weight_decay), lr=options.learning_rate, betas=options.betas
    )
    average = averaged_copy(model)
    start = checkpoint.step
    if state := checkpoint.load():
        model.load_state_dict(state["model"])
        average.update(state["average"])
        restore_optimizer(optimizer, state["optimizer"])
    with progress_bar() as progress:
        bar = progress.add_task("training", total=options.steps, completed=start, loss=float("nan"))
        saved_at, smoothed = time.monotonic(), None
        for step in range(start, options.steps):
            loss = training_step(model, loss_of_step, optimizer, options, step)
            update_average(average, model, step, options.ema_decay)
            smoothed = loss if smoothed is None else 0.98 * smoothed + 0.02 * loss
            progress.update(bar, completed=step + 1, loss=smoothed)
            if step + 1 == options.steps or time.monotonic() - saved_at > options.checkpoint_seconds:
                parts = {"model": model.state_dict(), "average": average, "optimizer": optimizer_tensors(optimizer)}
                checkpoint.save(step + 1, parts)
                saved_at = time.monotonic()
                verdict = validate_average(model, average, validate) if validate else ""
                progress.console.print(f"step {step + 1} of {options.steps}: loss {smoothed:.4f} {verdict}")
    return average


def training_step(
    model: nn.Module,
    loss_of_step: LossFunction,
    optimizer: torch.optim.Optimizer,
    options: TrainingOptions,
    step: int,
) -> float:
    generator = torch.Generator().manual_seed((options.seed << 32) + step)
    for group in optimizer.param_groups:
        group["lr"] = options.learning_rate * learning_rate_factor(step, options)
    loss = loss_of_step(step, generator)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), options.gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def validate_average(model: nn.Module, average: dict[str, torch.Tensor], validate: Callable[[nn.Module], str]) -> str:
    """Run `validate` with the averaged weights in place."""
    current = averaged_copy(model)
    model.load_state_dict(average)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        verdict = validate(model)
    model.train(was_training)
    model.load_state_dict(current)
    return verdict


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """No weight decay on biases, norms and scalars."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
