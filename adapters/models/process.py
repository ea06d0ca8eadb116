"""From the device that the settings name to one that is there."""

import torch

from adapters.models.memory import keep_freed_memory
from adapters.profiles.availability import check_graphs
from adapters.profiles.fingerprint import TORCH_VERSION
from adapters.profiles.manifest import verify_manifest
from adapters.profiles.profile import Profile
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


def set_up(profile: Profile, settings: Settings) -> torch.device:
    """Makes this process ready for models that are loaded next: threads, float32, quiet vendors, checked files."""
    check_graphs(settings)
    device = chosen_device(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 in the fingerprint means float32.
    keep_freed_memory()
    check_torch()
    if profile.classifier != "oracle":
        silence_vendors()
    if profile.folder is not None:
        _ = profile.model_digest  # Says what to do where nothing has been pulled.
        verify_manifest(profile.folder)
    return device


def check_torch() -> None:
    """The release of torch is part of the fingerprint: raises ModelError where it is another."""
    found = str(torch.__version__).partition("+")[0]
    if found != TORCH_VERSION:
        raise ModelError(f"torch {found} is here, and fingerprints say {TORCH_VERSION}: install the locked release")


def silence_vendors() -> None:
    """Loading progress and hints of the model libraries are not for our users."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    diffusers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
