"""What schemathesis cannot know of the service: images, a task that is there, and checks of its own."""

import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.generation import GenerationMode

from adapters.contract.example import LABELS, SMALL_PICTURE, SMALL_PICTURE_BASE64, TASK_NAME
from adapters.profiles.shipped import served_profile
from adapters.settings import Settings
from adapters.store.adaptations import CONTACT_SHEET, DENOISED_SHEET, REFERENCES, REPORT, AdaptationStore
from adapters.store.tasks import TaskStore
from robustify.errors import UnknownTaskError
from robustify.types import Task
from service.examples import example_of
from service.openapi import IMAGE_TYPES
from service.tasks.schemas import REFERENCE_FILE, Report

PICTURE = SMALL_PICTURE.encode()
INVISIBLE = "has control, invisible or private characters: leave them out"
REASONS = (
    ("labels", "Some are the same but for case, width, spaces or the like"),
    ("labels", r"Label \d+ is empty"),
    ("labels", rf"Label \d+ ({INVISIBLE}|has \d+ characters)"),
    ("template", "The template must have {} exactly once"),
    ("template", rf"The template ({INVISIBLE}|has \d+ characters)"),
    ("name", r"A name begins with a letter or a digit"),
    ("name", "A name must not look like an id"),
    ("name", rf"The name ({INVISIBLE}|has \d+ characters)"),
    ("n", "With this alpha even unanimous votes would abstain"),
    ("target_radius", "With this n, alpha and sigma at most"),
    ("labels", r"Profile oracle-\w+ does not read labels"),
    # A form of the required fields alone counts as allowed, whatever `anyOf` says.
    ("labels", "Give either labels or a task"),
)
"""(field, how the detail begins) of the refusals that no JSON schema can foretell."""


# Whatever else is in the request decides.
for media_type in IMAGE_TYPES.split(", "):
    schemathesis.openapi.media_type(media_type, st.just(PICTURE))
schemathesis.openapi.format("byte", st.just(SMALL_PICTURE_BASE64))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: Mapping[str, object]) -> None:
    """Makes the task if it was deleted, but for sequences of requests."""
    if case.operation.path.startswith("/tasks/") and case.meta and case.meta.phase.name.value != "stateful":
        ensure_task(Settings())


def ensure_task(settings: Settings) -> None:
    """The task of the examples: one version of the labels alone, and one that was adapted."""
    tasks, task, models = TaskStore(settings.state.tasks), Task(LABELS), served_profile(settings).model_digest
    try:
        tasks.find(TASK_NAME)
    except UnknownTaskError:
        digest = store_adaptation(AdaptationStore(settings.state.adaptations), models)
        tasks.publish(TASK_NAME, task, "labels", time.time())
        tasks.publish(TASK_NAME, task, "adapted", time.time(), digest, models)


def store_adaptation(store: AdaptationStore, models: str) -> str:
    """One reference image, both sheets and a report; returns the digest."""
    schema = Report.model_json_schema()
    report = Report.model_validate(example_of(schema, schema["$defs"]))
    reference = {"file": REFERENCE_FILE, "label": LABELS[0], "index": 0, "shot": 0, "seed": 1, "held_back": False}
    about = {
        "references": [{**reference, "prompt": f"This is a photo of a {LABELS[0]}"}],
        "figures": report.model_dump(mode="json", include={"before", "after", "no_worse"}),
    }
    with TemporaryDirectory() as folder:
        made = Path(folder)
        (made / REFERENCES).mkdir()
        for name in (f"{REFERENCES}/{REFERENCE_FILE}", CONTACT_SHEET, DENOISED_SHEET):
            (made / name).write_bytes(PICTURE)
        (made / REPORT).write_text(report.model_dump_json())
        return store.add(made, models, about).digest


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
        if not any(error["field"] == field and re.match(detail, error["detail"]) for field, detail in REASONS):
            yield error


@schemathesis.check
def called_invalid(context: CheckContext, response: Response, case: Case) -> None:
    """No certificate that breaks the schema is valid."""
    if case.operation.path == "/certificates/verify" and response.status_code == 200:
        assert mode_of(case) is not GenerationMode.NEGATIVE or response.json()["valid"] is False, response.text


def mode_of(case: Case) -> GenerationMode | None:
    """Whether the case is what the description allows, or what it does not; None of what no phase generated."""
    return case.meta.generation.mode if case.meta else None
