"""What each part of an adaptation costs, in passes of one sample: the constants of `adapters/contract/adapt_cost.py`.

    python -m benchmarks.studies.adaptation_cost [--profile mini] [--precision bf16]

Seconds are those of the CPU in one thread, so that nothing else the machine does falls on them; each figure is the
least of some rounds. A sample is one noisy copy through the denoiser and classifier that serve. The last line is JSON.
"""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import torch
import typer
from accelerate import Accelerator
from torch import nn

from adapters.models.catalogue import load_models
from adapters.models.generators.cascade import Sampling
from adapters.models.process import set_up
from adapters.models.training.fine_tuning import TunableClip
from adapters.models.training.learners import diffusion_of, noise_of
from adapters.models.training.lora import add_lora
from adapters.models.training.micro_batches import Losses
from adapters.models.training.trainer import Objective, optimizer_of, training_step
from adapters.models.training.workshop import Workshop
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from benchmarks.adaptation import LABELS, training_of
from robustify.adaptation.objectives import NoisyBatch, fine_tuning_loss, personalization_loss
from robustify.pipeline import DenoiseAndClassify
from robustify.types import Task

SIGMA, PROMPT = 0.25, "This is a photo of a cat"
FEW, MANY = 4, 12
"""Of sampling steps, or of labels in hundreds: what one more costs is the difference over their number."""
Act = Callable[[], object]


def main(profile: str = "mini", precision: Literal["no", "bf16"] = "no", rounds: int = 3) -> None:
    chosen, settings = find_profile(profile), Settings(profile=profile, threads=1)
    set_up(chosen, settings)
    workshop = Workshop(chosen, settings)
    accelerator = Accelerator(cpu=workshop.device.type == "cpu", mixed_precision=precision)
    sample = seconds(served(workshop), rounds) / chosen.batch_size
    parts = {**sampling(workshop, rounds), **training(workshop, accelerator, rounds), **judging(workshop, rounds)}
    found = {name: value / sample for name, value in parts.items()}
    for name, value in found.items():
        typer.echo(f"{name:24} {value:8.3f} samples")
    document = {"study": "adaptation cost", "profile": profile, "precision": precision, "sample_seconds": sample}
    typer.echo(json.dumps({**document, **found}))


def seconds(act: Act, rounds: int) -> float:
    """The least of some rounds, after one that does not count."""
    act()
    return min(timed(act) for _ in range(rounds))


def timed(act: Act) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def served(workshop: Workshop) -> Act:
    """One batch of votes as a worker counts them."""
    models = load_models(workshop.profile, workshop.settings)
    return partial(classify, models.base_classifier(Task(LABELS), SIGMA), noisy(workshop, workshop.profile.batch_size))


def judging(workshop: Workshop, rounds: int) -> Mapping[str, float]:
    """A sample through the models of the workshop, in float32 and not folded."""
    f = DenoiseAndClassify(workshop.denoiser, workshop.clip.zero_shot(Task(LABELS)), SIGMA)
    size = workshop.profile.batch_size
    return {"judged sample": seconds(partial(classify, f, noisy(workshop, size)), rounds) / size}


@torch.inference_mode()
def classify(f: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    return f(images)


def noisy(workshop: Workshop, size: int) -> torch.Tensor:
    side = workshop.profile.side
    return torch.rand(size, 3, side, side, generator=torch.Generator().manual_seed(0))


def sampling(workshop: Workshop, rounds: int) -> Mapping[str, float]:
    """One step of each stage for one image, with classifier-free guidance: two passes."""
    count = workshop.profile.adaptation.images_per_batch

    def make(base_steps: int, enlarging_steps: int) -> float:
        options = Sampling(base_guidance=2.0, base_steps=base_steps, enlarging_steps=enlarging_steps)
        generator = workshop.generator(options)
        noises = [torch.Generator().manual_seed(number) for number in range(count)]
        return seconds(lambda: generator([PROMPT] * count, noises, lambda: None), rounds)

    short, steps = make(FEW, FEW), count * (MANY - FEW)
    return {
        "step of sampling": (make(MANY, FEW) - short) / steps,
        "step of enlarging": (make(FEW, MANY) - short) / steps,
    }


def training(workshop: Workshop, accelerator: Accelerator, rounds: int) -> Mapping[str, float]:
    """An image of a step of each training, and a label of one of fine-tuning."""
    size = workshop.profile.micro_batch_size
    few, many = (Task(tuple(f"label {number}" for number in range(100 * count))) for count in (1, 3))
    tuned, with_labels, small = (
        seconds(step_of(workshop, *tuning(workshop, task), images, accelerator), rounds)
        for task, images in ((few, size), (many, size), (few, size // 2))
    )
    image, label = (tuned - small) / (size - size // 2), (with_labels - tuned) / (len(many.labels) - len(few.labels))
    return {
        "image personalised with": seconds(step_of(workshop, *learning(workshop), size, accelerator), rounds) / size,
        "image fine-tuned with": image,
        "label fine-tuned with": label,
        "step of fine-tuning": tuned - size * image - len(few.labels) * label,
    }


def learning(workshop: Workshop) -> tuple[nn.Module, Callable[[NoisyBatch], Losses]]:
    """A denoiser with a LoRA, and its losses."""
    learner = workshop.adapted_denoiser(workshop.folder / "nothing")
    learner = learner.with_network(type(learner.network).from_config(learner.network.config).float())
    add_lora(learner.network, workshop.profile.adaptation.rank)
    classifier = workshop.clip.zero_shot(Task(LABELS))
    diffusion, predict_noise = diffusion_of(learner), noise_of(learner)

    def losses(batch: NoisyBatch) -> Losses:
        return {"total": personalization_loss(predict_noise, classifier, diffusion, batch, 0.01).total}

    return learner.network, losses


def tuning(workshop: Workshop, task: Task) -> tuple[nn.Module, Callable[[NoisyBatch], Losses]]:
    """A classifier of its own, and its loss."""
    tunable = TunableClip(workshop.clip, task, workshop.device)
    predict_noise, diffusion = noise_of(workshop.denoiser), diffusion_of(workshop.denoiser)
    return tunable, lambda batch: {"total": fine_tuning_loss(predict_noise, tunable, diffusion, batch)}


def step_of(
    workshop: Workshop,
    trained: nn.Module,
    losses: Callable[[NoisyBatch], Losses],
    size: int,
    accelerator: Accelerator,
) -> Act:
    """A whole step, its optimizer too."""
    chosen = training_of(workshop, Objective(trained, losses), size)
    optimizer = optimizer_of(chosen.objective, chosen.plan)
    return lambda: training_step(chosen.objective, optimizer, chosen, accelerator, 0)


if __name__ == "__main__":
    typer.run(main)
