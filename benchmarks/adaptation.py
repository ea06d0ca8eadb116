"""One step of personalisation and one of fine-tuning, ours against the official code's per-sample loops.

    python -m benchmarks.adaptation [--profile mini] [--rounds 5]

Both compute the same losses of the same batches and update the same weights; they take turns, so that whatever else the
machine does falls on both. Ours differs by batching, by bfloat16 where the hardware computes in it, and by an
optimizer that passes over each weight once. Goal on 2 idle cores, profile mini: both ratios at least 3. Measured there,
with AVX512-BF16: 1.4 and 2.7. The official step of personalisation has its UNet, forward and backward, batched as ours:
the loop over samples is of the scheduler alone. The last line is JSON.
"""

import json
import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import typer
from diffusers import DDPMScheduler
from torch import nn

from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.process import set_up
from adapters.models.training.checkpoints import Checkpoint
from adapters.models.training.fine_tuning import TunableClip
from adapters.models.training.learners import diffusion_of
from adapters.models.training.lora import add_lora
from adapters.models.training.micro_batches import Losses
from adapters.models.training.trainer import (
    Objective,
    References,
    Training,
    TrainingPlan,
    batch_of,
    optimizer_of,
    training_step,
)
from adapters.models.training.workshop import Workshop
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from benchmarks.official import OfficialDenoiser
from benchmarks.official import fine_tuning_loss as official_fine_tuning_loss
from benchmarks.official import personalization_loss as official_personalization_loss
from robustify.adaptation.objectives import NoisyBatch, fine_tuning_loss, personalization_loss
from robustify.types import Task

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RATE = 1e-6
Step = Callable[[int], None]


def main(profile: str = "mini", rounds: int = 5) -> None:
    chosen, settings = find_profile(profile), Settings(profile=profile)
    set_up(chosen, settings)
    workshop = Workshop(chosen, settings)
    figures = {
        "personalization": compare(*personalization_steps(workshop), rounds),
        "fine_tuning": compare(*fine_tuning_steps(workshop), rounds),
    }
    for name, found in figures.items():
        typer.echo(f"{name:20} " + "  ".join(f"{figure} {value:.3f}" for figure, value in found.items()))
    ratio = min(found["ratio"] for found in figures.values())
    typer.echo(json.dumps({"benchmark": "adaptation", "profile": profile, **figures, "ratio": ratio}))


def compare(ours: Step, official: Step, rounds: int) -> dict[str, float]:
    """Median seconds of a step, in turns, after one of each that does not count."""
    times: dict[str, list[float]] = {"ours": [], "official": []}
    for number in range(rounds + 1):
        for name, step in (("ours", ours), ("official", official)):
            started = time.perf_counter()
            step(number)
            if number:
                times[name].append(time.perf_counter() - started)
    ratios = [slow / fast for slow, fast in zip(times["official"], times["ours"], strict=True)]
    return {
        "ours_seconds": statistics.median(times["ours"]),
        "official_seconds": statistics.median(times["official"]),
        "ratio": statistics.median(ratios),
        "ratio_lowest": min(ratios),
        "ratio_highest": max(ratios),
    }


def personalization_steps(workshop: Workshop) -> tuple[Step, Step]:
    defaults, classify = workshop.profile.adaptation, workshop.clip.zero_shot(Task(LABELS))

    def with_lora() -> OneStepDenoiser:
        denoiser = denoiser_of(workshop)
        unet = deepcopy(denoiser.unet)
        add_lora(unet, defaults.rank)
        return replace(denoiser, unet=unet)

    learner = with_lora()
    diffusion = diffusion_of(learner)

    def losses(batch: NoisyBatch) -> Losses:
        loss = personalization_loss(learner.predict_noise, classify, diffusion, batch, defaults.guidance_weight)
        return {"total": loss.total, "diffusion": loss.diffusion, "classifier": loss.classifier}

    official = official_of(with_lora(), workshop)
    return (
        step_of(workshop, learner.unet, losses, defaults.batch_size),
        official_step_of(
            workshop,
            official.unet,
            lambda batch: official_personalization_loss(official, classify, batch, defaults.guidance_weight),
            defaults.batch_size,
        ),
    )


def fine_tuning_steps(workshop: Workshop) -> tuple[Step, Step]:
    size, task = workshop.profile.adaptation.fine_tuning_batch_size, Task(LABELS)
    ours, theirs = (TunableClip(workshop.clip, task, workshop.device) for _ in range(2))
    denoiser, diffusion = denoiser_of(workshop), diffusion_of(workshop.denoiser)
    official = official_of(denoiser, workshop)
    return (
        step_of(
            workshop,
            ours,
            lambda batch: {"total": fine_tuning_loss(denoiser.predict_noise, ours, diffusion, batch)},
            size,
        ),
        official_step_of(workshop, theirs, lambda batch: official_fine_tuning_loss(official, theirs, batch), size),
    )


def denoiser_of(workshop: Workshop) -> OneStepDenoiser:
    """Of the paper's kind: the official code has no other."""
    assert isinstance(workshop.denoiser, OneStepDenoiser)
    return workshop.denoiser


def official_of(denoiser: OneStepDenoiser, workshop: Workshop) -> OfficialDenoiser:
    source = workshop.folder / "denoiser"
    scheduler = DDPMScheduler.from_pretrained(source, subfolder="scheduler", variance_type="fixed_small")
    return OfficialDenoiser(denoiser.unet, scheduler, denoiser.prompt_rows, denoiser.k)


def official_step_of(workshop: Workshop, trained: nn.Module, losses: Callable[[NoisyBatch], Any], size: int) -> Step:
    """A step in float32, as the official code trains."""
    training = training_of(workshop, Objective(trained, losses), size)
    optimizer = torch.optim.AdamW(training.objective.trainable().values(), lr=RATE)

    def step(number: int) -> None:
        training.objective(batch_of(training, number))["total"].backward()
        nn.utils.clip_grad_norm_(training.objective.parameters(), training.plan.gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def step_of(workshop: Workshop, trained: nn.Module, losses: Callable[[NoisyBatch], Any], size: int) -> Step:
    """A step as an adaptation takes it."""
    training = training_of(workshop, Objective(trained, losses), size)
    optimizer = optimizer_of(training.objective, training.plan)
    accelerator = workshop.accelerator()

    def step(number: int) -> None:
        training_step(training.objective, optimizer, training, accelerator, number)

    return step


def training_of(workshop: Workshop, objective: Objective, size: int) -> Training:
    """On random pictures."""
    side = workshop.profile.side
    images = torch.rand(len(LABELS), 3, side, side, generator=torch.Generator().manual_seed(0))
    references = References(images, torch.arange(len(LABELS)))
    plan = TrainingPlan(steps=1000, batch_size=size, learning_rate=RATE, weight_decay=0.0, seed=0)
    return Training(objective, references, references, 1000, plan, Checkpoint(Path("unused")))


if __name__ == "__main__":
    typer.run(main)
