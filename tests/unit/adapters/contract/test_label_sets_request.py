"""What may be asked of several label sets at once, and that their question is one of its own."""

from collections.abc import Sequence
from typing import Any

import pytest

from adapters.contract.bounds import MAX_LABEL_SETS
from adapters.contract.certify import CertifyParameters
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.label_sets import MAX_LABELS_IN_ALL
from adapters.contract.records import JobKind
from adapters.preparation import CheckedRequest, asked_task, check_fit, job_request, parse_parameters
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.smoothing.cascade import shared_alpha

MINI = find_profile("mini")
IMAGE = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)
SETS = [["cat", "dog"], ["animal", "vehicle", "plant"]]


def parsed(**values: Any) -> CertifyParameters:
    parameters, problems = parse_parameters(JobKind.CERTIFY, {"label_sets": SETS, **values}, strict=True)
    assert isinstance(parameters, CertifyParameters), problems
    return parameters


def refused(label_sets: object) -> list[tuple[str, str]]:
    parameters, problems = parse_parameters(JobKind.CERTIFY, {"label_sets": label_sets}, strict=True)
    assert parameters is None
    return [(problem.field, problem.detail) for problem in problems]


def misfits(profile: str = "mini", **values: Any) -> list[tuple[str, str]]:
    found = check_fit(parsed(**values), find_profile(profile))
    return [(problem.field, problem.detail) for problem in found]


def request(tmp_tasks: TaskStore, **values: Any) -> JobRequest:
    parameters = parsed(**values)
    asked = asked_task(parameters, MINI, tmp_tasks)
    return job_request(CheckedRequest(JobKind.CERTIFY, parameters, asked, MINI), IMAGE, Settings(profile="mini"))


@pytest.fixture
def tasks(tmp_path: Any) -> TaskStore:
    return TaskStore(tmp_path)


def test_sets_when_they_are_in_order() -> None:
    """They are taken as they are, each with its labels cleaned."""
    assert parsed(label_sets=[["cat ", "dog"], ["a", "b"]]).label_sets == [["cat", "dog"], ["a", "b"]]
    assert misfits() == []


def test_sets_when_one_label_stands_in_several() -> None:
    """It may."""
    assert misfits(label_sets=[["cat", "dog"], ["cat", "ship"]]) == []


@pytest.mark.parametrize(
    ("label_sets", "field", "detail"),
    [
        ([["cat", "dog"]], "label_sets", "1 were given"),
        ([], "label_sets", "0 were given"),
        ([[f"{number}a", f"{number}b"] for number in range(MAX_LABEL_SETS + 1)], "label_sets", "65 were given"),
        ([["cat", "dog"], []], "label_sets.1", "0 were given"),
        ([["cat"], ["cat", "dog"]], "label_sets.0", "1 were given"),
        ([["cat", "dog"], ["Cat", "cat"]], "label_sets.1", "Some are the same"),
        ([["cat", "dog"], ["dog", "CAT"], ["a", "b"]], "label_sets", "Some have the same labels: 1 and 2"),
        ([["cat", "dog"], ["cat", "dog"]], "label_sets", "Keep one of each"),
        ("cat,dog", "label_sets", "list"),
        ([["cat", "dog"], "ship"], "label_sets.1", "list"),
        ([["cat", "dog"], [1, 2]], "label_sets.1.0", "string"),
    ],
)
def test_sets_that_are_refused(label_sets: object, field: str, detail: str) -> None:
    """The field is named, with the number of the set where it is one, and what is wrong."""
    found = refused(label_sets)
    assert found[0][0] == field
    assert detail in found[0][1]


def test_sets_when_they_have_many_times_the_labels_of_one() -> None:
    """64 sets of a thousand labels are refused by their number alone: none of the labels is read."""
    unreadable = ["\u200b" * 10_000] * 1000
    assert refused([unreadable] * 64) == [
        ("label_sets", f"They have 64000 labels: give at most {MAX_LABELS_IN_ALL} in all sets together.")
    ]


@pytest.mark.parametrize("beside", [{"labels": ["cat", "dog"]}, {"task": "pets"}])
def test_sets_beside_another_task(beside: dict[str, Any]) -> None:
    """One of them is to be given."""
    assert ("label_sets", "Give one of these: labels, a task or label sets.") in misfits(**beside)


@pytest.mark.parametrize("aim", [{"target_radius": 0.1}, {"tolerance": 0.1}])
def test_sets_with_an_aim(aim: dict[str, Any]) -> None:
    """All sets are looked at once, so that none may stop early."""
    ((field, detail),) = misfits(**aim)
    assert [field] == [*aim]
    assert "looked at once" in detail


@pytest.mark.parametrize("profile", ["oracle-linear", "imagenet-lite0-plain"])
def test_sets_when_the_classes_are_no_words(profile: str) -> None:
    """The refusal names the profile, what it takes and what to do."""
    fields = [field for field, _ in misfits(profile)]
    assert "label_sets" in fields
    assert any(profile in detail and "one label set at a time" in detail for _, detail in misfits(profile))


def test_sets_when_n_is_too_small_for_a_share_of_alpha() -> None:
    """What would do for one set does not for many; the refusal says what does."""
    sets = [[f"{number} a", f"{number} b"] for number in range(64)]
    assert misfits(label_sets=sets[:2], n=12, alpha=0.01) == []
    ((field, detail),) = misfits(label_sets=sets, n=12, alpha=0.01)
    assert (field, "at least" in detail) == ("n", True)


def test_sets_when_a_prompt_is_too_long(tasks: TaskStore) -> None:
    """The set is named by its number, and the label in it."""
    long = "ab " * 33
    ((field, detail),) = misfits(label_sets=[["cat", "dog"], ["ship", long]], template="word " * 30 + "{}")[-1:]
    assert field == "label_sets.1"
    assert "(2)" in detail


def test_request_when_it_has_sets(tasks: TaskStore) -> None:
    """It has them in order and no other labels, and each claim has its share of alpha."""
    found = request(tasks)
    assert (found.labels, found.label_sets) == ((), tuple(map(tuple, SETS)))
    assert (found.sizes, found.label_task.set_sizes) == ((2, 3), (2, 3))
    assert parsed().alpha_each == shared_alpha(0.001, 2)
    assert JobRequest.model_validate_json(found.model_dump_json()) == found


def test_question_when_a_set_or_its_place_differs(tasks: TaskStore) -> None:
    """Every one of them is another question, with noise of its own: sets, labels, their order, and where a set ends."""
    others: Sequence[list[list[str]]] = [
        SETS,
        SETS[::-1],
        [["dog", "cat"], SETS[1]],
        [["cat", "cow"], SETS[1]],
        [["cat", "dog", "animal"], ["vehicle", "plant"]],
        [*SETS, ["ship", "car"]],
    ]
    digests = {request(tasks, label_sets=sets).question.digest for sets in others}
    one = {"label_sets": None, "labels": [label for labels in SETS for label in labels]}
    assert len(digests) == len(others)
    assert request(tasks, **one).question.digest not in digests


def test_request_when_it_has_one_set(tasks: TaskStore) -> None:
    """Nothing in it tells that there could be more: what was asked before is the same request and the same question."""
    found = request(tasks, label_sets=None, labels=["cat", "dog"])
    assert "label_sets" not in found.model_dump()
    assert found.sizes == (2,)
