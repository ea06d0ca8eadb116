"""LoRA files of the denoiser: written here, by diffusers' script and by the official code; nothing is lost silently."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler, IFSuperResolutionPipeline, UNet2DConditionModel
from diffusers.utils import convert_state_dict_to_diffusers
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch.func import functional_call

from adapters.models.training.lora import TARGETS, add_lora, merged_weights, read_lora, write_lora
from robustify.errors import ModelFilesError
from tests.tiny_unet import tiny_unet

RANK = 3
Inputs = Mapping[str, torch.Tensor]


@pytest.fixture(scope="module")
def plain() -> UNet2DConditionModel:
    """A tiny UNet with the block types of IF-II."""
    return tiny_unet()


@pytest.fixture(scope="module")
def adapted(plain: UNet2DConditionModel) -> UNet2DConditionModel:
    """The same with adapters that were trained a lot."""
    unet = deepcopy(plain)
    torch.manual_seed(0)
    add_lora(unet, RANK)
    with torch.no_grad():
        for parameter in lora_parameters(unet).values():
            parameter.normal_(0, 0.3)
    return unet


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    generator = torch.Generator().manual_seed(1)
    return {
        "sample": torch.randn(2, 6, 16, 16, generator=generator),
        "timestep": torch.tensor([10, 900]),
        "encoder_hidden_states": torch.randn(2, 5, 48, generator=generator),
        "class_labels": torch.tensor([18.0, 999.0]),
    }


@torch.no_grad()
def output(
    unet: UNet2DConditionModel, inputs: Inputs, weights: Mapping[str, torch.Tensor] | None = None
) -> torch.Tensor:
    found: torch.Tensor = functional_call(unet, dict(weights or {}), (), {**inputs, "return_dict": False})[0]
    return found


def assert_same_function(
    path: Path, plain: UNet2DConditionModel, adapted: UNet2DConditionModel, inputs: Inputs
) -> None:
    """The weights that a file makes of the plain UNet give the adapted one's output, which is another."""
    expected = output(adapted, inputs)
    merged = output(plain, inputs, merged_weights(plain, read_lora(path)))

    assert float((expected - output(plain, inputs)).abs().max()) > 0.01
    torch.testing.assert_close(merged, expected, rtol=1e-4, atol=1e-4)


def test_adapters_when_they_are_made(plain: UNet2DConditionModel) -> None:
    """On every projection of every attention, all else frozen; they change nothing yet, and follow from the seed."""
    unets = [deepcopy(plain) for _ in range(2)]
    for unet in unets:
        torch.manual_seed(5)
        add_lora(unet, RANK)
    projections = [name for name, _ in plain.named_modules() if name.endswith(TARGETS)]
    trained = {name: value for name, value in unets[0].named_parameters() if value.requires_grad}

    assert len(trained) == 2 * len(projections) > 0
    assert len({name.split(".lora_")[0] for name in trained}) == len(projections)
    assert all(bool((value == 0).all()) == ("lora_B" in name) for name, value in trained.items())
    assert all(torch.equal(value, lora_parameters(unets[1])[name]) for name, value in trained.items())


def test_file_when_it_is_read_again(
    plain: UNet2DConditionModel, adapted: UNet2DConditionModel, inputs: Inputs, tmp_path: Path
) -> None:
    """Merged into the plain weights it gives what peft's layers give."""
    write_lora(adapted, tmp_path / "lora.safetensors")

    assert len(read_lora(tmp_path / "lora.safetensors")) == len(lora_parameters(adapted)) // 2
    assert_same_function(tmp_path / "lora.safetensors", plain, adapted, inputs)


def test_file_when_diffusers_loads_it(
    plain: UNet2DConditionModel, adapted: UNet2DConditionModel, inputs: Inputs, tmp_path: Path
) -> None:
    """`load_lora_weights` takes every tensor of it: the same weights, bit for bit, and the same output."""
    write_lora(adapted, tmp_path / "lora.safetensors")
    pipeline = super_resolution_pipeline(deepcopy(plain))
    pipeline.load_lora_weights(tmp_path, weight_name="lora.safetensors", adapter_name="task")
    loaded, ours = lora_parameters(pipeline.unet), lora_parameters(adapted)

    assert set(loaded) == set(ours)
    assert all(torch.equal(loaded[name], ours[name]) for name in ours)
    torch.testing.assert_close(output(pipeline.unet, inputs), output(adapted, inputs), rtol=0, atol=0)


def test_file_of_the_dreambooth_script(
    plain: UNet2DConditionModel, adapted: UNet2DConditionModel, inputs: Inputs, tmp_path: Path
) -> None:
    """Its two namings in one file, of which diffusers itself loads one, are both read."""
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(adapted, adapter_name="task"))
    IFSuperResolutionPipeline.save_lora_weights(tmp_path, unet_lora_layers=layers)
    (path,) = tmp_path.iterdir()
    names = set(load_file(path))

    assert any(".lora_A." in name for name in names)
    assert any(".lora.down." in name for name in names)
    assert_same_function(path, plain, adapted, inputs)


def test_file_of_the_official_code(
    plain: UNet2DConditionModel, adapted: UNet2DConditionModel, inputs: Inputs, tmp_path: Path
) -> None:
    """The naming of 2023, in which the adapters belong to the attention's processor."""
    path = tmp_path / "lora.safetensors"
    save_as(path, adapted, official_name)

    assert "unet.mid_block.attentions.0.processor.to_out_lora.down.weight" in load_file(path)
    assert_same_function(path, plain, adapted, inputs)


def test_file_when_names_have_no_prefix(
    plain: UNet2DConditionModel, adapted: UNet2DConditionModel, inputs: Inputs, tmp_path: Path
) -> None:
    """The UNet's own modules, as `save_lora_adapter` names them."""
    path = tmp_path / "lora.safetensors"
    save_as(path, adapted, lambda name: name)

    assert_same_function(path, plain, adapted, inputs)


def test_file_when_it_scales_with_alpha(plain: UNet2DConditionModel, tmp_path: Path) -> None:
    """The change is alpha / rank times up @ down, for the adapters that have one."""
    module = "mid_block.attentions.0.to_q"
    generator = torch.Generator().manual_seed(2)
    down, up = torch.randn(2, 32, generator=generator), torch.randn(32, 2, generator=generator)
    tensors = {f"unet.{module}.lora.down.weight": down, f"unet.{module}.lora.up.weight": up}
    save_file({**tensors, f"unet.{module}.alpha": torch.tensor(8.0)}, tmp_path / "scaled.safetensors")
    save_file(tensors, tmp_path / "plain.safetensors")
    changes = [read_lora(tmp_path / name)[module].change for name in ("scaled.safetensors", "plain.safetensors")]

    torch.testing.assert_close(changes[0], 4 * up @ down)
    torch.testing.assert_close(changes[1], up @ down)


def test_merging_when_the_unet_is_in_bfloat16(
    plain: UNet2DConditionModel, adapted: UNet2DConditionModel, tmp_path: Path
) -> None:
    """The sum is made in float32 and rounded once; the plain weights stay as they are."""
    write_lora(adapted, tmp_path / "lora.safetensors")
    half, lora = deepcopy(plain).to(torch.bfloat16), read_lora(tmp_path / "lora.safetensors")
    before = {name: tensor.clone() for name, tensor in half.state_dict().items()}
    for name, tensor in merged_weights(half, lora).items():
        change = lora[name.removesuffix(".weight")].change
        assert torch.equal(tensor, (before[name].float() + change).to(torch.bfloat16))

    assert all(torch.equal(tensor, before[name]) for name, tensor in half.state_dict().items())


QUERY = "mid_block.attentions.0.to_q"


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({}, "lacks one half"),
        ({f"unet.{QUERY}.lora_A.weight": (2, 32)}, "lacks one half"),
        ({f"unet.{QUERY}.lora_A.weight": (2, 32), "unet.conv_in.weight": (16, 6, 3, 3)}, "no adapter"),
        ({f"unet.{QUERY}.lora_A.weight": (2, 32), f"unet.{QUERY}.lora_magnitude_vector": (32,)}, "no adapter"),
        ({f"unet.{QUERY}.alpha": ()}, "lacks one half"),
        ({f"{QUERY}.lora_A.weight": (2, 32), f"{QUERY}.lora_B.weight": (32, 2), "x.to_q.alpha": ()}, "does not hold"),
        ({f"{QUERY}.lora_A.weight": (2, 32), f"{QUERY}.lora.down.weight": (2, 32)}, "two adapters"),
        ({"no_block.to_q.lora_A.weight": (2, 32), "no_block.to_q.lora_B.weight": (32, 2)}, "has not so"),
        ({"text_encoder.q.lora_A.weight": (2, 32), "text_encoder.q.lora_B.weight": (32, 2)}, "has not so"),
        ({f"{QUERY}.lora_A.weight": (2, 33), f"{QUERY}.lora_B.weight": (32, 2)}, "has not so"),
        ({f"{QUERY}.lora_A.weight": (2, 32), f"{QUERY}.lora_B.weight": (31, 2)}, "has not so"),
        ({f"{QUERY}.lora_A.weight": (2, 32), f"{QUERY}.lora_B.weight": (32, 3)}, "has not so"),
        ({f"{QUERY}.lora_A.weight": (2,), f"{QUERY}.lora_B.weight": (32, 2)}, "has not so"),
        ({"conv_in.lora_A.weight": (2, 6), "conv_in.lora_B.weight": (16, 2)}, "has not so"),
    ],
)
def test_file_that_cannot_be_placed(
    plain: UNet2DConditionModel, tmp_path: Path, shapes: Mapping[str, tuple[int, ...]], message: str
) -> None:
    """A missing half, a foreign tensor, an unknown module or a wrong shape is one clear error."""
    save_file({name: torch.ones(shape) for name, shape in shapes.items()}, tmp_path / "lora.safetensors")
    with pytest.raises(ModelFilesError, match=message):
        merged_weights(plain, read_lora(tmp_path / "lora.safetensors"))


def official_name(name: str) -> str:
    """a.to_q.lora_A.weight -> unet.a.processor.to_q_lora.down.weight"""
    module, half = name.removesuffix(".weight").rsplit(".", 1)
    attention, projection = module.removesuffix(".0").rsplit(".", 1)
    return f"unet.{attention}.processor.{projection}_lora.{'down' if half == 'lora_A' else 'up'}.weight"


def save_as(path: Path, adapted: UNet2DConditionModel, rename: Callable[[str], str]) -> None:
    tensors = get_peft_model_state_dict(adapted, adapter_name="task")
    save_file({rename(name): tensor.contiguous() for name, tensor in tensors.items()}, path)


def lora_parameters(unet: UNet2DConditionModel) -> dict[str, torch.Tensor]:
    return {name: value for name, value in unet.named_parameters() if ".lora_" in name}


def super_resolution_pipeline(unet: UNet2DConditionModel) -> IFSuperResolutionPipeline:
    return IFSuperResolutionPipeline(
        tokenizer=None,
        text_encoder=None,
        unet=unet,
        scheduler=DDPMScheduler(),
        image_noising_scheduler=DDPMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
