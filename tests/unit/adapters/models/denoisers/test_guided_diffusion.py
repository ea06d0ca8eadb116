"""Checkpoints of guided-diffusion as diffusers' UNet, against a plain implementation of the published architecture."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters.models.denoisers.guided_diffusion.layout import read_layout
from adapters.models.denoisers.guided_diffusion.loading import converted, linear_alphas, load_guided_diffusion
from adapters.profiles.options.guided_diffusion import GuidedDiffusionOptions
from robustify.errors import ModelFilesError
from tests.unit.adapters.models.denoisers.guided_reference import GuidedUNet

CPU = torch.device("cpu")
Weights = dict[str, torch.Tensor]


def reference(
    widths: tuple[int, ...] = (32, 64, 64),
    attends: tuple[bool, ...] = (False, True, True),
    blocks: int = 2,
    order: str = "heads-first",
) -> GuidedUNet:
    torch.manual_seed(0)
    return GuidedUNet(widths, attends, blocks, 16, order).eval().requires_grad_(False)


def options(**changes: object) -> GuidedDiffusionOptions:
    return GuidedDiffusionOptions.model_validate({"channels_per_head": 16, **changes})


@pytest.mark.parametrize("order", ["heads-first", "parts-first"])
@pytest.mark.parametrize(
    ("widths", "attends", "blocks"),
    [
        ((32, 64, 64), (False, True, True), 2),
        ((32, 32), (True, False), 1),
        ((32, 32, 64, 96), (False, False, True, False), 1),
        ((64,), (True,), 2),
    ],
)
def test_unet_when_it_is_converted(order: str, widths: tuple[int, ...], attends: tuple[bool, ...], blocks: int) -> None:
    """All six channels equal those of the published architecture, whatever its levels, at fractional times too."""
    guided = reference(widths, attends, blocks, order)
    unet = converted(guided.state_dict(), options(attention_order=order)).eval()
    x, timesteps = torch.randn(2, 3, 16, 16), torch.tensor([3.0, 712.5])
    with torch.inference_mode():
        expected = guided(x, timesteps)
        torch.testing.assert_close(unet(x, timesteps).sample, expected, rtol=1e-4, atol=1e-5)

    assert float(expected.std()) > 0.1


def test_attention_order_that_is_wrong() -> None:
    """It makes another function: the option matters."""
    guided, x, timesteps = reference(), torch.randn(1, 3, 16, 16), torch.tensor([5.0])
    unet = converted(guided.state_dict(), options(attention_order="parts-first")).eval()
    with torch.inference_mode():
        assert float((unet(x, timesteps).sample - guided(x, timesteps)).abs().max()) > 1e-3


def test_layout_of_the_published_model() -> None:
    """That of 256x256_diffusion_uncond.pt is found: six levels, two blocks, attention at 32, 16 and 8 pixels."""
    with torch.device("meta"):
        guided = GuidedUNet(
            (256, 256, 512, 512, 1024, 1024), (False, False, False, True, True, True), 2, 64, "heads-first"
        )
    layout = read_layout(guided.state_dict())

    assert (layout.channels, layout.blocks, layout.outputs) == ((256, 256, 512, 512, 1024, 1024), 2, 6)
    assert layout.attends == (False, False, False, True, True, True)
    # With 1000 classes of 1024 numbers it has the 554 million of the paper's conditional model.
    assert sum(parameter.numel() for parameter in guided.parameters()) == 552_814_086


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_denoising_when_it_is_one_step_by_hand(tmp_path: Path, suffix: str) -> None:
    """x0 is what Eq. 9 gives for the first three channels of the published UNet, at the timestep of sigma."""
    guided, x = reference((32, 32), (False, True), 1), torch.rand(2, 3, 16, 16)
    path = tmp_path / f"model.{suffix}"
    if suffix == "pt":
        torch.save(guided.state_dict(), path)
    else:
        save_file(guided.state_dict(), path)
    digest = sha256(path.read_bytes()).hexdigest()
    denoise = load_guided_diffusion(path, options(sha256=digest), "search", CPU, torch.float32)
    alphas = torch.tensor(linear_alphas())
    noise = ((1 - alphas) / alphas).sqrt()
    t = int(noise.ge(0.5).nonzero()[0])
    eps = guided(alphas[t].sqrt() * (2 * x - 1), torch.tensor([float(t)] * 2))[:, :3]
    by_hand = ((2 * x - 1) - noise[t] * eps).clamp(-1, 1) / 2 + 0.5

    torch.testing.assert_close(denoise(x, 0.25), by_hand, atol=1e-5, rtol=1e-4)


def with_classes(weights: Weights) -> None:
    weights["label_emb.weight"] = torch.ones(10, 128)


def with_convolution(weights: Weights) -> None:
    weights["input_blocks.3.0.op.weight"] = torch.ones(32, 32, 3, 3)


def for_super_resolution(weights: Weights) -> None:
    weights["input_blocks.0.0.weight"] = torch.ones(32, 6, 3, 3)


def without_scale(weights: Weights) -> None:
    weights["middle_block.0.emb_layers.1.weight"] = torch.ones(64, 128)


def without_end(weights: Weights) -> None:
    del weights["output_blocks.8.0.in_layers.0.weight"], weights["out.0.bias"]


def without_last(weights: Weights) -> None:
    for name in [name for name in weights if name.startswith("output_blocks.8.")]:
        del weights[name]


def with_more(weights: Weights) -> None:
    weights["output_blocks.0.0.extra.weight"] = torch.ones(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_classes, "told a class"),
        (with_convolution, "only resblock_updown"),
        (for_super_resolution, "3 input channels"),
        (without_scale, "only use_scale_shift_norm"),
        (without_end, "other flags"),
        (without_last, "two sides do not match"),
        (with_more, "other flags"),
        (dict.clear, "no UNet of guided-diffusion"),
    ],
)
def test_checkpoint_that_cannot_be_converted(change: Callable[[Weights], None], message: str) -> None:
    """What UNet2DModel cannot be is refused, with the reason."""
    weights = dict(reference().state_dict())
    change(weights)
    with pytest.raises(ModelFilesError, match=message):
        converted(weights, options())


def test_heads_that_do_not_fit() -> None:
    """A head size that divides no width is refused, with the flag that it was."""
    with pytest.raises(ModelFilesError, match="num_head_channels"):
        converted(reference().state_dict(), options(channels_per_head=48))


def test_checkpoint_within_a_training(tmp_path: Path) -> None:
    """One that holds more than a model is refused."""
    path = tmp_path / "model.pt"
    torch.save({"step": 3, "model": {}}, path)
    digest = sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ModelFilesError, match="more than a model"):
        load_guided_diffusion(path, options(sha256=digest), "exact", CPU, torch.float32)
