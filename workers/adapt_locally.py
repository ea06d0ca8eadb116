"""`robustify adapt` without a server: the same stages, stores and documents as a worker's."""

import time
from collections.abc import Mapping
from typing import Any

from adapters.adapt_parameters import adapt_request, parse_adaptation
from adapters.adaptation_steps import total_steps
from adapters.catalogue import set_up
from adapters.profiles import served_profile
from adapters.queue.keys import new_job_id
from adapters.settings import Settings
from workers.adaptation.runner import adapt, adapt_result
from workers.preparation import accepted
from workers.remote import Progress


def adapt_locally(fields: Mapping[str, Any], settings: Settings, on_progress: Progress) -> dict[str, Any]:
    """Adapts to the labels of the fields, and publishes the task in the state folder; returns the result document."""
    profile = served_profile(settings)
    parameters = accepted(*parse_adaptation(fields, strict=False, profile=profile))
    request = adapt_request(parameters, profile, settings)
    set_up(profile, settings)
    started = time.perf_counter()
    total = total_steps(request)
    made = adapt(request, profile, settings, new_job_id(), lambda progress: on_progress(progress.done, total))
    return adapt_result(request, made, time.perf_counter() - started)
