"""The study of batch shapes, on classifiers that cheat."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from adapters.profiles.library import find_profile
from adapters.settings import Settings
from benchmarks.studies.batch_shapes import Comparison, compare
from robustify.smoothing.votes import BaseClassifier
from robustify.types import Task
from workers.counting import VoteMaker

IMAGE = np.full((3, 8, 8), 0.5, dtype=np.float32)


@dataclass(frozen=True)
class Classifiers:
    """One base classifier for all tasks."""

    classify: Callable[[torch.Tensor], torch.Tensor]

    def base_classifier(self, task: Task, sigma: float) -> BaseClassifier:
        return self.classify


def sign_of_first_value(x: torch.Tensor) -> torch.Tensor:
    first = x[:, 0, 0, 0] - 0.5
    return torch.stack([first, -first], dim=1)


def other_way_round_in_batches_of_7(x: torch.Tensor) -> torch.Tensor:
    return sign_of_first_value(x) * (-1 if len(x) == 7 else 1)


def compared(classify: Callable[[torch.Tensor], torch.Tensor], samples: int = 100) -> list[Comparison]:
    settings = Settings(profile="oracle-linear")
    model = VoteMaker(find_profile("oracle-linear"), "", Classifiers(classify), settings)
    return compare(model, IMAGE, Task(("plus", "minus")), 0.25, samples)


def test_classifier_that_sees_each_sample_alone() -> None:
    """Nothing differs, though 100 samples do not fill the last batch of 64, 32 or 7."""
    found = compared(sign_of_first_value)
    assert [(one.batch_size, one.votes_that_differ, one.noises_that_differ) for one in found] == [
        (32, 0, 0),
        (7, 0, 0),
        (1, 0, 0),
    ]
    assert all(one.passed for one in found)


def test_classifier_that_sees_the_batch() -> None:
    """Every vote that differs is counted, though the two sums of votes may be the same."""
    found = compared(other_way_round_in_batches_of_7)
    assert [one.votes_that_differ for one in found] == [0, 100, 0]
    assert [one.passed for one in found] == [True, False, True]


@pytest.mark.parametrize(
    ("votes", "noises", "passed"), [(5, 0, True), (6, 0, False), (0, 1, False)], ids=["five", "six", "noise"]
)
def test_verdict(votes: int, noises: int, passed: bool) -> None:
    """Of 10,000 votes 5 may differ; of the noises not one."""
    assert Comparison(1, 10_000, noises, votes).passed is passed
