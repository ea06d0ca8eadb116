"""From a profile to its loaded models, made ready in this process.

Model libraries are imported when a model is loaded: they take seconds, and an oracle needs none of them.
"""

import torch

from adapters.allocation import keep_freed_memory
from adapters.devices import chosen_device
from adapters.manifest import verify_manifest
from adapters.models import Models
from adapters.oracles import oracle_models
from adapters.parts import Parts
from adapters.profiles import Profile
from adapters.settings import Settings


def load_models(profile: Profile, settings: Settings) -> Models:
    """Check the files against the manifest, then load them on the device and in the dtype of the settings."""
    device = set_up(profile, settings)
    if profile.classifier == "oracle":
        return oracle_models(profile, device)
    from adapters.loaders import load_parts

    return load_parts(Parts(profile, settings, device, getattr(torch, settings.dtype)))


def set_up(profile: Profile, settings: Settings) -> torch.device:
    """Makes this process ready for models that are loaded next: threads, float32, quiet vendors, checked files."""
    device = chosen_device(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 in the fingerprint means float32.
    keep_freed_memory()
    if profile.classifier != "oracle":
        silence_vendors()
    if profile.folder is not None:
        _ = profile.model_digest  # Says what to do where nothing has been pulled.
        verify_manifest(profile.folder)
    return device


def silence_vendors() -> None:
    """Loading progress and hints of the model libraries are not for our users."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    diffusers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
