"""The shapes of the models that are measured: IF-II-L and CLIP ViT-B/32, and tiny ones of the same kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Config = Mapping[str, object]

ROOT_OF_2 = 1.4142271248762552
"""As its configuration has it."""
OF_IF: Config = {
    "in_channels": 6,
    "out_channels": 6,
    "act_fn": "gelu",
    "time_embedding_act_fn": "gelu",
    "class_embed_type": "timestep",
    "addition_embed_type": "text",
    "encoder_hid_dim_type": "text_proj",
    "cross_attention_norm": "group_norm",
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "mid_block_scale_factor": ROOT_OF_2,
    "resnet_out_scale_factor": ROOT_OF_2,
    "resnet_skip_time_act": True,
    "resnet_time_scale_shift": "scale_shift",
}
"""What the UNets of DeepFloyd IF's second stage have in common, in diffusers' names."""


def levels(plain: int, attending: int) -> Config:
    """So many levels without attention, then so many with it."""
    down = ["ResnetDownsampleBlock2D"] * plain + ["SimpleCrossAttnDownBlock2D"] * attending
    up = ["SimpleCrossAttnUpBlock2D"] * attending + ["ResnetUpsampleBlock2D"] * plain
    return {"down_block_types": down, "up_block_types": up}


@dataclass(frozen=True)
class Architecture:
    """A denoiser and a classifier as configurations, images of `side`, and the sizes of what is asked of them.

    `adaptation` is what a profile's file says of training; `text_width` is that of the rows of a prompt.
    """

    name: str
    side: int
    unet: Config
    text_width: int
    clip: Config
    batch_size: int
    adaptation: Config = field(default_factory=dict)


FULL = Architecture(
    name="if-ii-l-random",
    side=224,
    unet={
        **OF_IF,
        **levels(3, 2),
        "sample_size": 256,
        "block_out_channels": [160, 320, 640, 960, 1280],
        "layers_per_block": [2, 2, 3, 5, 5],
        "attention_head_dim": 64,
        "addition_embed_type_num_heads": 64,
        "cross_attention_dim": 1280,
        "encoder_hid_dim": 4096,
        "time_embedding_dim": 1280,
    },
    text_width=4096,
    clip={
        "embed_dim": 512,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
    },
    batch_size=50,
)
TINY = Architecture(
    name="tiny-random",
    side=32,
    unet={
        **OF_IF,
        **levels(1, 2),
        "sample_size": 32,
        "block_out_channels": [16, 24, 32],
        "layers_per_block": [1, 2, 1],
        "norm_num_groups": 8,
        "attention_head_dim": 8,
        "addition_embed_type_num_heads": 4,
        "cross_attention_dim": 32,
        "encoder_hid_dim": 48,
    },
    text_width=48,
    clip={
        "embed_dim": 32,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    batch_size=10,
    adaptation={"batch_size": 4, "fine_tuning_batch_size": 6},
)
