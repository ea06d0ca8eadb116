"""The shape of a UNet of guided-diffusion, as the names of its tensors tell it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from robustify.errors import ModelFilesError

Tensors = Mapping[str, torch.Tensor]
IMAGE_CHANNELS = 3
FOUNDATIONS = ("time_embed.0", "input_blocks.0.0", "middle_block.0.emb_layers.1", "middle_block.1.qkv", "out.2")


@dataclass(frozen=True)
class Layout:
    """Widths of the levels, residual blocks of each on the way down, which levels attend, and output channels."""

    channels: tuple[int, ...]
    blocks: int
    attends: tuple[bool, ...]
    outputs: int


def read_layout(state: Tensors) -> Layout:
    """Raises ModelFilesError when the UNet is of another kind.

    Both sides have (blocks + 1) entries for each level: down, the first convolution, the blocks, and one that halves
    for all levels but the last; up, the blocks and one more, of which the last doubles for all levels but the last.
    """
    check_kind(state)
    down, up = (count_entries(state, side) for side in ("input_blocks", "output_blocks"))
    levels = 1 + sum(doubles(state, index) for index in range(up))
    if down != up or up % levels:
        raise ModelFilesError("the checkpoint's two sides do not match: it is no UNet of guided-diffusion")
    firsts = [f"input_blocks.{1 + level * (up // levels)}" for level in range(levels)]
    return Layout(
        channels=tuple(outputs_of(state, f"{first}.0.out_layers.3") for first in firsts),
        blocks=up // levels - 1,
        attends=tuple(f"{first}.1.qkv.weight" in state for first in firsts),
        outputs=outputs_of(state, "out.2"),
    )


def check_kind(state: Tensors) -> None:
    """Whether UNet2DModel can be this UNet, and if not, why."""
    if not all(f"{name}.weight" in state for name in FOUNDATIONS):
        raise ModelFilesError("the checkpoint is no UNet of guided-diffusion: layers that all of them have are missing")
    if any(name.startswith("label_emb.") for name in state):
        raise ModelFilesError("the checkpoint is told a class: a denoiser needs the unconditional model")
    if any(name.endswith((".op.weight", ".conv.weight")) for name in state):
        raise ModelFilesError("the checkpoint resizes by bare convolutions: only resblock_updown can be converted")
    if state["input_blocks.0.0.weight"].shape[1] != IMAGE_CHANNELS:
        raise ModelFilesError("the checkpoint takes more than a colour image: a denoiser needs 3 input channels")
    if outputs_of(state, "middle_block.0.emb_layers.1") != 2 * outputs_of(state, "middle_block.0.out_layers.3"):
        raise ModelFilesError("the checkpoint adds the time: only use_scale_shift_norm can be converted")


def count_entries(state: Tensors, side: str) -> int:
    return len({name.split(".")[1] for name in state if name.startswith(f"{side}.")})


def doubles(state: Tensors, index: int) -> bool:
    """Whether an entry of `output_blocks` ends in a second residual block."""
    return any(f"output_blocks.{index}.{place}.in_layers.0.weight" in state for place in (1, 2))


def outputs_of(state: Tensors, module: str) -> int:
    """Raises ModelFilesError when there is no such module."""
    if f"{module}.weight" not in state:
        raise ModelFilesError("the checkpoint lacks a layer that every UNet of guided-diffusion has")
    return len(state[f"{module}.weight"])
