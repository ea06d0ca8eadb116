"""Does a vote depend on the batch that its sample is in? The same samples in batches of 64, 32, 7 and 1.

    python -m benchmarks.studies.batch_shapes --samples 10000 [--dtype bfloat16]

Cost: 4 x samples through profile mini, at 150 to 300 a second on 2 cores, and slower in batches of one. Expected: the
noise of every sample is the same bits in all four; at most 5 of 10,000 votes differ from those of the batch of 64.
Exit 1 where that does not hold (of fewer samples, the same share may differ). The last line is JSON.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track

from adapters.images import canonicalise
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.seeds import public_seed
from robustify.smoothing.votes import NoisyVotes, votes_of_rows
from robustify.types import Phase, Task
from workers.commands.demo import IMAGE, LABELS
from workers.counting import VoteMaker, samples_of

BATCH_SIZES = (64, 32, 7, 1)
ALLOWED_SHARE = 5 / 10_000
PUBLIC_SEED = public_seed(b"robustify batch shapes", "")


@dataclass(frozen=True)
class Run:
    """What one batch size gave: the class and the sha256 of each noisy sample, in their order."""

    batch_size: int
    votes: np.ndarray
    noise: Sequence[bytes]


@dataclass(frozen=True)
class Comparison:
    """How many samples differ from those of the first batch size."""

    batch_size: int
    samples: int
    noises_that_differ: int
    votes_that_differ: int

    @property
    def passed(self) -> bool:
        return not self.noises_that_differ and self.votes_that_differ <= ALLOWED_SHARE * self.samples


def compare(model: VoteMaker, image: np.ndarray, task: Task, sigma: float, samples: int) -> list[Comparison]:
    """The same samples in batches of each size, against the first."""
    first, *others = [run(votes_in_batches(model, image, task, sigma, size), samples) for size in BATCH_SIZES]
    return [
        Comparison(
            other.batch_size,
            samples,
            sum(one != another for one, another in zip(first.noise, other.noise, strict=True)),
            int((first.votes != other.votes).sum()),
        )
        for other in others
    ]


def votes_in_batches(model: VoteMaker, image: np.ndarray, task: Task, sigma: float, batch_size: int) -> NoisyVotes:
    """The VoteCounter that a worker with this batch size has; the noise has one key for all sizes."""
    settings = model.settings.model_copy(update={"batch_size": batch_size})
    return replace(model, settings=settings).votes(task, sigma, samples_of(image, sigma, PUBLIC_SEED), Phase.ESTIMATE)


@torch.inference_mode()
def run(count: NoisyVotes, samples: int) -> Run:
    """The samples one by one, where `count` itself would only tell how many voted for each class."""
    votes: list[np.ndarray] = []
    noise: list[bytes] = []
    starts = range(0, samples, count.batch_size)
    for start in track(starts, f"batches of {count.batch_size}", console=Console(stderr=True), transient=True):
        size = min(count.batch_size, samples - start)
        batch = count.batch(start, size)
        noise += [hashlib.sha256(sample.numpy().tobytes()).digest() for sample in batch[:size]]
        votes.append(votes_of_rows(count.batch_logits(batch)[:size]))
    return Run(count.batch_size, np.fromiter(chain.from_iterable(votes), dtype=np.int64), noise)


def table(comparisons: Sequence[Comparison]) -> str:
    lines = [
        f"| batch size | votes that differ from batch size {BATCH_SIZES[0]} | noises that differ |",
        "|---|---|---|",
    ]
    lines += [
        f"| {found.batch_size} | {found.votes_that_differ} of {found.samples} | {found.noises_that_differ} |"
        for found in comparisons
    ]
    return "\n".join(lines)


def main(
    samples: Annotated[int, typer.Option(min=1)] = 10_000,
    profile: str = "mini",
    dtype: Annotated[Literal["float32", "bfloat16"], typer.Option()] = "float32",
    sigma: float = 0.25,
    image: Annotated[Path, typer.Option(help="What is classified; by default the picture of the demo.")] = IMAGE,
) -> None:
    settings = Settings(profile=profile, dtype=dtype)
    chosen = find_profile(profile)
    model = VoteMaker(chosen, engine_digest(chosen, settings), load_models(chosen, settings), settings)
    labels = LABELS[: chosen.classes] if chosen.classes else LABELS
    canonical = canonicalise(image.read_bytes(), chosen.side, chosen.preprocessing).tensor
    comparisons = compare(model, canonical, Task(labels), sigma, samples)
    passed = all(found.passed for found in comparisons)
    differing = {
        str(found.batch_size): {"votes": found.votes_that_differ, "noises": found.noises_that_differ}
        for found in comparisons
    }
    typer.echo(f"{profile}, {dtype}, sigma {sigma:g}, {samples} samples of {image.name}\n\n{table(comparisons)}\n")
    about = {"profile": profile, "dtype": dtype, "sigma": sigma, "image": image.name, "samples": samples}
    typer.echo(json.dumps({"study": "batch_shapes", **about, "differing": differing, "passed": passed}))
    if not passed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
