"""Low-rank adapters of a transformer's attention (PRXPixel): peft puts them in, as this class has no `add_adapter`."""

from pathlib import Path

import torch
from diffusers import PRXTransformer2DModel
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save

from adapters.durable_files import write_durably

TARGETS = ("img_qkv_proj", "txt_kv_proj", "to_out.0")
"""Every projection of PRX's attention; queries, keys and values of the image are one weight, those of the text too."""
ADAPTER = "task"


def add_transformer_lora(transformer: PRXTransformer2DModel, rank: int) -> None:
    """Puts trainable adapters on every attention projection: down ~ N(0, 1 / rank), up 0; all else is frozen.

    The caller seeds torch. Alpha equals the rank, so that the change is up @ down.
    """
    transformer.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(TARGETS))
    inject_adapter_in_model(config, transformer, adapter_name=ADAPTER)


def write_transformer_lora(transformer: PRXTransformer2DModel, path: Path) -> None:
    """In peft's naming, by the transformer's own modules, as `read_lora` reads it."""
    tensors = {
        name: tensor.detach().float().cpu().contiguous()
        for name, tensor in get_peft_model_state_dict(transformer, adapter_name=ADAPTER).items()
    }
    content: bytes = save(tensors, {"format": "pt"})
    write_durably(path, content)


def trained_parameters(transformer: PRXTransformer2DModel) -> list[torch.nn.Parameter]:
    """Those of the adapters."""
    return [parameter for parameter in transformer.parameters() if parameter.requires_grad]
