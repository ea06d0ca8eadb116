"""An adaptation in this process, without a queue: whoever asks waits for it."""

import time
from collections.abc import Callable

from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.contract.adapt_cost import checked_cost
from adapters.contract.results import AdaptResult
from adapters.models.process import set_up
from adapters.models.training.own_references import OwnReferences
from adapters.profiles.profile import Profile
from adapters.queue.keys import new_job_id
from adapters.settings import Settings
from workers.adaptation.runner import adapt, adapt_result
from workers.adaptation.stages import Progress


def adapt_here(
    parameters: AdaptParameters,
    profile: Profile,
    settings: Settings,
    on_progress: Callable[[int, int], None],
    own: OwnReferences | None = None,
) -> AdaptResult:
    """Publishes the task in the state folder; returns the result document. One that was stopped goes on.

    `own`: references of the user's, in place of synthesised ones.
    """
    request = adapt_request(parameters, profile, settings)
    checked_cost(request, profile, settings, synthesizes=own is None)
    set_up(profile, settings)
    started = time.perf_counter()

    def tell(progress: Progress) -> None:
        on_progress(progress.done, progress.total)

    made = adapt(request, profile, settings, new_job_id(), tell, own)
    return adapt_result(request, made, time.perf_counter() - started)
