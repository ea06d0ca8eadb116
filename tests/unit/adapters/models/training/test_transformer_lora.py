"""Adapters of PRXPixel: put in, trained a step on clean images, written, read, merged and folded."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import mse_loss

from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser
from adapters.models.denoisers.prx_pixel.folding import PRXPixelFolder
from adapters.models.training.lora import merged_weights, read_lora
from adapters.models.training.transformer_lora import (
    TARGETS,
    add_transformer_lora,
    trained_parameters,
    write_transformer_lora,
)
from tests.unit.adapters.models.denoisers.tiny_prx_pixel import TEXT_CHANNELS, tiny_transformer

RANK = 3


@pytest.fixture(scope="module")
def denoiser() -> PRXPixelDenoiser:
    rows = torch.randn(5, TEXT_CHANNELS, generator=torch.Generator().manual_seed(3))
    return PRXPixelDenoiser(tiny_transformer(), rows)


def learner_of(denoiser: PRXPixelDenoiser) -> PRXPixelDenoiser:
    transformer = deepcopy(denoiser.transformer)
    torch.manual_seed(5)
    add_transformer_lora(transformer, RANK)
    return replace(denoiser, transformer=transformer)


def loss_of(learner: PRXPixelDenoiser) -> torch.Tensor:
    """Of the clean images, noised as flow matching does at times of their own."""
    generator = torch.Generator().manual_seed(7)
    clean, noise = (torch.randn(4, 3, 16, 16, generator=generator) for _ in range(2))
    times = torch.rand(4, generator=generator)
    t = times.view(-1, 1, 1, 1)
    return mse_loss(learner.predict_clean((1 - t) * clean + t * learner.noise_scale * noise, times), clean)


def trained(denoiser: PRXPixelDenoiser, steps: int = 3) -> PRXPixelDenoiser:
    learner = learner_of(denoiser)
    optimizer = torch.optim.SGD(trained_parameters(learner.transformer), lr=0.3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(learner).backward()
        optimizer.step()
    return learner


def test_adapters_when_they_are_made(denoiser: PRXPixelDenoiser) -> None:
    """On every projection of every attention, all else frozen, and they change nothing yet."""
    learner, x = learner_of(denoiser), torch.rand(2, 3, 16, 16)
    projections = [name for name, _ in denoiser.transformer.named_modules() if name.endswith(TARGETS)]
    names = {name for name, value in learner.transformer.named_parameters() if value.requires_grad}

    assert len(projections) == 3 * len(denoiser.transformer.blocks)
    assert {name.split(".lora_")[0] for name in names} == set(projections)
    assert torch.equal(learner(x, 0.25), denoiser(x, 0.25))


def test_step_of_training(denoiser: PRXPixelDenoiser) -> None:
    """It lowers the loss of the clean images, by the adapters alone."""
    learner = trained(denoiser)
    plain = dict(denoiser.transformer.named_parameters())
    kept = {name.replace(".base_layer", ""): value for name, value in learner.transformer.named_parameters()}

    assert float(loss_of(learner).detach()) < float(loss_of(denoiser)) - 1e-3
    assert all(torch.equal(kept[name], value) for name, value in plain.items())


def test_file_when_it_is_read_again(denoiser: PRXPixelDenoiser, tmp_path: Path) -> None:
    """Merged into the plain weights, and folded with them, it gives what the trained adapters give."""
    learner, x = trained(denoiser), torch.rand(2, 3, 16, 16)
    write_transformer_lora(learner.transformer, tmp_path / "lora.safetensors")
    task = replace(denoiser, overrides=merged_weights(denoiser.transformer, read_lora(tmp_path / "lora.safetensors")))
    folded = PRXPixelFolder(denoiser, torch.device("cpu"), torch.float32)(task)
    with torch.inference_mode():
        expected = learner(x, 0.25)
        torch.testing.assert_close(task(x, 0.25), expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(folded(x, 0.25), expected, rtol=0, atol=1e-5)

        assert float((expected - denoiser(x, 0.25)).abs().max()) > 1e-3
