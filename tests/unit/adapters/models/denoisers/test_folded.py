"""The folded UNet against the UNet itself: equal, whatever is folded, for any weights, prompt and sigma."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

from adapters.models.denoisers.diffusion import OneStepDenoiser, one_step_denoiser
from adapters.models.denoisers.folded.blocks import attend
from adapters.models.denoisers.folded.denoiser import DenoiserFolder, FoldedDenoiser
from adapters.models.denoisers.folded.folding import Folds, enlarging_weight
from adapters.models.denoisers.folded.norms import GroupNorm
from adapters.models.denoisers.folded.support import UnknownPartError

REFERENCE = Path(__file__).parents[4] / "data" / "reference"
CPU = torch.device("cpu")
NAMES = [field.name for field in fields(Folds)]
ALL = Folds()
NOTHING = Folds(**dict.fromkeys(NAMES, False))
SIGMA = 0.25
MakeDenoiser = Callable[..., OneStepDenoiser]


def random_unet(**changes: object) -> UNet2DConditionModel:
    """As IF-II, of few channels, with norms and biases that are not those of a fresh model."""
    config = json.loads((REFERENCE / "tiny_unet_config.json").read_text())
    small = {
        "block_out_channels": (16, 24, 32),
        "layers_per_block": (1, 2, 1),
        "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnDownBlock2D"),
        "up_block_types": ("SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "attention_head_dim": 8,
        "cross_attention_dim": 32,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(**{**config, **small, **changes})
        for parameter in unet.parameters():
            if parameter.ndim == 1:
                parameter.data += 0.3 * torch.randn(parameter.shape)
    return unet


def denoiser_of(unet: UNet2DConditionModel) -> OneStepDenoiser:
    rows = torch.randn(77, unet.config["encoder_hid_dim"], generator=torch.Generator().manual_seed(1))
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", thresholding=True, sample_max_value=1.0)
    return one_step_denoiser(unet, scheduler, rows, 1.8, "exact", CPU, torch.float32)


@pytest.fixture(scope="module")
def denoiser() -> OneStepDenoiser:
    return denoiser_of(random_unet())


@pytest.fixture(scope="module")
def noisy() -> torch.Tensor:
    return 0.5 + 0.5 * torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def fold(denoiser: OneStepDenoiser, folds: Folds = ALL, dtype: torch.dtype = torch.float32) -> FoldedDenoiser:
    return DenoiserFolder(denoiser, CPU, dtype, folds)(denoiser)


def eps_of(denoiser: OneStepDenoiser | FoldedDenoiser, noisy: torch.Tensor, sigma: float) -> torch.Tensor:
    """The noise that it sees: nothing of it is clamped away."""
    source = denoiser.source if isinstance(denoiser, FoldedDenoiser) else denoiser
    step = source.timestep(sigma)
    x_t = step.sqrt_alpha * (2 * noisy - 1)
    with torch.inference_mode():
        if isinstance(denoiser, FoldedDenoiser):
            return denoiser.network_for(sigma)(x_t)
        times, levels = (torch.full((len(x_t),), value) for value in (step.t, step.noise_level))
        return denoiser.predict_noise(x_t, times, levels)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", [None, *NAMES])
def test_folded_unet_when_one_thing_is_folded(denoiser: OneStepDenoiser, noisy: torch.Tensor, name: str | None) -> None:
    """Constants alone, and with each fold alone, the noise that is seen is the same to rounding."""
    folds = replace(NOTHING, **{name: True}) if name else NOTHING
    assert relative_error(eps_of(fold(denoiser, folds), noisy, SIGMA), eps_of(denoiser, noisy, SIGMA)) < 1e-5


@pytest.mark.parametrize("sigma", [0.12, 0.5, 1.0])
@pytest.mark.parametrize("act_fn", ["gelu", "silu"])
@pytest.mark.parametrize("skip_time_act", [True, False])
def test_folded_unet_when_all_is_folded(noisy: torch.Tensor, sigma: float, act_fn: str, skip_time_act: bool) -> None:
    """The noise that is seen is the same to rounding at every sigma, for both kinds of blocks of this family."""
    denoiser = denoiser_of(random_unet(act_fn=act_fn, resnet_skip_time_act=skip_time_act))
    folded = fold(denoiser)

    assert relative_error(eps_of(folded, noisy, sigma), eps_of(denoiser, noisy, sigma)) < 1e-5
    assert relative_error(eps_of(folded, noisy, 0.3), eps_of(denoiser, noisy, sigma)) > 1e-3


@pytest.mark.parametrize("sigma", ["0.12", "0.25", "0.5", "1.0"])
def test_folded_denoiser_reproduces_the_official_path(sigma: str) -> None:
    """In fp32 and with the integer search the reference UNet, folded, denoises as the official code does."""
    with np.load(REFERENCE / "ref.npz") as golden:
        unet = UNet2DConditionModel(**json.loads((REFERENCE / "tiny_unet_config.json").read_text()))
        unet.load_state_dict(load_file(REFERENCE / "tiny_unet.safetensors"))
        config = json.loads((REFERENCE / "IF-II-L-scheduler_config.json").read_text())
        scheduler = DDPMScheduler(**{name: value for name, value in config.items() if not name.startswith("_")})
        rows = torch.from_numpy(golden["prompt_embeds"])[0]
        denoiser = one_step_denoiser(unet, scheduler, rows, 1.8, "search", CPU, torch.float32)
        noisy = torch.from_numpy(golden["x01"] + float(sigma) * golden["noise"])
        with torch.inference_mode():
            found = fold(denoiser)(noisy, float(sigma)).numpy()

        np.testing.assert_allclose(found, golden[f"s{sigma}_x0"], atol=2e-5)


@pytest.mark.parametrize(
    "changed", ["attentions.0.to_q.weight", "attentions.0.add_k_proj.weight", "resnets.0.time_emb_proj.weight"]
)
def test_folded_denoiser_when_a_task_has_weights_of_its_own(
    denoiser: OneStepDenoiser, noisy: torch.Tensor, changed: str
) -> None:
    """A task's weights and prompt count, and nothing of them is in another task's denoiser."""
    name = f"mid_block.{changed}"
    weight = denoiser.unet.get_parameter(name)
    rows = denoiser.prompt_rows.flip(0)
    task = replace(denoiser, overrides={name: weight + 0.1 * torch.ones_like(weight)}, prompt_rows=rows)
    folder = DenoiserFolder(denoiser, CPU, torch.float32, ALL)
    before = eps_of(folder(denoiser), noisy, SIGMA)
    found = eps_of(folder(task), noisy, SIGMA)

    assert relative_error(found, eps_of(task, noisy, SIGMA)) < 1e-5
    assert relative_error(found, eps_of(replace(task, overrides={}), noisy, SIGMA)) > 1e-4
    assert torch.equal(before, eps_of(folder(denoiser), noisy, SIGMA))


def test_memory_when_a_task_is_folded(denoiser: OneStepDenoiser, noisy: torch.Tensor) -> None:
    """A task holds its text's keys and values, the attention that changed, and a little for each sigma."""
    name = "mid_block.attentions.0.to_q.weight"
    folder = DenoiserFolder(denoiser, CPU, torch.float32, ALL)
    plain = folder(replace(denoiser, prompt_rows=denoiser.prompt_rows.flip(0)))
    task = folder(replace(denoiser, overrides={name: denoiser.unet.get_parameter(name) * 2}))
    attended = [stage.attention for stage in plain._network.stages if stage.attention]
    text = sum(2 * part.text_keys.numel() * 4 for part in attended)
    before = task.held_bytes
    eps_of(task, noisy, SIGMA)
    once = task.held_bytes
    eps_of(task, noisy, SIGMA)

    assert plain.held_bytes == text
    assert text < before < text + 4 * 4 * (32 * 32 + 3 * 32)
    assert before < task.held_bytes == once
    norms = sum(2 * 4 * len(stage.resnet.conv2.weight) for stage in task._network.stages)
    assert once - before == norms


def test_folded_unet_in_bfloat16(denoiser: OneStepDenoiser, noisy: torch.Tensor) -> None:
    """It is near, and the folding before the cast does not make it worse than the UNet cast as it is."""
    expected = eps_of(denoiser, noisy, SIGMA)
    cast = denoiser_of(random_unet()).unet.to(torch.bfloat16)
    rounded = replace(denoiser, unet=cast, prompt_rows=denoiser.prompt_rows.bfloat16())
    error = (eps_of(fold(denoiser, dtype=torch.bfloat16), noisy, SIGMA) - expected).square().mean()

    assert 0 < error < 1.5 * (eps_of(rounded, noisy, SIGMA) - expected).square().mean()
    assert error < 1e-3 * expected.square().mean()


def test_gradient_when_the_image_is_attacked(denoiser: OneStepDenoiser, noisy: torch.Tensor) -> None:
    """The gradient with respect to the image is that of the UNet, even of constants made in inference mode."""
    folded = fold(denoiser)
    eps_of(folded, noisy, SIGMA)
    gradients: list[torch.Tensor] = []
    for model in (denoiser, folded):
        image = noisy.clone().requires_grad_()
        model(image, SIGMA).square().sum().backward()
        assert image.grad is not None
        gradients.append(image.grad)

    assert relative_error(gradients[1], gradients[0]) < 1e-4


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("resnet_time_scale_shift", "default"),
        ("act_fn", "mish"),
        ("only_cross_attention", True),
        ("time_embedding_type", "fourier"),
    ],
)
def test_unet_when_it_has_an_unknown_part(option: str, value: object) -> None:
    """It is refused by name, and can be served as it is."""
    denoiser = denoiser_of(random_unet(**{option: value}))
    with pytest.raises(UnknownPartError, match="cannot be folded"):
        fold(denoiser)


def test_enlarging_convolution() -> None:
    """A transposed 4 x 4 convolution is doubling and a 3 x 3 convolution, borders included."""
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(shape, generator=generator).double() for shape in ((2, 5, 6, 4), (7, 5, 3, 3)))
    expected = conv2d(interpolate(x, scale_factor=2.0, mode="nearest"), weight, padding=1)

    found = conv_transpose2d(x, enlarging_weight(weight), stride=2, padding=1)
    torch.testing.assert_close(found, expected)


def test_norm_where_torch_is_slow_in_bfloat16() -> None:
    """Few pixels in narrow groups are normalised in float32, to the same values."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 24, 8, 8, generator=generator).bfloat16().to(memory_format=torch.channels_last)
    norm = GroupNorm(torch.rand(24, generator=generator), torch.rand(24, generator=generator), 2, 1e-5)
    expected = torch.nn.functional.group_norm(x.double(), 2, norm.weight.double(), norm.bias.double())

    assert norm.is_slow(x)
    assert not norm.is_slow(x.float())
    torch.testing.assert_close(norm(x).double(), expected, atol=1e-4, rtol=0)


def test_attention_by_matrix_products() -> None:
    """It is softmax(q k^T) v."""
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = (torch.randn(2, 3, tokens, 8, generator=generator) for tokens in (5, 9, 9))
    expected = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, scale=1.0)

    torch.testing.assert_close(attend(queries, keys, values), expected)
