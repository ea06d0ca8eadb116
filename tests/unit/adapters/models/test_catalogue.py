"""Loading by name: which denoiser answers, and what it takes to load an oracle."""

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from adapters.models.catalogue import load_models
from adapters.models.classifiers.clip import load_clip
from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.denoisers.folded.denoiser import FoldedDenoiser
from adapters.models.loaded import Placement
from adapters.models.loaders import ServedModels, load_super_resolution
from adapters.models.training.adapted import adapt_models
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED, Profile
from adapters.settings import Settings
from robustify.errors import ModelError
from robustify.types import Task

MINI = find_profile("mini")
TASKS = (Task(("cat", "dog")), Task(("frog", "ship")))
SIGMAS = (0.25, 0.5)
LIBRARIES = ("accelerate", "diffusers", "open_clip", "timm", "transformers")
CODE = f"""
import sys
import workers.wiring
from adapters.models.catalogue import load_models
from adapters.profiles.library import find_profile
from adapters.settings import Settings

models = load_models(find_profile("oracle-linear"), Settings())
print(type(models).__name__, *(name for name in {LIBRARIES} if name in sys.modules))
"""


@pytest.fixture(scope="module")
def noisy() -> torch.Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def placed(profile: Profile, settings: Settings) -> Placement:
    return Placement(profile, settings, torch.device("cpu"), getattr(torch, profile.number_format(settings)))


@torch.inference_mode()
def answers(settings: Settings, noisy: torch.Tensor, tasks: Sequence[Task] = TASKS) -> list[torch.Tensor]:
    models = load_models(MINI, settings)
    return [models.base_classifier(task, sigma)(noisy) for task in tasks for sigma in SIGMAS]


@pytest.mark.slow
def test_logits_when_the_denoiser_is_folded(noisy: torch.Tensor, tmp_path: Path) -> None:
    """They are those of the UNet as it is, to rounding, for every task and sigma; in bfloat16 they are near."""
    plain = answers(Settings(state_dir=tmp_path, folded=False), noisy)
    folded = answers(Settings(state_dir=tmp_path), noisy)
    rounded = answers(Settings(state_dir=tmp_path, dtype="bfloat16"), noisy)

    for expected, found, near in zip(plain, folded, rounded, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)
        assert 0 < (near - expected).abs().mean() < 1


def test_denoiser_when_it_cannot_be_folded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A UNet with an unknown part answers as it is, in the dtype of the settings, and the log says why; with graphs,
    which certificates would name, it does not.
    """
    shutil.copytree(BUNDLED / "denoiser", tmp_path / "denoiser")
    config = tmp_path / "denoiser" / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "act_fn": "mish"}))
    with caplog.at_level(logging.WARNING):
        denoiser, serve = load_super_resolution(placed(replace(MINI, folder=tmp_path), Settings(dtype="bfloat16")))

    assert serve(denoiser) is denoiser
    assert isinstance(denoiser.unet, UNet2DConditionModel)
    assert denoiser.unet.dtype == torch.bfloat16
    assert "cannot be folded: Mish" in caplog.text
    with pytest.raises(ModelError, match="ROBUSTIFY_CUDA_GRAPHS needs a denoiser that is folded: .*Mish"):
        load_super_resolution(placed(replace(MINI, folder=tmp_path), Settings(device="cuda", cuda_graphs=True)))


@torch.inference_mode()
def test_memory_of_a_task_with_a_prompt_of_its_own(noisy: torch.Tensor) -> None:
    """What is folded for it counts, and grows with the first image of each sigma; a task without one shares all."""
    denoiser, serve = load_super_resolution(placed(MINI, Settings()))
    clip = load_clip(f"local-dir:{BUNDLED / 'clip'}", torch.device("cpu"), torch.float32)
    adapted = adapt_models(denoiser, clip, MINI.model_digest, TASKS[0], None)
    prompted = replace(adapted, denoiser=replace(denoiser, prompt_rows=denoiser.prompt_rows.flip(0)))
    served = ServedModels(prompted, serve(prompted.denoiser))
    sizes = [served.extra_bytes]
    for sigma in (*SIGMAS, *SIGMAS):
        served.denoiser(noisy, sigma)
        sizes.append(served.extra_bytes)

    assert prompted.extra_bytes < sizes[0] < sizes[1] < sizes[2] == sizes[3] == sizes[4]
    assert serve(denoiser) is serve(adapted.denoiser)
    assert isinstance(served.denoiser, FoldedDenoiser)
    assert not isinstance(adapted.denoiser, FoldedDenoiser)
    assert isinstance(adapted.denoiser, OneStepDenoiser)


@pytest.mark.slow
def test_oracle_when_it_is_loaded_in_a_new_process() -> None:
    """A worker has it at once: no model library is imported."""
    finished = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert finished.stdout.split() == ["Models"], finished.stderr
