"""A profile whose classifier knows the classes of ImageNet and no others; no model is loaded to say so."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from adapters.profiles.library import find_profile
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api


@pytest.fixture
def api(start_api: Callable[..., "Api"], api_queue: EmbeddedServer, tmp_path: Path) -> "Api":
    """No worker lives."""
    return start_api(Settings(profile="imagenet-lite0-plain", state_dir=tmp_path, redis_url=api_queue.url))


def test_predict_when_a_label_is_no_class(api: "Api", picture: bytes) -> None:
    """422 at once, with the label and a class of a similar name."""
    answer = api.client.post(
        "/predict", files={"image": picture}, data={"labels": ["tench", "goldfisch"]}, headers={"Prefer": "wait=0"}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "labels"
    assert "'goldfisch' (2). Similar to 'goldfisch': goldfish" in answer.json()["detail"]


def test_predict_when_no_labels_are_given(api: "Api", picture: bytes) -> None:
    """The job is about all classes, in the order of the profile."""
    answer = api.client.post("/predict", files={"image": picture}, headers={"Prefer": "wait=0"})
    assert answer.status_code == 202
    assert tuple(answer.json()["params"]["labels"]) == find_profile("imagenet-lite0-plain").class_names


def test_models_when_one_with_fixed_classes_is_served(api: "Api") -> None:
    """Its class names are told; and of the others, whether they are here and under which licence."""
    models = {model["name"]: model for model in api.client.get("/models").json()["models"]}
    assert len(models["imagenet-lite0-plain"]["class_names"]) == 1000
    assert models["mini"]["class_names"] is None
    assert (models["mini"]["available"], models["deepfloyd"]["available"]) == (True, False)
    assert "neither commercial nor production use" in models["deepfloyd"]["licence"]
    assert "oracle-coin" not in models


def test_adapt_when_the_classes_are_fixed(api: "Api") -> None:
    """Refused: there is nothing that could learn other labels."""
    answer = api.client.post("/adapt", json={"name": "pets", "labels": ["tench", "goldfish"]})
    assert answer.status_code == 422
    assert "does not read labels" in answer.json()["detail"]
