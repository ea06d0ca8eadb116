"""From the device that the settings name to one that is there."""

import torch

from adapters.settings import Settings
from robustify.errors import ModelError


def chosen_device(settings: Settings) -> torch.device:
    """Raises ModelError when this machine has no such device."""
    device = torch.device(settings.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"there is no device {settings.device} here: set ROBUSTIFY_DEVICE to cpu, or to one that is there"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelError("there is no device mps here: set ROBUSTIFY_DEVICE to cpu")
    return device
