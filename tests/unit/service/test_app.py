"""The application is put together from the environment, and without any model library."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.settings import Settings
from robustify.errors import InvalidInputError, QueueUnavailableError
from service.app import app_of

MODEL_LIBRARIES = {"torch", "torchvision", "diffusers", "transformers", "open_clip", "timm"}


def test_from_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment names the queue server and the state folder; nothing is connected or written yet."""
    monkeypatch.setenv("ROBUSTIFY_REDIS_URL", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path))
    app = app_of(Settings())
    assert app.state.service.settings.state_dir == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_no_queue_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a queue server the operator is told what to set."""
    monkeypatch.delenv("ROBUSTIFY_REDIS_URL", raising=False)
    with pytest.raises(QueueUnavailableError, match="ROBUSTIFY_REDIS_URL"):
        app_of(Settings())


def test_unknown_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist stops the start, and not the first request."""
    monkeypatch.setenv("ROBUSTIFY_REDIS_URL", "unix:///nowhere")
    monkeypatch.setenv("ROBUSTIFY_PROFILE", "maxi")
    with pytest.raises(InvalidInputError, match="maxi"):
        app_of(Settings())


@pytest.mark.slow
def test_light() -> None:
    """The front end runs where no model library is installed."""
    script = f"import sys, service.app; sys.exit(repr({MODEL_LIBRARIES} & set(sys.modules) or ''))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.stderr.strip() == "''"
