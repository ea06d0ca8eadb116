"""PRXPixel with all that a constant prompt and time decide folded away: the same function with fewer weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import PRXTransformer2DModel
from torch.utils.flop_counter import FlopCounterMode

from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser, load_prx_pixel
from adapters.models.denoisers.prx_pixel.folding import PRXPixelFolder
from adapters.profiles.options.prx_pixel import PRXPixelOptions
from tests.unit.adapters.models.denoisers.tiny_prx_pixel import TEXT_CHANNELS, save_pipeline, tiny_transformer

CPU = torch.device("cpu")
REAL = {"in_channels": 3, "patch_size": 16, "context_in_dim": 2048, "hidden_size": 3584, "num_heads": 28, "depth": 24}
REAL_TOO = {"axes_dim": [64, 64], "bottleneck_size": 768, "resolution_embeds": True}
"""Of Photoroom/prxpixel-t2i, as diffusers' converter of its checkpoint writes them."""


def pristine(tokens: int = 5, **changes: object) -> PRXPixelDenoiser:
    rows = torch.randn(tokens, TEXT_CHANNELS, generator=torch.Generator().manual_seed(3))
    return PRXPixelDenoiser(tiny_transformer(**changes), rows)


@pytest.mark.parametrize("changes", [{}, {"bottleneck_size": None, "resolution_embeds": False}])
@pytest.mark.parametrize("tokens", [0, 5])
def test_folded_denoiser(tokens: int, changes: dict[str, object]) -> None:
    """It equals the transformer for every sigma, size and factor, with an empty prompt too."""
    denoiser = replace(pristine(tokens, **changes), told_time_factor=1.1)
    folded = PRXPixelFolder(denoiser, CPU, torch.float32)(denoiser)
    with torch.inference_mode():
        for sigma, (height, width) in ((0.1, (16, 24)), (0.5, (16, 24)), (0.5, (32, 16))):
            x = torch.rand(2, 3, height, width)
            torch.testing.assert_close(folded(x, sigma), denoiser(x, sigma), rtol=0, atol=1e-5)
            assert float(denoiser(x, sigma).std()) > 0.05


def test_gradient_of_the_folded_denoiser() -> None:
    """It is that of the transformer, also after inference mode asked for the constants first."""
    denoiser, x = pristine(), torch.rand(1, 3, 16, 16)
    folded, gradients = PRXPixelFolder(denoiser, CPU, torch.float32)(denoiser), []
    with torch.inference_mode():
        folded(x, 0.25)
    for denoise in (denoiser, folded):
        leaf = x.clone().requires_grad_()
        denoise(leaf, 0.25).square().sum().backward()
        gradients.append(leaf.grad)

    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-5)


def test_folded_denoiser_in_bfloat16() -> None:
    """It rounds no worse than the transformer does in bfloat16."""
    denoiser, x = pristine(), torch.rand(4, 3, 32, 32)
    exact = denoiser(x, 0.25)
    folded = PRXPixelFolder(denoiser, CPU, torch.bfloat16)(denoiser)(x, 0.25)
    plain = PRXPixelDenoiser(tiny_transformer().bfloat16(), denoiser.prompt_rows.bfloat16())(x, 0.25)

    assert folded.dtype == torch.float32
    assert float((folded - exact).square().mean()) < 1.5 * float((plain - exact).square().mean())


def test_denoisers_of_two_tasks() -> None:
    """Another prompt and other weights are folded in; all that did not change is held once."""
    denoiser, name = pristine(), "blocks.1.attention.img_qkv_proj.weight"
    other_text, text_name = pristine(3).prompt_rows, "blocks.0.attention.txt_kv_proj.weight"
    weights = {key: 1.5 * denoiser.transformer.get_parameter(key) for key in (name, text_name)}
    task = replace(denoiser, prompt_rows=other_text, overrides=weights)
    folder, x = PRXPixelFolder(denoiser, CPU, torch.float32), torch.rand(2, 3, 16, 16)
    shared = folder.shared_parameters
    folded = folder(task)

    torch.testing.assert_close(folded(x, 0.5), task(x, 0.5), rtol=0, atol=1e-5)
    assert float((folded(x, 0.5) - folder(denoiser)(x, 0.5)).abs().max()) > 0.01
    assert folder.shared_parameters == shared
    assert 4 * weights[name].numel() < folded.held_bytes < 40_000


def test_folder_that_is_loaded_and_folded(tmp_path: Path) -> None:
    """It answers as it does where nothing is folded."""
    save_pipeline(tmp_path, tiny_transformer())
    plain = load_prx_pixel(tmp_path, "a photo", PRXPixelOptions(), CPU, torch.float32)
    folded, x = PRXPixelFolder(plain, CPU, torch.float32)(plain), torch.rand(2, 3, 16, 16)

    torch.testing.assert_close(folded(x, 0.5), plain(x, 0.5), rtol=0, atol=1e-5)


def real_denoiser() -> PRXPixelDenoiser:
    with torch.device("meta"):
        transformer = PRXTransformer2DModel(**REAL, **REAL_TOO).requires_grad_(False).eval()
        return PRXPixelDenoiser(transformer, torch.empty(8, REAL["context_in_dim"]))


def flops(denoise: Callable[[torch.Tensor, float], torch.Tensor], side: int) -> int:
    """Of one image, once the constants are there."""
    x = torch.empty(1, 3, side, side, device="meta")
    denoise(x, 0.5)
    with FlopCounterMode(display=False) as counter:
        denoise(x, 0.5)
    return int(counter.get_total_flops())


@pytest.mark.slow
def test_size_of_the_real_model() -> None:
    """The numbers of docs: 4.5 of 7.0 billion weights stay; a sample costs 1.77 TFLOP at 224 pixels, 2.32 at 256."""
    denoiser = real_denoiser()
    folder = PRXPixelFolder(denoiser, torch.device("meta"), torch.bfloat16)
    before = sum(parameter.numel() for parameter in denoiser.transformer.parameters())
    folded = [round(flops(folder(denoiser), side) / 1e12, 2) for side in (224, 256)]

    assert (before, folder.shared_parameters) == (7_003_535_872, 4_476_185_600)
    assert folded == [1.77, 2.32]
    assert flops(denoiser, 224) > flops(folder(denoiser), 224)
