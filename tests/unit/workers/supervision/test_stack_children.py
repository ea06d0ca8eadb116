"""Which workers `robustify up` starts."""

import pytest

from adapters.profiles.library import served_profiles
from adapters.settings import Settings
from workers.supervision.stack import worker_children


def test_workers_when_several_profiles_are_served() -> None:
    """As many for each as were asked for, in the order of the profiles; a name that is given twice counts once."""
    settings = Settings(profile="mini", further_profiles="oracle-coin, mini,,oracle-linear")
    profiles = served_profiles(settings)
    assert [profile.name for profile in profiles] == ["mini", "oracle-coin", "oracle-linear"]
    children = worker_children(profiles, 2, {"ROBUSTIFY_PORT": "1"})
    assert [child.name for child in children] == [f"worker-{index}" for index in range(6)]
    assert [child.environment["ROBUSTIFY_PROFILE"] for child in children[::2]] == [
        "mini",
        "oracle-coin",
        "oracle-linear",
    ]
    assert {child.environment["ROBUSTIFY_PORT"] for child in children} == {"1"}


def test_threads_when_several_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its share and at least one, unless a setting says how many, or there is one worker alone."""
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    profiles = served_profiles(Settings(profile="mini"))

    def threads(workers: int, environment: dict[str, str]) -> set[str | None]:
        children = worker_children(profiles, workers, environment)
        return {child.environment.get("ROBUSTIFY_THREADS") for child in children}

    assert (threads(1, {}), threads(3, {}), threads(9, {})) == ({None}, {"2"}, {"1"})
    assert threads(3, {"ROBUSTIFY_THREADS": "4"}) == {"4"}
