"""The weights that the trainings made: in `weights/` of this package, as `keep` writes them from checkpoints.

In half precision, and without what a training left as the bundled CLIP has it. Checkpoints are rounded likewise before
they are exported, so that what is trained anew and what is installed differ by the training alone.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from adapters.embedded.recipe.export import averaged_weights
from adapters.profiles.profile import BUNDLED
from robustify.errors import ModelFilesError

Weights = Mapping[str, torch.Tensor]
ReadWeights = Callable[[str], Weights]
"""From the name of a training to the weights that it made, rounded to half precision."""
KEPT = Path(__file__).with_name("weights")
FROM_BUNDLED_CLIP = frozenset({"tecoa"})
"""The trainings that change a part of it."""


def kept_file(training: str) -> Path:
    return KEPT / f"{training}.safetensors"


def keep(training: str, work: Path) -> Path:
    """Write what the checkpoints in `work` hold of a training to its file."""
    start = start_of(training)
    trained = trained_weights(work)(training)
    changed = {name: tensor for name, tensor in trained.items() if not is_as_in(start, name, tensor)}
    KEPT.mkdir(exist_ok=True)
    save_file(changed, kept_file(training), {"format": "pt"})
    return kept_file(training)


def kept_weights(training: str) -> Weights:
    """From its file. Raises ModelFilesError where the installation has none, as images have not."""
    if not (file := kept_file(training)).is_file():
        raise ModelFilesError(f"{file} is missing: install from a checkout of the repository, or train it anew")
    return {**start_of(training), **load_file(file)}


def trained_weights(work: Path) -> ReadWeights:
    """From the checkpoints in a folder, however far they are."""

    def read(training: str) -> Weights:
        averaged = averaged_weights(work / training)
        return {
            name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
            for name, tensor in averaged.items()
        }

    return read


def start_of(training: str) -> Weights:
    """What its file leaves out where nothing has changed."""
    return bundled_clip_weights() if training in FROM_BUNDLED_CLIP else {}


def bundled_clip_weights() -> Weights:
    return load_file(BUNDLED / "clip" / "open_clip_model.safetensors")


def is_as_in(start: Weights, name: str, tensor: torch.Tensor) -> bool:
    return name in start and torch.equal(start[name], tensor)
