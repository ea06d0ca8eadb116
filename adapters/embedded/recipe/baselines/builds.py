"""What there is to build: each training, and each baseline that its weights go into, the cheapest first."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from adapters.embedded.recipe.baselines import carlini, resnet20, tecoa
from adapters.embedded.recipe.baselines.export import BUNDLED_PART, Baseline
from adapters.embedded.recipe.baselines.resnet20 import Training

SIGMAS = (0.25, 0.5)
"""Of Cohen et al.'s training, one network each."""
STANDARD = "resnet20"
Train = Callable[[Path, Path], None]
"""From the folder of the data and the folder of all checkpoints: goes on where it was; returns at once when done."""


def train_resnet20(name: str, training: Training, sigma: float, data: Path, work: Path) -> None:
    change = resnet20.change_of(training, sigma, resnet20.EPS)
    resnet20.build(data, work / name, change, resnet20.STEPS[training])


def train_adversarially(data: Path, work: Path) -> None:
    """From the weights of standard training, which are made first."""
    TRAININGS[STANDARD](data, work)
    change = resnet20.change_of(Training.ADVERSARIAL, 0.0, resnet20.EPS)
    steps = resnet20.STEPS[Training.ADVERSARIAL]
    resnet20.build(data, work / "resnet20-adversarial", change, steps, start=work / STANDARD)


def train_tecoa(data: Path, work: Path) -> None:
    tecoa.build(data, work / "tecoa", tecoa.STEPS, tecoa.EPS)


def train_carlini(data: Path, work: Path) -> None:
    carlini.build(data, work / "carlini", carlini.STEPS)


TRAININGS: Mapping[str, Train] = MappingProxyType(
    {
        STANDARD: partial(train_resnet20, STANDARD, Training.STANDARD, 0.0),
        **{
            f"cohen-{sigma:g}": partial(train_resnet20, f"cohen-{sigma:g}", Training.GAUSSIAN, sigma)
            for sigma in SIGMAS
        },
        "tecoa": train_tecoa,
        "carlini": train_carlini,
        "resnet20-adversarial": train_adversarially,
    }
)
BASELINES: Sequence[Baseline] = (
    Baseline("mini-resnet20", {"classifier": STANDARD}, "mini-resnet20"),
    Baseline("mini-resnet20-ours", {"denoiser": BUNDLED_PART, "classifier": STANDARD}, "mini-resnet20-ours"),
    *(Baseline(f"mini-cohen-{sigma:g}", {"classifier": f"cohen-{sigma:g}"}, "mini-cohen", sigma) for sigma in SIGMAS),
    Baseline("mini-tecoa", {"clip": "tecoa"}, "mini-tecoa"),
    Baseline("mini-carlini", {"denoiser": "carlini", "clip": BUNDLED_PART}, "mini-carlini"),
    Baseline("mini-carlini-resnet20", {"denoiser": "carlini", "classifier": STANDARD}, "mini-carlini-resnet20"),
    Baseline("mini-resnet20-adversarial", {"classifier": "resnet20-adversarial"}, "mini-resnet20-adversarial"),
)
