"""EfficientNet-Lite0 with the ImageNet weights of a Python package, in timm's architecture."""

from collections.abc import Sequence
from pathlib import Path

import timm
import torch

from adapters.models.classifiers.fixed import FixedClasses, fixed_classes
from robustify.errors import ModelFilesError

MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
"""What the TensorFlow original subtracts and divides by, of 255 levels."""


def load_lite0(weights: Path, class_names: Sequence[str], device: torch.device, dtype: torch.dtype) -> FixedClasses:
    """From a file of tensors whose sha256 the caller has checked; for images of 224 x 224.

    The package names the same layers otherwise, in the same order.
    """
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=len(class_names))
    tensors = torch.load(weights, map_location="cpu", weights_only=True)
    try:
        network.load_state_dict(dict(zip(network.state_dict(), tensors.values(), strict=True)))
    except (ValueError, RuntimeError) as error:
        raise ModelFilesError("the weights are none of an EfficientNet-Lite0 with so many classes") from error
    return fixed_classes(network, class_names, MEAN, STD, device, dtype)
