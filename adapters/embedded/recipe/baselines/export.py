"""The profiles of the baselines: which trained or bundled weights each is made of, and how they are written."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors.torch import save_file

from adapters.durable_files import write_durably
from adapters.embedded.recipe.baselines import carlini, resnet20
from adapters.embedded.recipe.baselines.kept import ReadWeights, Weights
from adapters.embedded.recipe.cascade import noise_schedule
from adapters.embedded.recipe.data import SIDE
from adapters.embedded.recipe.export import save_clip, write_manifest
from adapters.embedded.recipe.names import CIFAR10_SYNONYMS
from adapters.models.classifiers.resnet20 import ResNet20
from adapters.profiles.manifest import MANIFEST
from adapters.profiles.options.resnet20 import ARCHITECTURE
from adapters.profiles.profile import BUNDLED
from adapters.settings import StateFolder

TEMPLATES = Path(__file__).with_name("profiles")
BUNDLED_PART: Final = "bundled"
CLASS_NAMES = tuple(CIFAR10_SYNONYMS)


@dataclass(frozen=True)
class Baseline:
    """A profile. `parts`: from a subfolder of its models to the training that makes them, or to `bundled`.

    `template`: its file, in which `{sigma}` stands for the noise that it is trained for.
    """

    profile: str
    parts: Mapping[str, str]
    template: str
    sigma: float | None = None

    @property
    def text(self) -> str:
        """Of its file."""
        text = (TEMPLATES / f"{self.template}.toml").read_text(encoding="utf-8")
        return text if self.sigma is None else text.replace("{sigma}", f"{self.sigma:g}")


def is_exported(baseline: Baseline, state: StateFolder) -> bool:
    """The profile's file is written last."""
    return (state.profiles / f"{baseline.profile}.toml").is_file() and (
        state.models / baseline.profile / MANIFEST
    ).is_file()


def export(baseline: Baseline, weights_of: ReadWeights, state: StateFolder) -> None:
    """Writes the models, then the manifest, then the profile's file."""
    folder = state.models / baseline.profile
    shutil.rmtree(folder, ignore_errors=True)
    for part, source in baseline.parts.items():
        if source == BUNDLED_PART:
            shutil.copytree(BUNDLED / part, folder / part)
        else:
            SAVED[part](weights_of(source), folder / part)
    write_manifest(folder)
    state.profiles.mkdir(parents=True, exist_ok=True)
    write_durably(state.profiles / f"{baseline.profile}.toml", baseline.text.encode())


def save_classifier(weights: Weights, folder: Path) -> None:
    """A ResNet-20 in timm's layout, with CIFAR-10's classes."""
    network = ResNet20(len(CLASS_NAMES))
    network.load_state_dict(weights)
    folder.mkdir(parents=True)
    images = {"mean": resnet20.MEAN, "std": resnet20.STD, "input_size": (3, SIDE, SIDE)}
    config = {"architecture": ARCHITECTURE, "num_classes": len(CLASS_NAMES), "pretrained_cfg": images}
    for name, document in (("config.json", config), ("labels.json", CLASS_NAMES)):
        (folder / name).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def save_denoiser(weights: Weights, folder: Path) -> None:
    """A UNet and its schedule in the layout of diffusers."""
    unet = carlini.create_unet()
    unet.load_state_dict(weights)
    unet.save_pretrained(folder / "unet", safe_serialization=True)
    noise_schedule().save_pretrained(folder / "scheduler")


SAVED = {"classifier": save_classifier, "denoiser": save_denoiser, "clip": save_clip}
