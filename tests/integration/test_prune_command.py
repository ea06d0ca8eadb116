"""`robustify prune` on a real state folder and a real queue server: what goes, what stays, and when it refuses."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from adapters.contract.access import KEYLESS
from adapters.contract.jobs import AdaptRequest, JobRequest
from adapters.contract.records import JobKind
from adapters.queue.board import JobBoard
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.outcomes import OutcomeStore
from adapters.store.tasks import TaskStore
from robustify.types import Task
from tests.command_line import Command, command_line
from workers.pruning import What

MakeRequest = Callable[..., JobRequest]
KEPT, GONE, ASKED_FOR = "1a" * 32, "2b" * 32, "3c" * 32
LONG_AGO = time.time() - 40 * 86400


@pytest.fixture
def settings(queue_settings: Settings) -> Settings:
    """Of a state folder with something of each kind that is to go, and something that is to stay."""
    state = queue_settings.state
    for digest in (KEPT, GONE, ASKED_FOR):
        old_file(state.adaptations / digest / "lora.safetensors")
    TaskStore.of("ann", state.tasks).publish("pets", Task(("cat", "dog")), "a job", 0.0, KEPT, "models")
    old_file(state.adapting / "0123456789abcdef" / "checkpoint")
    (state.adapting / "under way").mkdir()
    outcomes = OutcomeStore(state.outcomes)
    for image in (GONE, KEPT):
        outcomes.keep(KEYLESS, image, GONE, "{}")
    (old,) = (state.outcomes / GONE[:2] / GONE).iterdir()
    os.utime(old, (LONG_AGO, LONG_AGO))
    old_file(state.previews / "keyless" / f"job.{GONE}" / "noisy.png")
    old_file(state.prompts / f"{GONE}.safetensors")
    old_file(state.images / "2b" / ".partial-x")
    old_file(state.models / ".partial-deepfloyd" / "weights")
    return queue_settings


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("ROBUSTIFY_REDIS_URL", str(settings.redis_url))
    return command_line(monkeypatch, capsys)


@pytest.fixture
def images(board: JobBoard, make_request: MakeRequest, settings: Settings) -> tuple[str, str]:
    """One that a job needs, which answers with an adaptation of no task; and one that nobody knows."""
    requests = [make_request(np.full((3, 32, 32), value, dtype=np.float32)) for value in (0.1, 0.2)]
    board.submit(requests[0].model_copy(update={"adaptation": ASKED_FOR}), 500)
    for request in requests:
        sha256 = request.image.sha256
        os.utime(settings.state.images / sha256[:2] / sha256, (LONG_AGO, LONG_AGO))
    return requests[0].image.sha256, requests[1].image.sha256


def old_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    for part in (path, path.parent):
        os.utime(part, (LONG_AGO, LONG_AGO))


def files(settings: Settings) -> set[str]:
    paths = settings.state_dir.rglob("*")
    return {
        path.relative_to(settings.state_dir).as_posix() for path in paths if path.is_file() and path.name != ".lock"
    }


def pruned(command: Command, *arguments: str) -> dict[str, Any]:
    done = command("prune", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_prune_when_it_is_a_dry_run(
    command: Command, settings: Settings, images: tuple[str, str], connection: redis.Redis
) -> None:
    """It names everything that would go, with its bytes, and touches nothing."""
    connection.set(f"robustify:outcome:{GONE}", "{}")
    before = files(settings)
    found = pruned(command, "--dry-run")
    assert found["dry_run"]
    names = {item["name"]: item["what"] for item in found["items"]}
    assert names == {
        f"adaptations/{GONE}": What.ADAPTATION,
        "adapting/0123456789abcdef": What.WORK,
        f"images/{images[1][:2]}/{images[1]}": What.IMAGE,
        f"outcomes/2b/{GONE}/{GONE}.json": What.OUTCOME,
        f"previews/keyless/job.{GONE}/noisy.png": What.PREVIEW,
        f"prompts/{GONE}.safetensors": What.PROMPT,
        "images/2b/.partial-x": What.LEFT_OVER,
        f"robustify:outcome:{GONE}": What.EARLIER_KEY,
    }
    assert all(item["bytes"] > 0 for item in found["items"])
    assert found["bytes"] == sum(item["bytes"] for item in found["items"])
    assert files(settings) == before
    assert connection.exists(f"robustify:outcome:{GONE}")


def test_prune_when_it_is_done(
    command: Command, settings: Settings, images: tuple[str, str], connection: redis.Redis
) -> None:
    """It removes just that, so that a second time there is nothing."""
    connection.sadd(f"robustify:questions:{GONE}", "a question")
    would = pruned(command, "--dry-run")
    before = files(settings)
    done = pruned(command)
    assert (done["items"], done["bytes"], done["dry_run"]) == (would["items"], would["bytes"], False)
    assert pruned(command)["items"] == []
    assert not connection.exists(f"robustify:questions:{GONE}")
    gone = before - files(settings)
    assert len(gone) == 7
    kept = files(settings)
    assert {f"adaptations/{digest}/lora.safetensors" for digest in (KEPT, ASKED_FOR)} <= kept
    assert f"images/{images[0][:2]}/{images[0]}" in kept
    assert "models/.partial-deepfloyd/weights" in kept
    people = command("prune")
    assert people.stdout == "0 things of 0 bytes removed\n"


def test_prune_when_something_is_adapted(
    command: Command, settings: Settings, board: JobBoard, make_adaptation: Callable[[], AdaptRequest]
) -> None:
    """No adaptation goes: the one that is under way may be about to publish any of them."""
    board.admit_adaptation(make_adaptation(), 10)
    assert What.ADAPTATION not in [item["what"] for item in pruned(command, "--dry-run")["items"]]


@pytest.fixture
def make_adaptation(settings: Settings) -> Callable[[], AdaptRequest]:
    def make() -> AdaptRequest:
        fields = dict.fromkeys(AdaptRequest.model_fields, 1) | {
            "kind": JobKind.ADAPT, "owner": KEYLESS, "name": "pets", "labels": ("cat", "dog"), "template": "{}",
            "templates": (), "publish": "always", "profile": "mini", "engine": "0" * 64, "models": "0" * 64,
        }  # fmt: skip
        return AdaptRequest.model_validate(fields)

    return make


def test_prune_when_the_queue_server_is_away(
    command: Command, settings: Settings, images: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses, and says what to do; when it is told that nothing runs, it leaves what only the server knows of."""
    monkeypatch.setenv("ROBUSTIFY_REDIS_URL", f"unix://{settings.state_dir}/nowhere")
    before = files(settings)
    refused = command("prune")
    assert (refused.returncode, files(settings)) == (1, before)
    assert "--offline" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    found = {item["what"] for item in pruned(command, "--offline")["items"]}
    assert found == {What.ADAPTATION, What.WORK, What.OUTCOME, What.PREVIEW, What.PROMPT, What.LEFT_OVER}


def test_prune_when_the_stack_runs_all_the_same(
    settings: Settings, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not believe that nothing runs on the folder; it finds the server of the stack by itself."""
    monkeypatch.delenv("ROBUSTIFY_REDIS_URL")
    with EmbeddedServer(settings.state_dir):
        refused = command("prune", "--offline")
        assert (refused.returncode, "in use" in refused.stderr) == (1, True)
        assert pruned(command, "--dry-run")["items"]
    assert pruned(command, "--offline")["items"]
    with EmbeddedServer(settings.state_dir) as again:  # The lock is free.
        assert again.is_running
