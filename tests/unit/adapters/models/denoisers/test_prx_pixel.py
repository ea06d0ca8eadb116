"""PRXPixel as a denoiser, against diffusers' own pipeline with tiny random weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, PRXPixelPipeline, PRXTransformer2DModel

from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser, load_prx_pixel
from adapters.models.denoisers.prx_pixel.prompts import text_pipeline
from adapters.profiles.options.prx_pixel import PRXPixelOptions
from robustify.errors import ModelFilesError
from tests.unit.adapters.models.denoisers.tiny_prx_pixel import TEXT_CHANNELS, save_pipeline, tiny_transformer

CPU = torch.device("cpu")
NO_OPTIONS = PRXPixelOptions()


def rows_of_text(tokens: int) -> torch.Tensor:
    return torch.randn(tokens, TEXT_CHANNELS, generator=torch.Generator().manual_seed(2))


def euler_step(
    transformer: PRXTransformer2DModel, rows: torch.Tensor, x_t: torch.Tensor, t: float, padding: int
) -> torch.Tensor:
    """The pipeline's image (B, 3, H, W) after one step of its scheduler from t to 0, its prompt padded and masked."""
    pipeline = PRXPixelPipeline(transformer, FlowMatchEulerDiscreteScheduler(), None, None)
    pipeline.set_progress_bar_config(disable=True)
    padded = torch.cat([rows, 9 * torch.ones(padding, TEXT_CHANNELS)]).expand(len(x_t), -1, -1)
    mask = (torch.arange(padded.shape[1]) < len(rows)).expand(len(x_t), -1)
    image: torch.Tensor = pipeline(
        height=x_t.shape[2],
        width=x_t.shape[3],
        timesteps=[1000 * t],
        guidance_scale=1.0,
        latents=x_t,
        prompt_embeds=padded,
        prompt_attention_mask=mask,
        use_resolution_binning=False,
        output_type="pt",
    ).images
    return image


@pytest.mark.parametrize("sigma", [0.06, 0.25, 0.5, 1.0])
def test_denoising_when_it_is_one_step_of_the_pipeline(sigma: float) -> None:
    """It is the pipeline's Euler step from the time whose noise is sigma to 0, clamped to an image."""
    transformer, rows = tiny_transformer(), rows_of_text(5)
    clean, noise = torch.rand(2, 3, 16, 24), torch.randn(2, 3, 16, 24)
    t = sigma / (1 + sigma)
    x_t = (1 - t) * (2 * clean - 1) + t * 2.0 * noise  # As the pipeline noises: its noise has the scale 2.
    expected = (euler_step(transformer, rows, x_t, t, padding=3).clamp(-1, 1) + 1) / 2

    found = PRXPixelDenoiser(transformer, rows)(clean + sigma * noise, sigma)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert float((expected - 0.5).abs().max()) > 0.1


def test_time_of_another_noise_scale() -> None:
    """At its time, the image's scale leaves noise of t x noise_scale."""
    denoiser = PRXPixelDenoiser(tiny_transformer(), rows_of_text(1), noise_scale=3.0)
    t = denoiser.time(0.6).true

    assert (1 - t) * 2 * 0.6 == pytest.approx(t * 3.0)


def test_time_that_is_told() -> None:
    """The factor multiplies what the network is told, up to 1, and leaves the image's scale as it is."""
    transformer, rows, x = tiny_transformer(), rows_of_text(4), torch.rand(2, 3, 16, 16)
    denoiser = PRXPixelDenoiser(transformer, rows, told_time_factor=1.5)
    by_hand = transformer(0.75 * (2 * x - 1), torch.tensor([0.375]), rows.expand(2, -1, -1)).sample

    torch.testing.assert_close(denoiser(x, 1 / 3), (by_hand.clamp(-1, 1) + 1) / 2, rtol=0, atol=1e-6)
    assert replace(denoiser, told_time_factor=9.0).time(1.0).told == 1.0


@pytest.mark.parametrize("prompt", ["a photo of a cat", ""])
def test_folder_of_a_pipeline(tmp_path: Path, prompt: str) -> None:
    """The rows are those of the pipeline's own encoder where its mask is set; noise scale and tokens are the file's."""
    transformer, x = tiny_transformer(), torch.rand(2, 3, 16, 16)
    save_pipeline(tmp_path, transformer, noise_scale=1.5)
    denoiser = load_prx_pixel(tmp_path, prompt, NO_OPTIONS, CPU, torch.float32)
    rows, mask, *_ = text_pipeline(tmp_path, 16).encode_prompt(prompt, CPU, do_classifier_free_guidance=False)

    assert rows.shape[1] == 16
    assert torch.equal(denoiser.prompt_rows, rows[0][mask[0]])
    assert len(denoiser.prompt_rows) == len(prompt.split())
    assert denoiser.noise_scale == 1.5
    torch.testing.assert_close(denoiser(x, 0.5), replace(denoiser, transformer=transformer)(x, 0.5), rtol=0, atol=0)


def test_options_of_a_profile(tmp_path: Path) -> None:
    """They go before what the folder says."""
    save_pipeline(tmp_path, tiny_transformer())
    options = PRXPixelOptions(noise_scale=3.0, prompt_tokens=2, told_time_factor=1.2)
    denoiser = load_prx_pixel(tmp_path, "a photo of a cat", options, CPU, torch.float32)

    assert (denoiser.noise_scale, len(denoiser.prompt_rows), denoiser.told_time_factor) == (3.0, 2, 1.2)


def no_weights(folder: Path) -> None:
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))


def of_latents(folder: Path) -> None:
    save_pipeline(folder, tiny_transformer(in_channels=16))


def no_encoder(folder: Path) -> None:
    (folder / "text_encoder" / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_weights, "missing or no safetensors"),
        (no_encoder, "text encoder cannot be loaded"),
        (of_latents, "works on latents"),
        (lambda folder: save_pipeline(folder, tiny_transformer(context_in_dim=8)), "another width"),
        (lambda folder: save_pipeline(folder, tiny_transformer(), _class_name="PRXPipeline"), "no PRXPixelPipeline"),
        (lambda folder: (folder / "model_index.json").unlink(), "missing or damaged"),
        (lambda folder: (folder / "model_index.json").write_text("[]"), "no PRXPixelPipeline"),
    ],
)
def test_folder_that_is_no_pixel_model(tmp_path: Path, change: Callable[[Path], object], message: str) -> None:
    """What predicts something else, works on latents, or lacks a file is refused in a sentence."""
    save_pipeline(tmp_path, tiny_transformer())
    change(tmp_path)
    with pytest.raises(ModelFilesError, match=message):
        load_prx_pixel(tmp_path, "", NO_OPTIONS, CPU, torch.float32)
