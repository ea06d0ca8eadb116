"""The task of the examples, as if it had been adapted."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.contract.example import LABELS, SMALL_PICTURE, TASK_NAME
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from adapters.store.adaptations import CONTACT_SHEET, DENOISED_SHEET, REFERENCES, REPORT, AdaptationStore
from adapters.store.tasks import TaskStore
from robustify.errors import UnknownTaskError
from robustify.types import Task
from service.examples import example_of
from service.tasks.schemas import REFERENCE_FILE, Report

ADAPTED = 2
"""The version of the task that was adapted."""


def ensure_task(settings: Settings) -> None:
    """The task of the examples: one version of the labels alone, and one that was adapted, which answers."""
    tasks, task, models = TaskStore(settings.state.tasks), Task(LABELS), served_profile(settings).model_digest
    try:
        if tasks.find(TASK_NAME).current != ADAPTED:
            tasks.make_current(TASK_NAME, ADAPTED)
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
            (made / name).write_bytes(SMALL_PICTURE.encode())
        (made / REPORT).write_text(report.model_dump_json())
        return store.add(made, models, about).digest
