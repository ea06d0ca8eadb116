"""Low-rank adapters of a denoiser's attention: read from any of their namings, merged without a library.

Diffusers' own loader looks at the first key only and silently drops the tensors that are named otherwise (as in files
of its DreamBooth script); `read_lora` reads all three namings and refuses what it cannot place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save

from adapters.durable_files import write_durably
from robustify.errors import ModelFilesError

PREFIX = "unet."
DIRECTIONS = {"lora_A": "down", "lora_B": "up", "down": "down", "up": "up"}
KEY = re.compile(
    r"(?P<module>.+?)"
    r"(?:\.processor\.(?P<projection>\w+?)_lora\.(?P<processor>down|up)"
    r"|\.lora(?:_linear_layer)?\.(?P<script>down|up)"
    r"|\.(?P<peft>lora_[AB])(?:\.\w+)?)"
    r"\.weight"
)
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "add_k_proj", "add_v_proj")
"""Every projection of an attention with added keys and values."""


@dataclass(frozen=True)
class LowRank:
    """A change of one weight (out, in): up (out, rank) @ down (rank, in)."""

    down: torch.Tensor
    up: torch.Tensor

    @property
    def change(self) -> torch.Tensor:
        return self.up.float() @ self.down.float()


Lora = Mapping[str, LowRank]
"""Module of the UNet -> the change of its weight."""


def read_lora(path: Path) -> Lora:
    """The adapters of a safetensors file in peft's naming, in that of diffusers' DreamBooth script, or in that of the
    official code. Raises ModelFilesError when a tensor has no place or no counterpart, or is there twice.
    """
    halves: dict[str, dict[str, torch.Tensor]] = {}
    alphas: dict[str, float] = {}
    for key, tensor in load_file(path).items():
        if key.endswith(".alpha"):
            alphas[module_of(key.removesuffix(".alpha") + ".lora.down.weight")[0]] = float(tensor)
            continue
        module, half = module_of(key)
        if half in halves.setdefault(module, {}):
            raise ModelFilesError(f"the LoRA file has two adapters for {module[:200]!r}: keep one")
        halves[module][half] = tensor.float()
    if not halves or any(set(pair) != {"down", "up"} for pair in halves.values()):
        raise ModelFilesError("the LoRA file lacks one half of an adapter: write it again")
    unknown = set(alphas) - set(halves)
    if unknown:
        raise ModelFilesError("the LoRA file scales adapters that it does not hold: write it again")
    return {
        module: LowRank(pair["down"] * (alphas.get(module, len(pair["down"])) / len(pair["down"])), pair["up"])
        for module, pair in halves.items()
    }


def module_of(key: str) -> tuple[str, str]:
    """(module of the UNet, down or up) of a tensor's name."""
    found = KEY.fullmatch(key.removeprefix(PREFIX))
    if found is None:
        raise ModelFilesError(f"the LoRA file has a tensor {key[:200]!r} that is no adapter of a UNet's attention")
    module, projection = found["module"], found["projection"]
    if projection:
        module += "." + ("to_out.0" if projection == "to_out" else projection)
    direction = found["processor"] or found["script"] or found["peft"]
    return module, DIRECTIONS[direction]


def merged_weights(unet: UNet2DConditionModel, lora: Lora) -> dict[str, torch.Tensor]:
    """The UNet's weights that the adapters change, as they become: name -> W + up @ down.

    Always computed from the pristine weights, in float32: to fuse and unfuse again and again drifts in bfloat16.
    """
    weights = dict(unet.named_parameters())
    merged: dict[str, torch.Tensor] = {}
    for module, pair in lora.items():
        name = f"{module}.weight"
        if name not in weights or not fits(pair, weights[name]):
            raise ModelFilesError(f"the LoRA file has an adapter for {module[:200]!r}, which this UNet has not so")
        weight = weights[name]
        merged[name] = (weight.float() + pair.change.to(weight.device)).to(weight.dtype)
    return merged


def fits(pair: LowRank, weight: torch.Tensor) -> bool:
    """Whether weight, up and down are (out, in), (out, rank) and (rank, in)."""
    if not weight.ndim == pair.up.ndim == pair.down.ndim == 2:
        return False
    return weight.shape == (len(pair.up), pair.down.shape[1]) and pair.up.shape[1] == len(pair.down)


def add_lora(unet: UNet2DConditionModel, rank: int) -> None:
    """Puts trainable adapters on every attention projection: down ~ N(0, 1 / rank), up 0; all else is frozen.

    The caller seeds torch. Alpha equals the rank, so that the change is up @ down.
    """
    unet.requires_grad_(False)
    unet.add_adapter(
        LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(TARGETS)), "task"
    )


def write_lora(unet: UNet2DConditionModel, path: Path) -> None:
    """In peft's naming, the one that diffusers' `load_lora_weights` loads whole."""
    tensors = {
        PREFIX + name: tensor.detach().float().cpu().contiguous()
        for name, tensor in get_peft_model_state_dict(unet, adapter_name="task").items()
    }
    write_durably(path, save(tensors, {"format": "pt"}))
