"""What many label sets cost: twenty against one, with the bundled models; and what the most labels cost beforehand.

Run by hand: `python -m benchmarks.label_sets`. Both are timed in turn, so that what else the machine does meets both.
"""

import argparse
import time
from collections.abc import Sequence
from statistics import median

import numpy as np
import torch

from adapters.contract.bounds import MAX_LABELS
from adapters.contract.label_sets import MAX_LABELS_IN_ALL
from adapters.models.catalogue import load_models
from adapters.models.classifiers.clip import ClipModel, load_clip
from adapters.models.classifiers.ensembles import in_parts
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.smoothing.seeds import public_seed
from robustify.types import DEFAULT_TEMPLATE, Phase, Task
from workers.counting import VoteMaker, samples_of

SIGMA, SEED = 0.25, public_seed(b"robustify label sets benchmark", "image")


def main() -> None:
    arguments = parser().parse_args()
    maker = vote_maker(Settings(profile="mini"))
    one, many = sets_of(1, arguments.labels), sets_of(arguments.sets, arguments.labels)
    report_samples(maker, one, many, arguments.samples, arguments.repeats)
    clip = load_clip(f"local-dir:{maker.profile.folder}/clip", torch.device("cpu"), torch.float32)
    for labels in (MAX_LABELS, MAX_LABELS_IN_ALL):
        report_texts(clip, labels)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--sets", type=int, default=20)
    found.add_argument("--labels", type=int, default=10, help="of each set")
    found.add_argument("--samples", type=int, default=250)
    found.add_argument("--repeats", type=int, default=7)
    return found


def vote_maker(settings: Settings) -> VoteMaker:
    profile = served_profile(settings)
    return VoteMaker(profile, engine_digest(profile, settings), load_models(profile, settings), settings)


def sets_of(sets: int, labels: int) -> Task:
    """Words that no two sets share."""
    named = [[f"thing {place} of kind {number}" for place in range(labels)] for number in range(sets)]
    return Task.of_sets(named, (DEFAULT_TEMPLATE,)) if sets > 1 else Task(tuple(named[0]))


def report_samples(maker: VoteMaker, one: Task, many: Task, samples: int, repeats: int) -> None:
    """The votes alone, once the texts are embedded."""
    pairs = [(seconds_of(maker, one, samples), seconds_of(maker, many, samples)) for _ in range(repeats + 1)][1:]
    single, several = (median(found) for found in zip(*pairs, strict=True))
    ratio = median(more / less for less, more in pairs)
    print(f"1 label set: {samples / single:.1f} samples/s; {len(many.sizes)}: {samples / several:.1f} samples/s")
    print(f"{len(many.sizes)} label sets of {many.sizes[0]} labels cost {ratio:.3f} times one")


def seconds_of(maker: VoteMaker, task: Task, samples: int) -> float:
    image = np.full((3, maker.profile.side, maker.profile.side), 0.5, dtype=np.float32)
    count = maker.votes(task, SIGMA, samples_of(image, SIGMA, SEED), Phase.ESTIMATE)
    started = time.perf_counter()
    count(0, samples)
    return time.perf_counter() - started


def report_texts(clip: ClipModel, labels: int) -> None:
    """What comes before the first sample, and the bytes of the votes of a shard."""
    task = sets_of(2, labels // 2)
    (tokens,) = clip.tokens_of(task)
    with torch.inference_mode():
        started = time.perf_counter()
        in_parts(clip.embed_texts, tokens)
        seconds = time.perf_counter() - started
    print(f"{len(task.labels)} labels: {seconds:.2f} s to embed, {len(votes_text(task.sizes))} bytes of votes a shard")


def votes_text(sizes: Sequence[int]) -> str:
    """As the board has them, where every sample votes for one class of each set."""
    votes = [500 if place == 0 else 0 for size in sizes for place in range(size)]
    return str(votes)


if __name__ == "__main__":
    main()
