"""The adaptations of a comparison: made of the labels alone, kept as tasks that are named by their requests."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from adapters.canonical_json import canonical_digest
from adapters.contract.adapt import AdaptParameters, adapt_request, checked_adaptation
from adapters.contract.jobs import AdaptRequest
from adapters.contract.templates import prompt_fields
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from adapters.store.places import places_of
from robustify.errors import RobustifyError, StoredTaskError, UnknownTaskError
from robustify.types import Task
from workers.evaluation.comparison.config import AdaptationTable

UNNAMED = "compare"


def adaptation_request(
    task: Task, asked: AdaptationTable, seed: int, settings: Settings
) -> tuple[AdaptParameters, AdaptRequest]:
    """What is asked of an adaptation to the labels of a task; its name is the digest of the rest, so that nobody makes
    the same one twice. Raises InvalidInputError for labels that cannot be adapted to.
    """
    profile = served_profile(settings)
    sizes = asked.model_dump(exclude={"seeds"}, exclude_none=True)
    fields = {"labels": [*task.labels], **prompt_fields(task.all_templates), **sizes, "seed": seed}
    # It answers whatever it did on references: a table tells what adaptation brings, not what it should have brought.
    parameters = checked_adaptation({"name": UNNAMED, **fields, "publish": "always"}, False, profile)
    request = adapt_request(parameters, profile, settings)
    digest = canonical_digest(request.model_dump(mode="json", exclude={"name"}))[:16]
    name = f"{UNNAMED}-{digest}"
    return parameters.model_copy(update={"name": name}), request.model_copy(update={"name": name})


def kept_adaptation(request: AdaptRequest, settings: Settings) -> str | None:
    """The digest of what was made for the request before; None where nothing was, or where it is damaged."""
    with suppress(UnknownTaskError, StoredTaskError):
        found = places_of(settings).tasks_of(request.owner).find(request.name).version().adaptation
        if found is not None:
            return places_of(settings).adaptations.get(found).digest
    return None


def adapted_task(
    task: Task, asked: AdaptationTable, seed: int, settings: Settings, on_progress: Callable[[int, int], None]
) -> Task:
    """The task with what was adapted to its labels, made now if it is not there."""
    parameters, request = adaptation_request(task, asked, seed, settings)
    found = kept_adaptation(request, settings) or made_adaptation(parameters, settings, on_progress)
    return replace(request.label_task, adaptation=found)


def made_adaptation(parameters: AdaptParameters, settings: Settings, on_progress: Callable[[int, int], None]) -> str:
    """Loads what trains models, which nothing else of a comparison needs."""
    from workers.adaptation.here import adapt_here

    made = adapt_here(parameters, served_profile(settings), settings, on_progress)
    if made.adaptation is None:
        raise RobustifyError("the profile adapts nothing by default: name another one, or a method without adaptation")
    return made.adaptation
