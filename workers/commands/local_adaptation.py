"""`robustify adapt` without a server. It loads what trains models, which no prediction needs."""

from collections.abc import Callable, Mapping
from pathlib import Path

from adapters.contract.adapt import checked_adaptation
from adapters.contract.results import AdaptResult
from adapters.models.training.own_references import Wanted, find_pictures, read_own_references
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from workers.adaptation.here import adapt_here
from workers.server_client import Progress


def adapt_locally(fields: Mapping[str, object], settings: Settings, on_progress: Progress) -> AdaptResult:
    """Adapts to the labels of the fields, and publishes the task in the state folder; returns the result document."""
    profile = served_profile(settings)
    return adapt_here(checked_adaptation(fields, False, profile), profile, settings, on_progress)


def adapt_to_pictures(
    fields: Mapping[str, object], folder: Path, settings: Settings, on_progress: Progress, say: Callable[[str], None]
) -> AdaptResult:
    """The same with references of the user's; without labels in the fields, the folders in it name them."""
    profile = served_profile(settings)
    labels = fields.get("labels")
    pictures = find_pictures(folder, [*map(str, labels)] if isinstance(labels, list) else None)
    asked = checked_adaptation({**fields, "labels": [*pictures.labels]}, False, profile, synthesizes=False)
    wanted = Wanted(asked.shots, asked.held_back, profile.adaptation.held_back, asked.seed)
    own = read_own_references(pictures, profile, wanted, settings.max_upload_bytes)
    say(own.summary)
    sized = asked.model_copy(update={"shots": own.shots, "held_back": own.held_back})
    return adapt_here(sized, profile, settings, on_progress, own)
