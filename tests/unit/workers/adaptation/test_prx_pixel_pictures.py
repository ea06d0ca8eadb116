"""A tiny PRXPixel of random weights is adapted to pictures of the user's, and answers folded with what it learned."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from adapters.contract.adapt import AdaptParameters, adapt_request, is_trainable
from adapters.models.catalogue import load_models
from adapters.models.denoisers.prx_pixel.folding import FoldedPRXPixel
from adapters.models.training.own_references import Wanted, find_pictures, read_own_references
from adapters.models.training.references import png_bytes
from adapters.profiles.library import find_profile
from adapters.profiles.manifest import sha256_of, write_manifest
from adapters.profiles.profile import BUNDLED, Profile
from adapters.settings import Settings
from robustify.types import Task
from tests.unit.adapters.models.denoisers.tiny_prx_pixel import save_pipeline, tiny_transformer
from workers.adaptation import report
from workers.adaptation.runner import adapt

LABELS = ("cat", "photo")
SMALL = {"steps": 2, "batch_size": 2, "rank": 2, "learning_rate": 0.05, "fine_tuning_steps": 1}


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So few that nothing can be certified; and accelerate as it is when a process starts."""
    monkeypatch.setattr(report, "SELECTION_SAMPLES", 2)
    monkeypatch.setattr(report, "ESTIMATION_SAMPLES", 5)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """With the bundled CLIP."""
    folder = tmp_path / "models"
    folder.mkdir()
    save_pipeline(folder / "denoiser", tiny_transformer())
    (folder / "clip").symlink_to(BUNDLED / "clip")
    files = [path for part in ("denoiser", "clip") for path in (folder / part).rglob("*") if path.is_file()]
    write_manifest(folder, {path.relative_to(folder).as_posix(): sha256_of(path) for path in files})
    return replace(find_profile("mini"), name="prx", folder=folder, denoiser="prx-pixel", k=1.0, is_own=True)


def pictures(folder: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(2):
            (folder / label / f"{number}.png").write_bytes(png_bytes(torch.rand(3, 32, 32, generator=generator)))
    return folder


@pytest.mark.slow
def test_adaptation_of_prx_pixel(profile: Profile, tmp_path: Path) -> None:
    """Its version has a LoRA of the transformer; the task's denoiser is folded with it, equal to the plain one."""
    settings = Settings(state_dir=tmp_path / "state", device="cpu")
    wanted = Wanted(shots=None, held_back=None, most_held_back=4, seed=0)
    own = read_own_references(find_pictures(pictures(tmp_path / "pictures"), None), profile, wanted, 2**20)
    asked = AdaptParameters.model_validate({"name": "pets", "labels": [*LABELS], **SMALL, "publish": "always"})
    request = adapt_request(
        asked.model_copy(update={"shots": own.shots, "held_back": own.held_back}), profile, settings
    )
    made = adapt(request, profile, settings, "job", lambda progress: None, own)
    task, plain = Task(LABELS, adaptation=made.digest), Task(LABELS)
    x, unfolded = torch.rand(2, 3, 32, 32), settings.model_copy(update={"folded": False})
    with torch.inference_mode():
        models = load_models(profile, settings)
        adapted, before = (models.denoiser_for(one) for one in (task, plain))
        as_it_is = load_models(profile, unfolded).denoiser_for(task)(x, 0.25)

        assert isinstance(adapted, FoldedPRXPixel)
        torch.testing.assert_close(adapted(x, 0.25), as_it_is, rtol=0, atol=1e-4)
        assert float((adapted(x, 0.25) - before(x, 0.25)).abs().max()) > 1e-3
    assert is_trainable(profile)
    assert not profile.can_adapt  # It makes no references: the user brings them.
