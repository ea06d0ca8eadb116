"""`robustify adapt` without a server. It loads what trains models, which no prediction needs."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from adapters.contract.adapt import AdaptParameters, adapt_request, checked_adaptation
from adapters.contract.adapt_cost import checked_cost
from adapters.contract.results import AdaptResult
from adapters.models.process import set_up
from adapters.models.training.own_references import OwnReferences, Wanted, find_pictures, read_own_references
from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.queue.keys import new_job_id
from adapters.settings import Settings
from workers.adaptation.runner import adapt, adapt_result
from workers.adaptation.stages import Progress as Step
from workers.server_client import Progress


def adapt_locally(fields: Mapping[str, object], settings: Settings, on_progress: Progress) -> AdaptResult:
    """Adapts to the labels of the fields, and publishes the task in the state folder; returns the result document."""
    profile = served_profile(settings)
    return run_adaptation(checked_adaptation(fields, False, profile), profile, settings, on_progress)


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
    return run_adaptation(sized, profile, settings, on_progress, own)


def run_adaptation(
    parameters: AdaptParameters,
    profile: Profile,
    settings: Settings,
    on_progress: Progress,
    own: OwnReferences | None = None,
) -> AdaptResult:
    request = adapt_request(parameters, profile, settings)
    checked_cost(request, profile, settings, synthesizes=own is None)
    set_up(profile, settings)
    started = time.perf_counter()

    def tell(progress: Step) -> None:
        on_progress(progress.done, progress.total)

    made = adapt(request, profile, settings, new_job_id(), tell, own)
    return adapt_result(request, made, time.perf_counter() - started)
