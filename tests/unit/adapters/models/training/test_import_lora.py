"""LoRA files of other trainers: every naming gives the same change, in the strength that was trained, or is refused."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file

from adapters.models.training.import_lora import (
    ForeignLora,
    Shapes,
    linear_shapes,
    read_foreign_lora,
    write_plain_lora,
)
from adapters.models.training.lora import TARGETS, merged_weights, read_lora
from robustify.errors import InvalidInputError
from tests.tiny_unet import tiny_unet
from tests.unit.adapters.models.training.test_lora import (
    official_name,
    output,
    super_resolution_pipeline,
)

QUERY, KEY = "mid_block.attentions.0.to_q", "mid_block.attentions.0.to_k"
RANK, ALPHA, OTHER_RANK, OTHER_ALPHA = 4, 6, 2, 3
Tensors = Mapping[str, torch.Tensor]


@pytest.fixture(scope="module")
def plain() -> UNet2DConditionModel:
    """A tiny UNet with the block types of IF-II."""
    return tiny_unet()


@pytest.fixture(scope="module")
def shapes(plain: UNet2DConditionModel) -> Shapes:
    return linear_shapes(plain)


@pytest.fixture(scope="module")
def config() -> LoraConfig:
    """An alpha that is not the rank, and another rank and alpha for all queries."""
    return LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        rank_pattern={"to_q": OTHER_RANK},
        alpha_pattern={"to_q": OTHER_ALPHA},
        target_modules=list(TARGETS),
    )


@pytest.fixture(scope="module")
def trained(plain: UNet2DConditionModel, config: LoraConfig) -> UNet2DConditionModel:
    """The same UNet with peft's layers, as if they had been trained a lot."""
    unet = deepcopy(plain)
    unet.add_adapter(config, "task")
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if ".lora_" in name:
                parameter.normal_(0, 0.2)
    return unet


@pytest.fixture(scope="module")
def tensors(trained: UNet2DConditionModel) -> Tensors:
    """As peft has them: `mid_block.attentions.0.to_q.lora_A.weight`."""
    found = get_peft_model_state_dict(trained, adapter_name="task")
    return {name: tensor.detach().contiguous() for name, tensor in found.items()}


@pytest.fixture(scope="module")
def inputs() -> Tensors:
    generator = torch.Generator().manual_seed(1)
    return {
        "sample": torch.randn(2, 6, 16, 16, generator=generator),
        "timestep": torch.tensor([10, 900]),
        "encoder_hidden_states": torch.randn(2, 5, 48, generator=generator),
        "class_labels": torch.tensor([18.0, 999.0]),
    }


def script_name(name: str) -> str:
    module, half = name.removesuffix(".weight").rsplit(".", 1)
    return f"unet.{module}.lora.{'down' if half == 'lora_A' else 'up'}.weight"


def mixed_name(name: str) -> str:
    """As the DreamBooth script leaves them: peft's own for the added keys and values."""
    return f"unet.{name}" if ".add_" in name else script_name(name)


def kohya_name(name: str) -> str:
    module, half = name.removesuffix(".weight").rsplit(".", 1)
    return f"lora_unet_{module.replace('.', '_')}.{'lora_down' if half == 'lora_A' else 'lora_up'}.weight"


def module_of(name: str) -> str:
    return name.removesuffix(".weight").rsplit(".", 1)[0]


def alpha_of(module: str) -> torch.Tensor:
    return torch.tensor(float(OTHER_ALPHA if module.endswith("to_q") else ALPHA))


def with_alphas(tensors: Tensors, rename: Callable[[str], str], suffix: str) -> dict[str, torch.Tensor]:
    """All tensors under other names, and an alpha beside each pair."""
    renamed = {rename(name): tensor for name, tensor in tensors.items()}
    alphas = {
        rename(name).removesuffix(suffix) + ".alpha": alpha_of(module_of(name))
        for name in tensors
        if name.endswith("lora_A.weight")
    }
    return {**renamed, **alphas}


@pytest.mark.parametrize(
    ("rename", "suffix", "namings"),
    [
        (kohya_name, ".lora_down.weight", {"kohya"}),
        (script_name, ".lora.down.weight", {"diffusers"}),
        (mixed_name, ".lora.down.weight", {"diffusers", "peft"}),
        (official_name, ".down.weight", {"diffusers of 2023"}),
    ],
)
def test_file_that_has_alphas(
    plain: UNet2DConditionModel,
    trained: UNet2DConditionModel,
    tensors: Tensors,
    shapes: Shapes,
    inputs: Tensors,
    tmp_path: Path,
    rename: Callable[[str], str],
    suffix: str,
    namings: set[str],
) -> None:
    """In every naming: what is stored of it gives the output of the trainer's own layers, ranks and alphas included."""
    named = with_alphas(tensors, rename, suffix)
    # An alpha of peft's naming stands beside the module's name.
    named = {name.replace(".lora_A.weight.alpha", ".alpha"): tensor for name, tensor in named.items()}
    save_file(named, tmp_path / "theirs.safetensors")
    found = read_foreign_lora(tmp_path / "theirs.safetensors", shapes)

    assert set(found.namings) == namings
    assert (found.tensors, found.scaling, found.ranks) == (len(named), "alphas of the file", (OTHER_RANK, RANK))
    assert_trained(found, plain, trained, inputs, tmp_path)


@pytest.mark.parametrize("prefix", ["base_model.model.", "unet.base_model.model.", "unet.", ""])
def test_file_of_peft_with_its_config(
    plain: UNet2DConditionModel,
    trained: UNet2DConditionModel,
    tensors: Tensors,
    shapes: Shapes,
    config: LoraConfig,
    inputs: Tensors,
    tmp_path: Path,
    prefix: str,
) -> None:
    """Ranks and alphas stand in the config beside it, by patterns."""
    config.save_pretrained(str(tmp_path))
    save_file({prefix + name: tensor for name, tensor in tensors.items()}, tmp_path / "adapter_model.safetensors")
    found = read_foreign_lora(tmp_path / "adapter_model.safetensors", shapes)

    assert (found.namings, found.scaling) == (("peft",), "adapter config")
    assert_trained(found, plain, trained, inputs, tmp_path)


def test_file_of_diffusers_with_its_config_in_the_header(
    plain: UNet2DConditionModel, trained: UNet2DConditionModel, shapes: Shapes, inputs: Tensors, tmp_path: Path
) -> None:
    """As `save_lora_adapter` writes it."""
    trained.save_lora_adapter(tmp_path, adapter_name="task", weight_name="theirs.safetensors")
    found = read_foreign_lora(tmp_path / "theirs.safetensors", shapes)

    assert found.scaling == "adapter config"
    assert_trained(found, plain, trained, inputs, tmp_path)


def test_file_that_says_no_alpha(tensors: Tensors, shapes: Shapes, tmp_path: Path) -> None:
    """Alpha is the rank, and that is said; an alpha that is given holds for all, and none beside the file's own."""
    save_file(dict(tensors), tmp_path / "bare.safetensors")
    bare = read_foreign_lora(tmp_path / "bare.safetensors", shapes)
    given = read_foreign_lora(tmp_path / "bare.safetensors", shapes, alpha=8)

    assert (bare.scaling, given.scaling) == ("not stated, taken as the rank", "given")
    torch.testing.assert_close(given.lora[QUERY].change, bare.lora[QUERY].change * 8 / OTHER_RANK)
    torch.testing.assert_close(given.lora[KEY].change, bare.lora[KEY].change * 8 / RANK)
    save_file(with_alphas(tensors, kohya_name, ".lora_down.weight"), tmp_path / "kohya.safetensors")
    with pytest.raises(InvalidInputError, match="stated already"):
        read_foreign_lora(tmp_path / "kohya.safetensors", shapes, alpha=8)


def test_what_is_written_when_diffusers_loads_it(
    plain: UNet2DConditionModel,
    trained: UNet2DConditionModel,
    tensors: Tensors,
    shapes: Shapes,
    inputs: Tensors,
    tmp_path: Path,
) -> None:
    """`load_lora_weights` takes all of it, in the strength that was trained; read again it is the same file."""
    save_file(with_alphas(tensors, kohya_name, ".lora_down.weight"), tmp_path / "theirs.safetensors")
    ours, again = tmp_path / "ours.safetensors", tmp_path / "again.safetensors"
    write_plain_lora(read_foreign_lora(tmp_path / "theirs.safetensors", shapes).lora, ours)
    write_plain_lora(read_foreign_lora(ours, shapes).lora, again)
    pipeline = super_resolution_pipeline(deepcopy(plain))
    pipeline.load_lora_weights(tmp_path, weight_name="ours.safetensors", adapter_name="task")

    assert again.read_bytes() == ours.read_bytes()
    torch.testing.assert_close(output(pipeline.unet, inputs), output(trained, inputs), rtol=1e-4, atol=1e-4)


def test_file_in_half_precision(tensors: Tensors, shapes: Shapes, tmp_path: Path) -> None:
    """The numbers are those of the file, exactly."""
    half = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    save_file(half, tmp_path / "half.safetensors")
    found = read_foreign_lora(tmp_path / "half.safetensors", shapes)

    assert torch.equal(found.lora[KEY].down, half[f"{KEY}.lora_A.weight"].float())


PAIR = {f"unet.{QUERY}.lora.down.weight": (2, 64), f"unet.{QUERY}.lora.up.weight": (64, 2)}


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"lora_te_text_model_encoder_q.lora_down.weight": (2, 64)}, "lora_te_text_model_encoder_q"),
        ({f"unet.{KEY}.lora_A.weight": (2, 64)}, r"to_k.lora_A.weight.*None is left out"),
        ({f"{QUERY}.lora_A.weight": (2, 64)}, "2 of the 3 tensors"),
        ({f"unet.{QUERY}.lora_magnitude_vector": (64,)}, "lora_magnitude_vector"),
        ({"lora_unet_mid_block_attentions_0_to_k.hada_w1_a": (2, 64)}, "hada_w1_a"),
        ({"lora_unet_conv_in.lora_down.weight": (2, 6, 3, 3)}, "lora_unet_conv_in"),
        ({"conv_in.weight": (16, 6, 3, 3)}, "conv_in.weight"),
        ({f"lora_unet_{KEY.replace('.', '_')}.alpha": ()}, "alpha"),
        ({f"{KEY}.lora_A.weight": (2, 65), f"{KEY}.lora_B.weight": (64, 2)}, r"of another denoiser.*\[2, 65\]"),
        ({f"{KEY}.lora_A.weight": (2, 64), f"{KEY}.lora_B.weight": (64, 3)}, "of another denoiser"),
        ({f"{KEY}.lora_A.weight": (0, 64), f"{KEY}.lora_B.weight": (64, 0)}, "of another denoiser"),
        ({f"unet.{QUERY}.alpha": (2,)}, r"an alpha \[1.0, 1.0\], which is no scale"),
    ],
)
def test_file_with_a_tensor_that_has_no_place(
    shapes: Shapes, tmp_path: Path, others: Mapping[str, tuple[int, ...]], message: str
) -> None:
    """It is refused as a whole, and the tensor is named."""
    save_file({name: torch.ones(shape) for name, shape in {**PAIR, **others}.items()}, tmp_path / "lora.safetensors")
    with pytest.raises(InvalidInputError, match=message):
        read_foreign_lora(tmp_path / "lora.safetensors", shapes)


def test_file_with_numbers_that_are_none(shapes: Shapes, tmp_path: Path) -> None:
    """Not finite, by itself or by its alpha, or quantised."""
    good = {name: torch.ones(shape) for name, shape in PAIR.items()}
    up = f"unet.{QUERY}.lora.up.weight"
    for bad, message in (
        ({**good, up: good[up] * float("nan")}, "not finite"),
        ({**good, f"unet.{QUERY}.alpha": torch.tensor(float("inf"))}, "no scale"),
        ({**good, f"unet.{QUERY}.alpha": torch.tensor(0.0)}, "no scale"),
        ({**good, up: good[up].to(torch.int8)}, "quantised"),
        ({}, "no tensors"),
    ):
        save_file(bad, tmp_path / "bad.safetensors")
        with pytest.raises(InvalidInputError, match=message):
            read_foreign_lora(tmp_path / "bad.safetensors", shapes)


def test_file_that_is_no_safetensors_file(shapes: Shapes, tmp_path: Path) -> None:
    """A pickle is not opened, by whatever name; nor is what is missing."""
    torch.save({name: torch.ones(shape) for name, shape in PAIR.items()}, tmp_path / "pytorch_lora_weights.bin")
    (tmp_path / "pytorch_lora_weights.bin").rename(tmp_path / "renamed.safetensors")
    (tmp_path / "lora.ckpt").write_bytes(b"anything")
    for name, message in (
        ("lora.ckpt", "may run code"),
        ("renamed.safetensors", "no safetensors file"),
        ("gone.safetensors", "is no file"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            read_foreign_lora(tmp_path / name, shapes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_dora": True}, "no plain LoRA.*use_dora"),
        ({"peft_type": "LOHA"}, "no plain LoRA.*peft_type"),
        ({"lora_alpha": None}, "no plain LoRA.*lora_alpha"),
        ({"r": 8}, "it is of another file"),
    ],
)
def test_file_whose_config_is_of_something_else(
    shapes: Shapes, tmp_path: Path, changes: Mapping[str, object], message: str
) -> None:
    """The strength would be wrong: it is refused."""
    save_file({name: torch.ones(shape) for name, shape in PAIR.items()}, tmp_path / "lora.safetensors")
    document = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **changes}
    (tmp_path / "adapter_config.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInputError, match=message):
        read_foreign_lora(tmp_path / "lora.safetensors", shapes)


def test_scale_of_a_rank_stabilised_lora(shapes: Shapes, tmp_path: Path) -> None:
    """It is alpha over the square root of the rank."""
    save_file({name: torch.ones(shape) for name, shape in PAIR.items()}, tmp_path / "lora.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 4, "use_rslora": True}))
    found = read_foreign_lora(tmp_path / "lora.safetensors", shapes)

    torch.testing.assert_close(found.lora[QUERY].down, torch.full((2, 64), 4 / 2**0.5))


def assert_trained(
    found: ForeignLora, plain: UNet2DConditionModel, trained: UNet2DConditionModel, inputs: Tensors, folder: Path
) -> None:
    """What is stored of a file gives the output of the trainer's layers, which is another than without."""
    write_plain_lora(found.lora, folder / "ours.safetensors")
    expected = output(trained, inputs)
    merged = output(plain, inputs, merged_weights(plain, read_lora(folder / "ours.safetensors")))

    assert float((expected - output(plain, inputs)).abs().max()) > 0.01
    torch.testing.assert_close(merged, expected, rtol=1e-4, atol=1e-4)
