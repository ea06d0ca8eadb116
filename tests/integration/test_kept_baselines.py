"""What the baselines' weights achieve on the 50 CIFAR-10 test images of the repository, as `install` writes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from adapters.embedded.recipe.baselines.__main__ import install
from adapters.embedded.recipe.baselines.builds import TRAININGS
from adapters.embedded.recipe.baselines.kept import KEPT
from adapters.models.catalogue import load_models
from adapters.models.loaded import Models
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.attacks.budget import Budget
from robustify.attacks.pgd import pgd
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.seeds import public_seed
from robustify.types import Task
from workers.evaluation.data.dataset import Dataset, stacked
from workers.evaluation.data.reading import read_dataset

IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
EPS, ATTACK_STEPS = 0.5, 10
LARGEST_FILE = 40_000_000
Classify = Callable[[torch.Tensor], torch.Tensor]
ModelsOf = Callable[[str], Models]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return read_dataset(IMAGES, None, 32)


@pytest.fixture(scope="module")
def images(dataset: Dataset) -> torch.Tensor:
    return torch.from_numpy(stacked(dataset))


@pytest.fixture(scope="module")
def task(dataset: Dataset) -> Task:
    return Task(dataset.class_names)


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    draw = SeededNoise(public_seed(b"baselines", "test"))
    return torch.from_numpy(draw("estimate", 0, 50, (3, 32, 32)).astype(np.float32))


@pytest.fixture(scope="module")
def models_of(tmp_path_factory: pytest.TempPathFactory) -> ModelsOf:
    """The models of a profile, installed on the way."""
    state = tmp_path_factory.mktemp("state")

    def models(profile: str) -> Models:
        settings = Settings(profile=profile, state_dir=state)
        if profile != "mini":
            install(state, only=[profile])
        return load_models(served_profile(settings), settings)

    return models


@torch.inference_mode()
def accuracy(classify: Classify, images: torch.Tensor, dataset: Dataset) -> float:
    return float((classify(images).argmax(1) == torch.tensor(dataset.labels)).float().mean())


def robust_accuracy(classify: Classify, images: torch.Tensor, dataset: Dataset) -> float:
    """Under PGD in L2 from one random start."""
    labels = torch.tensor(dataset.labels)

    def gradient(shown: torch.Tensor) -> torch.Tensor:
        shown = shown.detach().requires_grad_()
        return torch.autograd.grad(cross_entropy(classify(shown), labels, reduction="sum"), shown)[0]

    budget = Budget(images, EPS)
    found = pgd(gradient, budget, budget.random_start(torch.Generator().manual_seed(0)), ATTACK_STEPS)
    return accuracy(classify, found, dataset)


def test_size_when_weights_are_committed() -> None:
    """No file is larger than the repository takes."""
    assert max(file.stat().st_size for file in KEPT.glob("*.safetensors")) < LARGEST_FILE


@pytest.mark.parametrize(
    ("profile", "least"), [("mini-resnet20", 0.83), ("mini-resnet20-adversarial", 0.6), ("mini-tecoa", 0.55)]
)
def test_accuracy_on_clean_images(
    profile: str, least: float, models_of: ModelsOf, task: Task, images: torch.Tensor, dataset: Dataset
) -> None:
    """Of a classifier that is used as it is."""
    assert accuracy(models_of(profile).classifier_for(task), images, dataset) >= least


@pytest.mark.parametrize(
    ("profile", "sigma", "least"),
    [
        ("mini-cohen-0.25", 0.25, 0.65),
        ("mini-cohen-0.5", 0.5, 0.46),
        ("mini-resnet20-ours", 0.25, 0.48),
        ("mini-carlini", 0.25, 0.7),
        ("mini-carlini-resnet20", 0.25, 0.48),
    ],
)
def test_accuracy_under_noise(
    profile: str,
    sigma: float,
    least: float,
    models_of: ModelsOf,
    task: Task,
    images: torch.Tensor,
    noise: torch.Tensor,
    dataset: Dataset,
) -> None:
    """Of what is smoothed: at its own sigma, with its denoiser where it has one."""
    classify = models_of(profile).base_classifier(task, sigma)
    assert accuracy(classify, images + sigma * noise, dataset) >= least


@pytest.mark.parametrize(("profile", "plain"), [("mini-tecoa", "mini"), ("mini-resnet20-adversarial", "mini-resnet20")])
def test_accuracy_under_attack(
    profile: str, plain: str, models_of: ModelsOf, task: Task, images: torch.Tensor, dataset: Dataset
) -> None:
    """What is trained against an attack withstands it far more often than what it was trained from."""
    trained, before = (
        robust_accuracy(models_of(name).classifier_for(task), images, dataset) for name in (profile, plain)
    )
    assert trained >= before + 0.15


def test_weights_when_all_are_committed() -> None:
    """Each training's are there, so that every baseline can be installed."""
    assert {file.stem for file in KEPT.glob("*.safetensors")} == set(TRAININGS)
