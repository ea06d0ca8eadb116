"""`robustify keys`, as an operator types it, and what a service without keys says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import Command

ROBUSTIFY = Path(sys.executable).with_name("robustify")


def run(state: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as an operator does; that takes seconds."""
    variables = {**os.environ, "ROBUSTIFY_STATE_DIR": str(state), "COLUMNS": "200", **environment}
    return subprocess.run([ROBUSTIFY, *arguments], env=variables, capture_output=True, text=True, check=False)


def test_key_when_it_is_made_rotated_and_revoked(command: Command, tmp_path: Path) -> None:
    """Its text is printed when it is made and when it is rotated, and never again; the list shows what became of it."""
    limits = ("--samples-per-day", "1000", "--requests-per-minute", "30", "--queued-jobs", "2", "--stored-bytes", "99")
    scopes, profiles = ("--scope", "certify", "--scope", "read"), ("--profile", "mini", "--profile", "oracle-coin")
    options = (*scopes, *limits, "--days", "3", *profiles, "--json")
    made = run(tmp_path / "state", "keys", "create", "Ada [x]", *options)
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)
    assert key["key"].startswith(f"rk_{key['id']}_")
    assert key["scopes"] == ["certify", "read"]
    assert key["profiles"] == ["mini", "oracle-coin"]
    assert key["allowance"] == {
        "samples_per_day": 1000, "requests_per_minute": 30, "queued_jobs": 2, "stored_bytes": 99,
    }  # fmt: skip

    rotated = command("keys", "rotate", key["id"], "--grace-hours", "0.5")
    assert f"rk_{key['id']}_" in rotated.stdout
    assert key["key"] not in rotated.stdout
    assert "is revoked" in command("keys", "revoke", key["id"]).stdout

    listed = run(tmp_path / "state", "keys", "list")
    assert all(word in listed.stdout for word in (key["id"], "Ada [x]", "revoked", "samples_per_day 1000"))
    assert "rk_" not in listed.stdout
    document = json.loads(command("keys", "list", "--json").stdout)
    assert [(found["id"], found["state"]) for found in document["keys"]] == [(key["id"], "revoked")]


def test_key_when_it_is_for_a_profile_that_there_is_not(command: Command, tmp_path: Path) -> None:
    """It is not made: it would open nothing."""
    ended = command("keys", "create", "Ada", "--profile", "minni")
    assert (ended.returncode, "unknown profile 'minni'" in ended.stderr) == (2, True)
    assert not list(tmp_path.rglob("api_keys*"))


def test_key_when_there_is_none_of_that_id(command: Command) -> None:
    """The operator is told how to find it."""
    ended = command("keys", "revoke", "nobody")
    assert (ended.returncode, "robustify keys list" in ended.stderr) == (2, True)


@pytest.mark.parametrize("service", ["up", "api"])
def test_service_when_others_reach_it_and_there_is_no_key(tmp_path: Path, service: str) -> None:
    """It does not start, and says in one sentence what to do."""
    ended = run(tmp_path, service, "--host", "0.0.0.0", ROBUSTIFY_REDIS_URL="unix:///nowhere")
    assert ended.returncode == 1
    assert "robustify keys create NAME" in ended.stderr
    assert "ROBUSTIFY_KEYLESS=anybody" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
