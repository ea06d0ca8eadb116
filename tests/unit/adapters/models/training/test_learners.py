"""PRXPixel learns through the same training as a UNet, and what it learned is read back, merged and folded."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file

from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser
from adapters.models.denoisers.prx_pixel.folding import PRXPixelFolder
from adapters.models.training.adapted import with_denoiser_files
from adapters.models.training.import_lora import linear_shapes, read_foreign_lora, write_plain_lora
from adapters.models.training.learners import learner_of, write_adapters
from adapters.models.training.personalization import Personalization, personalize
from adapters.models.training.trainer import References, TrainingPlan
from tests.unit.adapters.models.denoisers.tiny_prx_pixel import TEXT_CHANNELS, tiny_transformer

CPU = torch.device("cpu")
PLAN = TrainingPlan(steps=15, batch_size=6, learning_rate=1e-2, weight_decay=0.0, seed=1, validate_steps=1)
OPTIONS = Personalization(PLAN, guidance_weight=0.01, rank=3)


@pytest.fixture
def denoiser() -> PRXPixelDenoiser:
    rows = torch.randn(5, TEXT_CHANNELS, generator=torch.Generator().manual_seed(3))
    return PRXPixelDenoiser(tiny_transformer(), rows)


@pytest.fixture
def accelerator() -> Iterator[Accelerator]:
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator(cpu=True, mixed_precision="no")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def references() -> References:
    images = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    return References(images, torch.arange(6) % 2)


def by_mean_colour(x0: torch.Tensor) -> torch.Tensor:
    """Logits (B, 2)."""
    return x0.mean(dim=(2, 3))[:, :2]


def test_personalised_transformer(
    denoiser: PRXPixelDenoiser, references: References, accelerator: Accelerator, tmp_path: Path
) -> None:
    """The losses of one batch, with noise that stays, fall; folded with the file, it is the network that learned."""
    before = {name: value.clone() for name, value in denoiser.transformer.state_dict().items()}
    history = personalize(
        denoiser, by_mean_colour, references, references, OPTIONS, tmp_path, lambda step: None, accelerator
    )
    told, x = with_denoiser_files(denoiser, None, tmp_path / "lora.safetensors"), torch.rand(2, 3, 16, 16)
    folded = PRXPixelFolder(denoiser, CPU, torch.float32)(told)

    assert history[-1]["held_back_total"] < 0.95 * history[0]["held_back_total"]
    assert history[-1]["held_back_diffusion"] < 0.95 * history[0]["held_back_diffusion"]
    torch.testing.assert_close(folded(x, 0.25), told(x, 0.25), rtol=0, atol=1e-5)
    assert float((told(x, 0.25) - denoiser(x, 0.25)).abs().max()) > 0.01
    assert all(torch.equal(value, before[name]) for name, value in denoiser.transformer.state_dict().items())


def test_adapters_that_are_taken_for_somebody_elses(denoiser: PRXPixelDenoiser, tmp_path: Path) -> None:
    """They have their place in the transformer, with "transformer." before their names too, and change it as much."""
    learner = learner_of(denoiser, 3, 1, CPU)
    for name, value in learner.network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.1, generator=torch.Generator().manual_seed(len(name)))
    write_adapters(learner, tmp_path / "own.safetensors")
    tensors = load_file(tmp_path / "own.safetensors")
    save_file({f"transformer.{name}": value for name, value in tensors.items()}, tmp_path / "theirs.safetensors")
    found = read_foreign_lora(tmp_path / "theirs.safetensors", linear_shapes(denoiser.network))
    write_plain_lora(found.lora, tmp_path / "lora.safetensors")
    told, x = with_denoiser_files(denoiser, None, tmp_path / "lora.safetensors"), torch.rand(2, 3, 16, 16)

    torch.testing.assert_close(told(x, 0.25), learner(x, 0.25), rtol=0, atol=1e-5)
    assert float((told(x, 0.25) - denoiser(x, 0.25)).abs().max()) > 0.01


def test_learner_of_a_transformer(denoiser: PRXPixelDenoiser) -> None:
    """It is the denoiser until it learns, in float32, and the same for the same seed; nobody else's draws change."""
    half, state = replace(denoiser, transformer=tiny_transformer().bfloat16()), torch.get_rng_state()
    first, second, other = (learner_of(half, 3, seed, CPU) for seed in (1, 1, 2))
    downs = [[value for name, value in one.network.named_parameters() if "lora_A" in name] for one in (first, second)]
    others = [value for name, value in other.network.named_parameters() if "lora_A" in name]

    assert torch.equal(torch.get_rng_state(), state)
    assert first.network.dtype == torch.float32
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*downs, strict=True))
    assert not torch.equal(downs[0][0], others[0])
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(first(x, 0.25), replace(half, transformer=half.transformer.float())(x, 0.25))
