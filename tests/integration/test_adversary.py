"""`robustify selftest --adversary` against a whole service of its own, and `--operator` with all keys in hand."""

import json

import pytest

from tests.command_line import Command
from workers.evaluation.adversary.report import ClientName


@pytest.mark.usefixtures("forked_workers")
def test_adversary_when_the_service_is_sound(command: Command) -> None:
    """Every client plays, none attains more than the ledger allows, and every question is charged once."""
    done = command("selftest", "--adversary", "--looks", 40, "--json")
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stdout + done.stderr
    assert report["passed"]
    assert [client["client"] for client in report["clients"]] == list(ClientName)
    assert all(client["issued"] == client["questions"] for client in report["clients"])
    assert all(client["answers"] >= 40 // 10 for client in report["clients"])


def test_adversary_when_its_options_come_alone(command: Command) -> None:
    """What only the adversary understands is refused without it."""
    done = command("selftest", "--looks", 40)

    assert done.returncode == 2
    assert "--adversary" in done.stderr


def test_operator_when_other_noise_is_tried(command: Command) -> None:
    """No other proof of the question passes, of whatever kind, and nothing but the noise refuses it."""
    done = command("selftest", "--operator", "--tries", 200, "--json")
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (report["accepted"], report["seeds"], report["other_failures"], report["passed"]) == (0, 1, 0, True)
    assert sorted(report["tried"].values()) == [40] * 5


def test_operator_when_options_are_the_adversarys(command: Command) -> None:
    """They exclude each other."""
    for options in (("--operator", "--adversary"), ("--operator", "--looks", 5), ("--tries", 5)):
        done = command("selftest", *options)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
