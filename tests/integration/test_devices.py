"""The bundled models on every device: the same votes as on a CPU, up to rounding. Those on a GPU need one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from adapters.models import process
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.seeds import public_seed
from robustify.types import Phase, Task
from workers.counting import VoteMaker, samples_of
from workers.evaluation.data.dataset import stacked
from workers.evaluation.data.reading import read_dataset

IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
TASK = Task(("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"))
SIGMA, SAMPLES = 0.25, 60

pytestmark = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


@pytest.fixture(autouse=True)
def whichever_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU is compared with a CPU of the same release of torch, also where that is not the locked one."""
    monkeypatch.setattr(process, "TORCH_VERSION", str(torch.__version__).partition("+")[0])


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return stacked(read_dataset(IMAGES, None, 32))


def settings_for(device: str, **others: object) -> Settings:
    return Settings.model_validate({"profile": "mini", "device": device, **others})


@torch.inference_mode()
def logits(settings: Settings, noisy: torch.Tensor) -> torch.Tensor:
    classify = load_models(find_profile("mini"), settings).base_classifier(TASK, SIGMA)
    return classify(noisy.to(settings.device)).float().cpu()


def votes(settings: Settings, image: np.ndarray) -> np.ndarray:
    profile = find_profile("mini")
    models = load_models(profile, settings)
    model = VoteMaker(profile, engine_digest(profile, settings), models, settings)
    samples = samples_of(image, SIGMA, public_seed(b"devices", "test"))
    return np.array(model.votes(TASK, SIGMA, samples, Phase.ESTIMATE)(0, SAMPLES))


def test_folded_denoiser(device: str, images: np.ndarray) -> None:
    """In float32 it is the UNet as it is."""
    noisy = torch.from_numpy(images) + SIGMA * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    expected = logits(settings_for(device, folded=False), noisy)
    found = logits(settings_for(device, folded=True), noisy)

    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()


@pytest.mark.parametrize(("dtype", "others"), [("float32", 1), ("bfloat16", 6)])
def test_votes(device: str, dtype: str, others: int, images: np.ndarray) -> None:
    """The noise is the same bits, so that few of 60 votes are others than those of a CPU in float32."""
    expected = votes(settings_for("cpu"), images[3])
    found = votes(settings_for(device, dtype=dtype), images[3])

    assert found.sum() == SAMPLES
    assert np.abs(found - expected).sum() / 2 <= others
