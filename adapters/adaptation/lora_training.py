"""LoRA as it is trained: put on a UNet by peft, and written as diffusers loads it."""

from pathlib import Path

from diffusers import UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save

from adapters.adaptation.lora import PREFIX
from adapters.store.files import write_durably

TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "add_k_proj", "add_v_proj")
"""Every projection of an attention with added keys and values."""


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
