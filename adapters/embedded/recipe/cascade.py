"""What both stages of the bundled cascade share: text rows, the noise schedule, and the eps loss of one batch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import nn
from transformers import T5EncoderModel, T5Tokenizer

from adapters.embedded.recipe.names import TEMPLATES
from adapters.embedded.recipe.text_encoder import PROMPT_TOKENS, prompt_of

TIMESTEPS = 1000


def noise_schedule() -> DDPMScheduler:
    """DeepFloyd's: cosine, 1000 steps, eps; the variance is fixed, for the UNets' variance channels are not trained."""
    return DDPMScheduler(
        num_train_timesteps=TIMESTEPS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="epsilon",
        variance_type="fixed_small",
        thresholding=True,
        dynamic_thresholding_ratio=0.95,
        sample_max_value=1.0,
    )


def stage_unet(
    side: int, channels: Sequence[int], text_width: int, in_channels: int, class_embed_type: str | None
) -> UNet2DConditionModel:
    """A UNet of DeepFloyd's block types with attention at its lowest resolution, one layer a block."""
    plain = len(channels) - 1
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=in_channels,
        out_channels=6,
        down_block_types=(*("ResnetDownsampleBlock2D",) * plain, "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", *("ResnetUpsampleBlock2D",) * plain),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        block_out_channels=tuple(channels),
        layers_per_block=1,
        attention_head_dim=64,
        norm_num_groups=8,
        act_fn="silu",
        time_embedding_act_fn="silu",
        class_embed_type=class_embed_type,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        cross_attention_dim=64,
        cross_attention_norm="group_norm",
        encoder_hid_dim=text_width,
        encoder_hid_dim_type="text_proj",
        resnet_time_scale_shift="scale_shift",
        resnet_out_scale_factor=1.41422712,
        mid_block_scale_factor=1.41422712,
    )


@dataclass(frozen=True)
class TextRows:
    """The encoder's output for every (class, synonym, template): (P, 77, D), and for the empty prompt: (77, D)."""

    rows: torch.Tensor
    of_class: Sequence[Sequence[int]]
    empty: torch.Tensor

    def draw(self, labels: torch.Tensor, empty_share: float, generator: torch.Generator) -> torch.Tensor:
        """Rows (B, 77, D) of random prompts for the labels; a share of them empty."""
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        rows = self.rows[torch.tensor([rng.choice(self.of_class[label]) for label in labels.tolist()])]
        dropped = torch.rand(len(labels), 1, 1, generator=generator) < empty_share
        return torch.where(dropped, self.empty, rows)


@torch.no_grad()
def encode_prompts(text_folder: Path, names: Sequence[Sequence[str]]) -> TextRows:
    encoder = T5EncoderModel.from_pretrained(text_folder / "text_encoder").eval()
    tokenizer = T5Tokenizer.from_pretrained(text_folder / "tokenizer")
    prompts, of_class = [""], []
    for group in names:
        texts = [prompt_of(template, name) for template in TEMPLATES for name in group]
        of_class.append(range(len(prompts) - 1, len(prompts) - 1 + len(texts)))
        prompts += texts
    tokens = tokenizer(prompts, padding="max_length", truncation=True, max_length=PROMPT_TOKENS, return_tensors="pt")
    rows = torch.cat(
        [
            encoder(input_ids=ids, attention_mask=mask).last_hidden_state.bfloat16()
            for ids, mask in zip(tokens.input_ids.split(256), tokens.attention_mask.split(256), strict=True)
        ]
    )
    return TextRows(rows[1:], of_class, rows[0])


def scale_to_signed(images: torch.Tensor) -> torch.Tensor:
    """uint8 to float in [-1, 1]."""
    return images.float() / 127.5 - 1


def eps_loss(
    unet: UNet2DConditionModel,
    inputs: torch.Tensor,
    timesteps: torch.Tensor,
    rows: torch.Tensor,
    noise: torch.Tensor,
    noise_level: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean squared error of the predicted noise: the UNet's first three channels, in bf16 autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        prediction = unet(
            inputs.contiguous(memory_format=torch.channels_last),
            timesteps,
            encoder_hidden_states=rows,
            class_labels=noise_level,
        ).sample
    return nn.functional.mse_loss(prediction[:, :3].float(), noise)
