"""Options of the ResNet-20 for images of 32 x 32 pixels (He et al., 2016)."""

from typing import Final

from adapters.profiles.options.preparing import PreparingOptions

ARCHITECTURE: Final = "resnet20"
"""What its config.json calls it; neither timm nor torchvision has one of this name."""


class ResNet20Options(PreparingOptions):
    """Nothing but how images are prepared: the rest is in the model's folder."""
