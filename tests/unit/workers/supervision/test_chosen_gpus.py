"""`robustify up --gpus`: which GPUs are meant, what each worker sees, and what is refused. No GPU is needed."""

import pytest

from adapters.models.gpus import names_of
from adapters.profiles.library import served_profiles
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelError
from workers.supervision.gpus import chosen_gpus, environment_of_gpu
from workers.supervision.stack import worker_children

FOUR = ("0", "1", "2", "3")
UUIDS = ("GPU-8f1d", "MIG-3c5e")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("all", FOUR), ("1", ("0",)), ("4", FOUR), ("0,2", ("0", "2")), ("3, 1", ("3", "1")), ("2,", ("2",))],
)
def test_gpus_when_they_are_there(asked: str, expected: tuple[str, ...]) -> None:
    """All, so many from the first on, or those with these numbers, in the order in which they were given."""
    assert chosen_gpus(asked, FOUR) == expected


@pytest.mark.parametrize(("asked", "named"), [("5", "GPU 4"), ("9999", "GPU 4"), ("0,4", "GPU 4"), ("7,0", "GPU 7")])
def test_gpus_when_one_is_not_there(asked: str, named: str) -> None:
    """The first that is missing is named, with how many there are."""
    with pytest.raises(ModelError, match=f"no {named} here: there are 4, numbered from 0"):
        chosen_gpus(asked, FOUR)


@pytest.mark.parametrize("asked", ["all", "1", "0,1"])
def test_gpus_when_there_is_none(asked: str) -> None:
    """One line says so, whatever was asked for."""
    with pytest.raises(ModelError, match="no GPU here that CUDA can use"):
        chosen_gpus(asked, ())


@pytest.mark.parametrize(
    "asked", ["", "0", "-1", "1.5", "two", "ALL", "all,1", ",", ",1", "1,,2", "²", "1;rm", "0x1", "9" * 5000, "0-2"]
)
@pytest.mark.parametrize("there", [(), FOUR])
def test_gpus_when_what_is_asked_means_nothing(asked: str, there: tuple[str, ...]) -> None:
    """It is refused as bad usage, also where there is no GPU, and the line says what can be asked for."""
    with pytest.raises(InvalidInputError, match="say all, how many"):
        chosen_gpus(asked, there)


def test_gpus_when_one_is_named_twice() -> None:
    """Two workers on one GPU are not what one list means by accident."""
    with pytest.raises(InvalidInputError, match="names a GPU twice"):
        chosen_gpus("0,1,0", FOUR)


def test_names_when_the_environment_lists_gpus() -> None:
    """Children are given the parent's names, so that the first GPU of a share is not the first of the host."""
    assert names_of(None, 2) == ("0", "1")
    assert names_of("5, 7", 2) == ("5", "7")
    assert names_of(",".join(UUIDS), 2) == UUIDS
    assert names_of("3,-1,4", 1) == ("3",)
    assert names_of("", 0) == ()


def test_environment_when_numbers_could_mean_two_orders() -> None:
    """Without a word in the environment, numbers are those that nvidia-smi shows; a choice that was made stays."""
    assert environment_of_gpu("2", {}) == {"CUDA_VISIBLE_DEVICES": "2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    for chosen in ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, {"CUDA_VISIBLE_DEVICES": "2,3"}):
        assert environment_of_gpu("2", chosen) == {"CUDA_VISIBLE_DEVICES": "2"}


def test_workers_when_gpus_are_named() -> None:
    """Each profile has one worker on each GPU, which sees that one alone, and starts on it again."""
    profiles = served_profiles(Settings(profile="mini", further_profiles="oracle-linear"))
    children = worker_children(profiles, 1, {"ROBUSTIFY_DEVICE": "cuda"}, UUIDS)
    seen = [(child.environment["ROBUSTIFY_PROFILE"], child.environment["CUDA_VISIBLE_DEVICES"]) for child in children]

    assert seen == [(profile.name, gpu) for profile in profiles for gpu in UUIDS]
    assert [child.name for child in children] == [f"worker-{index}" for index in range(4)]
    assert {child.environment["ROBUSTIFY_DEVICE"] for child in children} == {"cuda"}
