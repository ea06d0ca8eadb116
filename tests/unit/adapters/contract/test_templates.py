"""One template or several: what may be asked, what is refused, and how an ensemble is written down."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.contract.adapt import adapt_request, checked_adaptation
from adapters.contract.bounds import MAX_TEMPLATES
from adapters.contract.effective import effective
from adapters.contract.fields import FieldsError
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind, VoteKind
from adapters.contract.templates import MAX_PROMPTS, prompt_fields
from adapters.preparation import checked, job_request
from adapters.profiles.fingerprint import function_digest
from adapters.profiles.library import find_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.errors import TaskConflictError
from robustify.types import Task

MINI = find_profile("mini")
SETTINGS = Settings(profile="mini")
LABELS = ["cat", "dog"]
TEMPLATES = ["a photo of a {}", "a drawing of a {}"]
IMAGE = InputImage(sha256="1" * 64, height=32, width=32, source_sha256="2" * 64, source_norm=1.0)
KINDS: list[VoteKind] = [JobKind.PREDICT, JobKind.CERTIFY]


def asked(folder: Path, kind: VoteKind = JobKind.CERTIFY, profile: Profile = MINI, **values: Any) -> JobRequest:
    return job_request(checked(kind, values, True, profile, TaskStore(folder)), IMAGE, SETTINGS)


def problems(folder: Path, **values: Any) -> dict[str, str]:
    with pytest.raises(FieldsError) as caught:
        asked(folder, **{"labels": LABELS, **values})
    return {problem.field: problem.detail for problem in caught.value.problems}


@pytest.mark.parametrize("kind", KINDS)
def test_request_when_there_are_several_templates(tmp_path: Path, kind: VoteKind) -> None:
    """They are in the job, in their order, without outer spaces; `template` is the first."""
    request = asked(tmp_path, kind, labels=LABELS, templates=[f" {TEMPLATES[0]} ", TEMPLATES[1]])
    assert request.label_task == Task.of(LABELS, TEMPLATES)
    assert request.template == TEMPLATES[0]
    assert JobRequest.model_validate_json(request.model_dump_json()) == request
    assert effective(request).model_dump(mode="json")["templates"] == TEMPLATES


@pytest.mark.parametrize("values", [{"template": "the {}"}, {"templates": ["the {}"]}, {}])
def test_request_when_there_is_one_template(tmp_path: Path, values: dict[str, Any]) -> None:
    """Nothing that is stored, signed or shown says a word of ensembles, and in a list it is the same question."""
    request = asked(tmp_path, labels=LABELS, **values)
    assert "templates" not in request.model_dump_json()
    assert "templates" not in effective(request).model_dump_json()
    if values:
        assert request == asked(tmp_path, labels=LABELS, template="the {}")


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        ([], "0 were given: give 1 to 100 templates"),
        (["a {}"] * (MAX_TEMPLATES + 1), "101 were given"),
        (["a {}", "the dog"], "Template 2 must have {} exactly once"),
        (["{} or {}"], "Template 1 must have {} exactly once"),
        (["a {}", "the {}", "A  {}"], "'a {}' (1) and 'A  {}' (3)"),
        (["a {}", "the \x1b {}"], "Template 2 has control"),
        (["a {}", "{}" + "x" * 200], "Template 2 has 202 characters"),
    ],
)
def test_templates_that_cannot_be_asked(tmp_path: Path, templates: list[str], said: str) -> None:
    """The one that is wrong is named by its number."""
    assert said in problems(tmp_path, templates=templates)["templates"]


def test_templates_beside_a_template_or_a_task(tmp_path: Path) -> None:
    """One of them says what the prompts are."""
    assert problems(tmp_path, template="a {}", templates=TEMPLATES) == {
        "templates": "Give either template or templates."
    }
    found = problems(tmp_path, labels=None, task="pets", templates=TEMPLATES)
    assert found == {"templates": "The task has templates of its own; leave these out."}


def test_templates_when_they_make_too_many_prompts(tmp_path: Path) -> None:
    """Labels times templates are bounded, and the numbers are said."""
    labels = [f"thing {number}" for number in range(500)]
    templates = ["{} " + "big " * number for number in range(1, MAX_PROMPTS // 500 + 2)]
    found = problems(tmp_path, labels=labels, templates=templates)["templates"]
    assert found.startswith("500 labels in 41 templates are 20500 prompts, and 20000 may be embedded")


def test_prompt_that_is_too_long_in_one_template(tmp_path: Path) -> None:
    """It is refused before anything is queued."""
    templates = ["a {}", "a {} " + "on a mat " * 12]
    assert "reads at most 32 tokens" in problems(tmp_path, templates=templates)["labels"]


def test_task_when_it_has_several_templates(tmp_path: Path) -> None:
    """They are stored with it, decide what its name stands for, and are asked about."""
    store = TaskStore(tmp_path)
    store.register("pets", Task.of(LABELS, TEMPLATES), "a job", 0.0)
    assert asked(tmp_path, task="pets").label_task == Task.of(LABELS, TEMPLATES)
    with pytest.raises(TaskConflictError, match="other templates"):
        store.register("pets", Task.of(LABELS, TEMPLATES[:1]), "a job", 0.0)
    store.register("one", Task.of(LABELS, TEMPLATES[:1]), "a job", 0.0)
    assert sum(b"templates" in path.read_bytes() for path in tmp_path.glob("*.json")) == 1


def test_adaptation_when_there_are_several_templates() -> None:
    """Its request has them, and costs as many prompts more; with one it is what it was."""
    values = {"name": "pets", "labels": LABELS}
    several = adapt_request(
        checked_adaptation({**values, "templates": TEMPLATES}, True, MINI), MINI, Settings(profile="mini")
    )
    one = adapt_request(checked_adaptation(values, True, MINI), MINI, SETTINGS)
    assert several.label_task == Task.of(LABELS, TEMPLATES)
    assert several.template == TEMPLATES[0]
    assert "templates" not in one.model_dump_json()
    with pytest.raises(FieldsError, match="Give either template or templates"):
        checked_adaptation({**values, "template": "a {}", "templates": TEMPLATES}, True, MINI)


def test_request_when_the_profile_has_templates(tmp_path: Path) -> None:
    """They are those of a request and an adaptation that say nothing; what is said goes before, the default one too."""
    profile = replace(MINI, templates=tuple(TEMPLATES))
    default = asked(tmp_path, labels=LABELS).template

    assert asked(tmp_path, profile=profile, labels=LABELS).label_task == Task.of(LABELS, TEMPLATES)
    for said in ({"template": default}, {"templates": [default]}):
        assert asked(tmp_path, profile=profile, labels=LABELS, **said).label_task == Task.of(LABELS, [default])
    adaptation = checked_adaptation({"name": "pets", "labels": LABELS}, True, profile)
    assert adapt_request(adaptation, profile, SETTINGS).label_task == Task.of(LABELS, TEMPLATES)


def test_templates_of_a_profile_when_they_make_too_many_prompts(tmp_path: Path) -> None:
    """They count as those of a request do."""
    profile = replace(MINI, templates=tuple(f"{number} {{}}" for number in range(MAX_TEMPLATES)))
    labels = [f"label {number}" for number in range(MAX_PROMPTS // MAX_TEMPLATES + 1)]
    with pytest.raises(FieldsError) as caught:
        asked(tmp_path, profile=profile, labels=labels)
    assert "templates" in {problem.field for problem in caught.value.problems}


def test_fields_that_ask_for_templates() -> None:
    """None, one or several, as a request has them."""
    assert prompt_fields([]) == {}
    assert prompt_fields(["a {}"]) == {"template": "a {}"}
    assert prompt_fields(TEMPLATES) == {"templates": TEMPLATES}


def test_fingerprint_when_there_are_several_templates() -> None:
    """Another ensemble is another function, and so is another order; one template is what it was."""
    ensembles = [TEMPLATES, TEMPLATES[:1], [TEMPLATES[0], "the {}"], [*TEMPLATES, "the {}"]]
    digests = [function_digest("3" * 64, Task.of(LABELS, templates), 0.5) for templates in ensembles]
    assert len(set(digests)) == len(digests)
    assert digests[1] == function_digest("3" * 64, Task(tuple(LABELS), TEMPLATES[0]), 0.5)
