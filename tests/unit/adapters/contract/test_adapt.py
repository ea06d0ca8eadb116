"""The parameters of an adaptation: names that can stand in an address, bounds, and the profile's defaults."""

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.contract.labels import case_folded
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.types import DEFAULT_TEMPLATE

MINI = find_profile("mini")


def parameters(**values: Any) -> AdaptParameters:
    return AdaptParameters.model_validate({"name": "pets", "labels": ["cat", "dog"], **values}, strict=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pets", "pets"),
        ("  my   pets \t", "my pets"),
        ("my\u00a0pets", "my pets"),
        ("v1.2_final-(b), 'x' & y+z", "v1.2_final-(b), 'x' & y+z"),
        ("猫と犬", "猫と犬"),
        ("Cafe\u0301", "Café"),
        ("हिन्दी", "हिन्दी"),
        ("7", "7"),
        ("x" * 100, "x" * 100),
    ],
)
def test_name_that_can_stand_in_an_address(name: str, expected: str) -> None:
    """Letters and digits of any script, and few marks; in NFC, with single spaces."""
    assert parameters(name=name).name == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a/b",
        "a\\b",
        "..",
        ".hidden",
        "-x",
        "pets 🐈",
        "❤\ufe0f",
        "pets@2",
        "50%",
        "a?b",
        "a#b",
        "a:b",
        "a{}",
        "<b>",
        "a\nb",
        "a\x00b",
        "a\x7fb",
        "a\u200db",
        "a\u202eb",
        "a\u2028b",
        "\ue000",
        "\u0301a",
        "x" * 101,
        "x" * 99 + "  ",
        "\ufb2c" * 50,
    ],
)
def test_name_that_cannot(name: str) -> None:
    """No slash, no emoji, nothing invisible, and neither empty nor too long, as it came or cleaned."""
    with pytest.raises(ValidationError) as caught:
        parameters(name=name)
    assert [error["loc"] for error in caught.value.errors()] == [("name",)]
    assert caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "pair", [("Pets", "pets"), ("ｐｅｔｓ", "pets"), ("my  pets", "my pets"), ("STRASSE", "straße")]
)
def test_names_that_a_person_reads_as_one(pair: tuple[str, str]) -> None:
    """They stand for the same task."""
    first, second = (case_folded(parameters(name=name).name) for name in pair)

    assert first == second


@pytest.mark.parametrize(
    "values",
    [
        {"labels": []},
        {"labels": ["cat"]},
        {"labels": [f"label {number}" for number in range(1001)]},
        {"labels": ["cat", "CAT"]},
        {"template": "a photo"},
        {"template": "{} and {}"},
        {"steps": -1},
        {"steps": 10_001},
        {"steps": 1.5},
        {"steps": True},
        {"fine_tuning_steps": -1},
        {"shots": 0},
        {"shots": 17},
        {"held_back": 0},
        {"seed": -1},
        {"seed": 2**31},
        {"batch_size": 0},
        {"batch_size": 1025},
        {"rank": 0},
        {"learning_rate": 0.0},
        {"learning_rate": -1e-4},
        {"learning_rate": 0.2},
        {"learning_rate": math.nan},
        {"learning_rate": math.inf},
        {"fine_tuning_learning_rate": math.nan},
        {"fine_tuning_mix": 0.0},
        {"fine_tuning_mix": 1.1},
        {"fine_tuning_mix": math.nan},
        {"guidance_weight": math.nan},
        {"guidance_weight": -0.01},
        {"guidance_weight": math.inf},
        {"publish": "never"},
        {"image": "x"},
    ],
)
def test_value_that_breaks_a_rule(values: dict[str, Any]) -> None:
    """Refused, at the field that it is about."""
    with pytest.raises(ValidationError) as caught:
        parameters(**values)
    assert {error["loc"][0] for error in caught.value.errors()} == set(values)


def test_request_when_nothing_is_asked_for() -> None:
    """The profile's defaults, the default template, seed 0, and published if it is no worse."""
    settings = Settings()
    request, defaults = adapt_request(parameters(), MINI, settings), MINI.adaptation

    assert (request.name, request.labels, request.template) == ("pets", ("cat", "dog"), DEFAULT_TEMPLATE)
    assert (request.shots, request.held_back, request.seed) == (defaults.shots, defaults.held_back, 0)
    assert (request.steps, request.batch_size, request.rank) == (defaults.steps, defaults.batch_size, defaults.rank)
    assert (request.learning_rate, request.guidance_weight) == (defaults.learning_rate, defaults.guidance_weight)
    assert request.fine_tuning_steps == defaults.fine_tuning_steps
    assert request.fine_tuning_batch_size == defaults.fine_tuning_batch_size
    assert request.fine_tuning_learning_rate == defaults.fine_tuning_learning_rate
    assert request.fine_tuning_mix == defaults.fine_tuning_mix
    assert request.publish == "if-no-worse"
    assert (request.profile, request.models) == ("mini", MINI.model_digest)
    assert request.engine == engine_digest(MINI, settings)
    assert request.adapts


@pytest.mark.parametrize(
    ("values", "rate"),
    [
        ({"shots": 1}, MINI.adaptation.one_shot_fine_tuning_learning_rate),
        ({"shots": 2}, MINI.adaptation.fine_tuning_learning_rate),
        ({"shots": 1, "fine_tuning_learning_rate": 1e-5}, 1e-5),
    ],
)
def test_rate_of_fine_tuning_by_shots(values: dict[str, Any], rate: float) -> None:
    """One image of each name has a rate of its own, unless the request gives one."""
    assert adapt_request(parameters(**values), MINI, Settings()).fine_tuning_learning_rate == rate


def test_rate_of_fine_tuning_when_a_profile_has_one_for_any_number_of_shots() -> None:
    """The paper's: so it is, also for one image."""
    profile = find_profile("deepfloyd")
    request = adapt_request(parameters(shots=1), profile, Settings(profile="deepfloyd"))

    assert request.fine_tuning_learning_rate == profile.adaptation.fine_tuning_learning_rate == 5e-7


def test_request_when_all_is_asked_for() -> None:
    """What is given is taken, zero and the least included."""
    values = {
        "template": "a {}",
        "shots": 2,
        "held_back": 3,
        "seed": 9,
        "steps": 5,
        "batch_size": 1,
        "learning_rate": 1e-6,
        "guidance_weight": 0.0,
        "rank": 2,
        "fine_tuning_steps": 0,
        "fine_tuning_batch_size": 7,
        "fine_tuning_learning_rate": 2e-6,
        "fine_tuning_mix": 0.5,
        "publish": "always",
    }
    request = adapt_request(parameters(**values), MINI, Settings())

    assert {name: getattr(request, name) for name in values} == values


@pytest.mark.parametrize(
    ("values", "steps", "fine_tuning_steps"),
    [
        ({"steps": 0}, 0, 0),
        ({"steps": 0, "fine_tuning_steps": 5}, 0, 5),
        ({"fine_tuning_steps": 0}, MINI.adaptation.steps, 0),
        ({"steps": 7}, 7, MINI.adaptation.fine_tuning_steps),
    ],
)
def test_request_without_steps(values: dict[str, int], steps: int, fine_tuning_steps: int) -> None:
    """No steps: the labels are registered and nothing is adapted, unless fine-tuning is asked for."""
    request = adapt_request(parameters(**values), MINI, Settings())

    assert (request.steps, request.fine_tuning_steps) == (steps, fine_tuning_steps)
    assert request.adapts is (steps + fine_tuning_steps > 0)


def test_request_when_the_settings_decide_f(tmp_path: Path) -> None:
    """Its engine is that of the workers with these settings."""
    engines = {adapt_request(parameters(), MINI, Settings(k=k, state_dir=tmp_path)).engine for k in (None, 1.0, 1.5)}

    assert len(engines) == 3


def test_name_that_looks_like_an_id() -> None:
    """It would hide the task of that id, so it is refused, in capitals too; one letter more or less is a name."""
    for name in ("0123456789abcdef", "0123456789ABCDEF"):
        with pytest.raises(ValidationError, match="look like an id"):
            parameters(name=name)
    assert parameters(name="0123456789abcde").name == "0123456789abcde"
