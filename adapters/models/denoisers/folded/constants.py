"""What of a UNet depends on prompt, timestep and noise level alone: computed once, in the UNet's own dtype.

Each class is a function of a UNet, as a module, so that a task's weights can take the place of the UNet's.
"""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from torch import nn
from torch.func import functional_call

Weights = Mapping[str, torch.Tensor]
Pairs = dict[str, tuple[torch.Tensor, torch.Tensor]]


class TextConstants(nn.Module):
    """The keys and values (1, T, C) that each attention of the UNet takes from the prompt's rows (1, T, D)."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, rows: torch.Tensor) -> Pairs:
        text = self.unet.process_encoder_hidden_states(rows, {})
        return {
            name: (module.add_k_proj(self.seen(module, text)), module.add_v_proj(self.seen(module, text)))
            for name, module in self.unet.named_modules()
            if isinstance(module, Attention)
        }

    @staticmethod
    def seen(attention: Attention, text: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = attention.norm_encoder_hidden_states(text) if attention.norm_cross else text
        return normed


class TimeConstants(nn.Module):
    """The scale and the shift (C,) that each block of the UNet takes from timestep, noise level and pooled prompt."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, rows: torch.Tensor, t: torch.Tensor, noise_level: torch.Tensor) -> Pairs:
        embedding = self.embedding(rows, t, noise_level)
        return {
            name: self.scale_and_shift(module, embedding)
            for name, module in self.unet.named_modules()
            if isinstance(module, ResnetBlock2D)
        }

    def embedding(self, rows: torch.Tensor, t: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
        """As at the start of `UNet2DConditionModel.forward`."""
        unet = self.unet
        total: torch.Tensor = unet.time_embedding(unet.get_time_embed(sample=rows, timestep=t))
        total = total + unet.get_class_embed(sample=rows, class_labels=noise_level)
        pooled = unet.get_aug_embed(emb=total, encoder_hidden_states=rows, added_cond_kwargs={})
        total = total if pooled is None else total + pooled
        activated: torch.Tensor = unet.time_embed_act(total) if unet.time_embed_act else total
        return activated

    @staticmethod
    def scale_and_shift(block: ResnetBlock2D, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale, shift = block.time_emb_proj(embedding if block.skip_time_act else block.nonlinearity(embedding)).chunk(
            2, dim=1
        )
        return scale[0], shift[0]


@torch.no_grad()
def with_weights(constants: nn.Module, overrides: Weights, *inputs: torch.Tensor) -> Any:  # Any: as torch says.
    """What the constants are with these weights in place of the UNet's own."""
    return functional_call(constants, {f"unet.{name}": value for name, value in overrides.items()}, inputs)
