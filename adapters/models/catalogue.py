"""From a profile to its loaded models, made ready in this process.

Model libraries are imported when a model is loaded: they take seconds, and an oracle needs none of them.
"""

import torch

from adapters.models.loaded import Models, Placement
from adapters.models.oracles import oracle_models
from adapters.models.process import set_up
from adapters.profiles.profile import Profile
from adapters.settings import Settings


def load_models(profile: Profile, settings: Settings) -> Models:
    """Check the files against the manifest, then load them on the device, in the number format that is asked for."""
    device = set_up(profile, settings)
    if profile.classifier == "oracle":
        return oracle_models(profile, device)
    from adapters.models.loaders import load_profile

    return load_profile(Placement(profile, settings, device, getattr(torch, profile.number_format(settings))))
