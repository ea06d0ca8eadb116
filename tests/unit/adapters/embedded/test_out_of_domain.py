from pathlib import Path

import pytest
from safetensors.torch import load_file

from adapters.embedded.recipe.out_of_domain import NAMES, PROFILE, export
from adapters.models.training.checkpoints import Checkpoint
from adapters.profiles.files import read_profile
from adapters.profiles.library import find_profile, served_profile
from adapters.profiles.manifest import verify_manifest
from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings

CLIP = BUNDLED / "clip" / "open_clip_model.safetensors"
BASE = BUNDLED / "generator" / "unet" / "diffusion_pytorch_model.safetensors"
DENOISER = Path("denoiser") / "unet" / "diffusion_pytorch_model.safetensors"


def test_profile_adapts_and_denoises_as_mini_does() -> None:
    """Only the models differ, so that its figures speak of the task."""
    profile, mini = read_profile(PROFILE), find_profile("mini")

    assert profile.adaptation == mini.adaptation
    assert (profile.k, profile.side, profile.batch_size) == (mini.k, mini.side, mini.batch_size)


def test_names_are_of_both_data_sets() -> None:
    """Ten of CIFAR-10, then ten of Fashion-MNIST, and no name twice."""
    names = [name for group in NAMES for name in group]

    assert len(NAMES) == 20
    assert len(set(names)) == len(names)


@pytest.mark.slow
def test_export_keeps_the_denoiser_and_can_be_adapted(tmp_path: Path) -> None:
    """What is written is a whole profile of the user's, with the denoiser of `mini` bit for bit."""
    for name, weights in (("clip", CLIP), ("base", BASE)):
        Checkpoint(tmp_path / name / "training.safetensors").save(1, {"average": load_file(weights)})
    state = tmp_path / "state"
    export(tmp_path / "clip", tmp_path / "base", state)
    profile = served_profile(Settings(profile=PROFILE.stem, state_dir=state))

    assert profile.folder is not None
    verify_manifest(profile.folder)
    assert profile.can_adapt
    assert (profile.folder / DENOISER).read_bytes() == (BUNDLED / DENOISER).read_bytes()
    assert load_file(profile.folder / "clip" / CLIP.name).keys() == load_file(CLIP).keys()
