"""CLIP's weights under the names of Hugging Face's transformers, as open_clip names and arranges them."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

Tensors = Mapping[str, torch.Tensor]

TRANSFORMERS_MARK = "vision_model."
PARTS = ("q_proj", "k_proj", "v_proj")
"""Of an attention: one tensor each there, one for all three here."""
TRANSPOSED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
RENAMED = (
    (r"^text_model\.embeddings\.token_embedding\.weight$", "token_embedding.weight"),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
    (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
    (r"\.layer_norm1\.", ".ln_1."),
    (r"\.layer_norm2\.", ".ln_2."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"\.self_attn\.", ".attn."),
)


def is_of_transformers(weights: Path) -> bool:
    """Whether a safetensors file has the names of transformers."""
    with safe_open(weights, "pt") as file:
        return any(name.startswith(TRANSFORMERS_MARK) for name in file.keys())


def load_from_transformers(model: nn.Module, weights: Path) -> None:
    """Fills an open_clip model. Raises RuntimeError where a tensor is missing, left over or of another shape."""
    converted = of_open_clip(load_file(weights))
    if hasattr(model, "text"):
        converted = {with_text_tower(name): tensor for name, tensor in converted.items()}
    model.load_state_dict(dict(converted))


def of_open_clip(tensors: Tensors) -> Tensors:
    """The same weights as open_clip has them."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith("position_ids"):
            continue  # A buffer of older releases, which only counts.
        if name in TRANSPOSED:
            found[TRANSPOSED[name]] = tensor.T.contiguous()
        elif PARTS[0] in name:
            joined = torch.cat([tensors[name.replace(PARTS[0], part)] for part in PARTS])
            found[renamed(name.replace(f"{PARTS[0]}.", "in_proj_"))] = joined
        elif not any(part in name for part in PARTS):
            found[renamed(name)] = tensor
    return found


def renamed(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def with_text_tower(name: str) -> str:
    """As models with a text tower of its own have it."""
    return name if name.startswith(("visual.", "logit_")) else f"text.{name}"
