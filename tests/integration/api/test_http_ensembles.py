"""Prompt ensembles over HTTP, as forms and as JSON, for tasks and in batches."""

import base64
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LABELS = ["cat", "dog"]
NOW = {"Prefer": "respond-async"}
"""Nobody works here."""
TEMPLATES = ["a photo of a {}", "a drawing of a {}"]


def ask(api: "Api", picture: bytes, path: str, **fields: Any) -> dict[str, Any]:
    response = api.client.post(path, files={"image": picture}, data={"labels": LABELS, **fields}, headers=NOW)
    document: dict[str, Any] = response.json()
    return document


@pytest.mark.parametrize("path", ["/predict", "/certify"])
def test_form_with_several_templates(api: "Api", picture: bytes, path: str) -> None:
    """They are among the parameters of the job; the same as JSON is the same question."""
    first = ask(api, picture, path, templates=TEMPLATES)
    assert first["params"]["templates"] == TEMPLATES
    assert first["params"]["template"] == TEMPLATES[0]
    body = {"image": base64.b64encode(picture).decode(), "labels": LABELS, "templates": TEMPLATES}
    assert api.client.post(path, json=body, headers=NOW).json()["params"] == first["params"]


def test_form_with_one_template_in_the_list(api: "Api", picture: bytes) -> None:
    """It is the same question as with `template`, and nothing is said of ensembles."""
    one = ask(api, picture, "/predict", templates=["the {}"])
    assert "templates" not in one["params"]
    assert one["params"] == ask(api, picture, "/predict", template="the {}")["params"]


@pytest.mark.parametrize(
    "fields", [{"templates": ["a {}", "A {}"]}, {"templates": ["a photo"]}, {"templates": TEMPLATES, "template": "{}"}]
)
def test_templates_that_are_refused(api: "Api", picture: bytes, fields: dict[str, Any]) -> None:
    """The field is named."""
    found = ask(api, picture, "/predict", **fields)
    assert found["status"] == 422
    assert [error["field"] for error in found["errors"]] == ["templates"]


def test_batch_with_several_templates(api: "Api", picture: bytes) -> None:
    """Each of its images is asked with them."""
    answer = api.client.post(
        "/batches",
        files=[("images", picture)],
        data={"kind": "predict", "labels": LABELS, "templates": TEMPLATES},
        headers=NOW,
    )
    assert answer.status_code in (200, 202), answer.text


def test_task_with_several_templates(adapting_api: "Api") -> None:
    """They are among the parameters of the adaptation."""
    body = {"name": "pets", "labels": LABELS, "templates": TEMPLATES, "steps": 0}
    assert adapting_api.client.post("/adapt", json=body, headers=NOW).json()["params"]["templates"] == TEMPLATES
