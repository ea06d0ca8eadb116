"""The tiny UNet of the reference data, with the block types of IF-II."""

import json
from pathlib import Path

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

REFERENCE = Path(__file__).parent / "data" / "reference"


def tiny_unet() -> UNet2DConditionModel:
    """Frozen, for evaluation."""
    unet = UNet2DConditionModel(**json.loads((REFERENCE / "tiny_unet_config.json").read_text()))
    unet.load_state_dict(load_file(REFERENCE / "tiny_unet.safetensors"))
    return unet.requires_grad_(False).eval()
