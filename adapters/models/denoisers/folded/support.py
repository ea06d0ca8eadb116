"""Which UNets can be folded: those of which every part is known."""

from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnAddedKVProcessor, AttnAddedKVProcessor2_0
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.unets.unet_2d_blocks import (
    ResnetDownsampleBlock2D,
    ResnetUpsampleBlock2D,
    SimpleCrossAttnDownBlock2D,
    SimpleCrossAttnUpBlock2D,
    UNetMidBlock2DSimpleCrossAttn,
)
from diffusers.models.upsampling import Upsample2D
from torch import nn

from robustify.errors import ModelFilesError

BLOCKS = (
    ResnetDownsampleBlock2D,
    ResnetUpsampleBlock2D,
    SimpleCrossAttnDownBlock2D,
    SimpleCrossAttnUpBlock2D,
    UNetMidBlock2DSimpleCrossAttn,
)
ACTIVATIONS = (nn.SiLU, nn.GELU)
KNOWN_OPTIONS = {
    "class_embed_type": ("timestep",),
    "addition_embed_type": (None, "text"),
    "encoder_hid_dim_type": (None, "text_proj"),
    "center_input_sample": (False,),
    "class_embeddings_concat": (False,),
    "conv_in_kernel": (3,),
    "conv_out_kernel": (3,),
    "time_embedding_type": ("positional",),
    "timestep_post_act": (None,),
}


class UnknownPartError(ModelFilesError):
    """The UNet has a part that the folded path does not know; it can be served as it is."""


def check_foldable(unet: UNet2DConditionModel) -> None:
    """Raises UnknownPartError, which names the part."""
    for option, known in KNOWN_OPTIONS.items():
        if unet.config[option] not in known:
            raise UnknownPartError(f"{option} {unet.config[option]!r} of this UNet cannot be folded")
    for block in [*unet.down_blocks, unet.mid_block, *unet.up_blocks]:
        _require(type(block) in BLOCKS, "blocks", block)
    _require(isinstance(unet.conv_norm_out, nn.GroupNorm), "last norm", unet.conv_norm_out)
    _require(type(unet.conv_act) in ACTIVATIONS, "last activation", unet.conv_act)
    for module in unet.modules():
        if isinstance(module, ResnetBlock2D):
            check_resnet(module)
        elif isinstance(module, Attention):
            check_attention(module)


def check_resnet(block: ResnetBlock2D) -> None:
    _require(type(block) is ResnetBlock2D and block.time_embedding_norm == "scale_shift", "time embeddings", block)
    _require(type(block.nonlinearity) in ACTIVATIONS, "activation", block.nonlinearity)
    for resize, known in ((block.upsample, Upsample2D), (block.downsample, Downsample2D)):
        _require(resize is None or type(resize) is known, "resizing", resize)


def check_attention(attention: Attention) -> None:
    processor = attention.processor
    _require(type(processor) in (AttnAddedKVProcessor, AttnAddedKVProcessor2_0), "attention", processor)
    _require(not attention.only_cross_attention and attention.to_q.bias is not None, "attention", attention)


def _require(known: bool, what: str, part: object) -> None:
    if not known:
        raise UnknownPartError(f"{what} of this UNet cannot be folded: {type(part).__name__}")
