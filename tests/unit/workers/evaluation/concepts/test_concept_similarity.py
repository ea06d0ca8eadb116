"""How similar an image is to concepts, with the bundled CLIP and denoiser."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters.images import canonicalise
from adapters.models.classifiers.clip import ZeroShotClassifier
from adapters.models.oracles import LinearOracle
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE, Task
from workers.evaluation.concepts import similarity
from workers.evaluation.concepts.similarity import Seer, View, seer_of, towers_of

pytestmark = pytest.mark.slow
SETTINGS = Settings(profile="mini", threads=1)
CONCEPTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHIP = sorted((Path(__file__).parents[4] / "data" / "cifar10" / "ship").iterdir())[0]


@pytest.fixture(scope="module")
def seer() -> Seer:
    return seer_of(SETTINGS, CONCEPTS, [DEFAULT_TEMPLATE])


@pytest.fixture(scope="module")
def ship() -> np.ndarray:
    return canonicalise(SHIP.read_bytes(), 32, served_profile(SETTINGS).preprocessing).tensor


@pytest.mark.parametrize("view", [View.PLAIN, View.DENOISED])
def test_picture_of_a_ship(seer: Seer, ship: np.ndarray, view: View) -> None:
    """It is most similar to a ship, plain and denoised; cosines are at most 1."""
    found = seer.cosines(ship, view, 0.25, 30)

    assert CONCEPTS[int(found.argmax())] == "ship"
    assert np.abs(found).max() <= 1


def test_similarity_when_it_is_asked_again(seer: Seer, ship: np.ndarray) -> None:
    """The noise is the picture's own, in batches of any size; another picture meets another."""
    smaller = replace(seer, batch_size=7)
    first, again = (one.cosines(ship, View.SMOOTHED, 0.25, 20) for one in (seer, smaller))

    assert again == pytest.approx(first, abs=1e-5)
    assert not np.allclose(seer.cosines(ship[:, ::-1].copy(), View.SMOOTHED, 0.25, 20), first)


def test_concepts_when_they_are_embedded_in_parts(seer: Seer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have the features that they have at once, and the cosines are the classifier's logits over its scale."""
    monkeypatch.setattr(similarity, "CHUNK", 3)
    parts = seer_of(SETTINGS, CONCEPTS, [DEFAULT_TEMPLATE])

    assert torch.allclose(parts.features, seer.features, atol=1e-6)
    assert parts.features.shape[0] == len(CONCEPTS)


def test_classifier_that_reads_no_texts() -> None:
    """It is refused, by its profile's name."""
    with pytest.raises(InvalidInputError, match="oracle-linear reads no texts"):
        towers_of(LinearOracle(torch.device("cpu")), "oracle-linear")
    with pytest.raises(InvalidInputError, match="imagenet-lite0-ffdnet reads no texts"):
        seer_of(Settings(profile="imagenet-lite0-ffdnet"), CONCEPTS, [DEFAULT_TEMPLATE])


def test_logits_of_the_classifier(seer: Seer, ship: np.ndarray) -> None:
    """The plain view is what the served classifier computes, without its scale."""
    from adapters.models.catalogue import load_models

    models = load_models(served_profile(SETTINGS), SETTINGS)
    classifier = models.classifier_for(Task(CONCEPTS))
    assert isinstance(classifier, ZeroShotClassifier)
    with torch.inference_mode():
        logits = classifier(torch.from_numpy(ship)[None])[0] / seer.scale

    assert seer.cosines(ship, View.PLAIN, 0.25, 1) == pytest.approx(logits.numpy(), abs=1e-5)
