"""What schemathesis cannot know of the service: images, a task that is there, and checks of its own."""

import re
from collections.abc import Iterable, Mapping

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.generation import GenerationMode

from adapters.contract.example import SMALL_PICTURE, SMALL_PICTURE_BASE64
from adapters.settings import Settings
from service.openapi import IMAGE_TYPES
from service.shapes.huggingface import OUR_NAMES
from tests.fuzz.stored_task import ensure_task

INVISIBLE = "has control, invisible or private characters: leave them out"
REASONS = (
    ("labels", "Some are the same but for case, width, spaces or the like"),
    ("labels", r"Label \d+ is empty"),
    ("labels", rf"Label \d+ ({INVISIBLE}|has \d+ characters)"),
    ("template", "The template must have {} exactly once"),
    ("template", rf"The template ({INVISIBLE}|has \d+ characters)"),
    ("templates", r"Template \d+ must have {} exactly once"),
    ("templates", rf"Template \d+ ({INVISIBLE}|has \d+ characters)"),
    ("templates", "Some are the same but for case, width, spaces or the like"),
    ("templates", r"\d+ labels in \d+ templates are \d+ prompts"),
    ("name", r"A name begins with a letter or a digit"),
    ("name", "A name must not look like an id"),
    ("name", rf"The name ({INVISIBLE}|has \d+ characters)"),
    ("n", "With this alpha even unanimous votes would abstain"),
    ("target_radius", "With this n, alpha and sigma at most"),
    ("n0?", r"Each of the \d+ sigmas takes so many"),
    ("sigmas", r"\d+ labels are counted at each of \d+ sigmas"),
    ("sigmas", "Several sigmas are asked about one label set"),
    ("labels", r"Profile oracle-\w+ does not read labels"),
    # A form of the required fields alone counts as allowed, whatever `anyOf` says.
    ("labels", "Give either labels or a task"),
    # Of a batch such a form has neither a kind nor files, but texts.
    ("kind", "It must be predict or certify"),
    ("images", "Some were sent as text"),
)
"""(field, how the detail begins; patterns both) of the refusals that no JSON schema can foretell."""


# Whatever else is in the request decides.
for media_type in IMAGE_TYPES.split(", "):
    schemathesis.openapi.media_type(media_type, st.just(SMALL_PICTURE.encode()))
schemathesis.openapi.format("byte", st.just(SMALL_PICTURE_BASE64))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: Mapping[str, object]) -> None:
    """Makes the task as it was if it was changed, but for sequences of requests."""
    if case.operation.path.startswith("/tasks/") and case.meta and case.meta.phase.name.value != "stateful":
        ensure_task(Settings())


@schemathesis.check
def documented_status(context: CheckContext, response: Response, case: Case) -> None:
    """The status is among those of the operation, "any other problem" apart; a method that is not there gets a 405."""
    documented = case.operation.responses.status_codes
    assert response.status_code == 405 or str(response.status_code) in documented, response.status_code


@schemathesis.check
def refused_for_a_reason(context: CheckContext, response: Response, case: Case) -> None:
    """What the description allows is refused only for what no JSON schema can tell."""
    if mode_of(case) is GenerationMode.POSITIVE and response.status_code in (400, 413, 415, 422):
        assert not list(unforeseen(response.json())), response.text


def unforeseen(problem: Mapping[str, list[Mapping[str, str]]]) -> Iterable[object]:
    """The refusals that have none of the reasons."""
    for error in problem.get("errors") or [{"field": "", "detail": str(problem)}]:
        name = OUR_NAMES.get(error["field"].removeprefix("parameters."), error["field"].removeprefix("parameters."))
        if not any(re.fullmatch(field, name) and re.match(detail, error["detail"]) for field, detail in REASONS):
            yield error


@schemathesis.check
def called_invalid(context: CheckContext, response: Response, case: Case) -> None:
    """No certificate that breaks the schema is valid."""
    if case.operation.path == "/certificates/verify" and response.status_code == 200:
        assert mode_of(case) is not GenerationMode.NEGATIVE or response.json()["valid"] is False, response.text


def mode_of(case: Case) -> GenerationMode | None:
    """Whether the case is what the description allows, or what it does not; None of what no phase generated."""
    return case.meta.generation.mode if case.meta else None
