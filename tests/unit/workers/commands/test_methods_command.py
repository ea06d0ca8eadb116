"""`robustify methods`."""

import json
from pathlib import Path

import pytest

from adapters.embedded.recipe.baselines.builds import BASELINES
from adapters.embedded.recipe.baselines.export import CLASS_NAMES, export
from adapters.embedded.recipe.baselines.kept import trained_weights
from adapters.models.classifiers.resnet20 import ResNet20
from adapters.models.training.checkpoints import Checkpoint
from adapters.settings import StateFolder
from tests.command_line import Command, command_line


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line with a state folder of the test's own."""
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path))
    return command_line(monkeypatch, capsys)


def test_list_when_a_baseline_has_been_built(command: Command, tmp_path: Path) -> None:
    """The built one is ready, another is not, and each says how it is had."""
    standard = next(baseline for baseline in BASELINES if baseline.profile == "mini-resnet20")
    network = ResNet20(len(CLASS_NAMES))
    Checkpoint(tmp_path / "work" / "resnet20" / "training.safetensors").save(1, {"average": network.state_dict()})
    export(standard, trained_weights(tmp_path / "work"), StateFolder(tmp_path))
    listed = {method["name"]: method for method in json.loads(command("methods", "--json").stdout)["methods"]}

    assert listed["standard"]["ready"]
    assert listed["clip"]["ready"]
    assert listed["clip"]["recipe"] is None
    assert not listed["cohen"]["ready"]
    assert listed["cohen"]["profiles"] == ["mini-cohen-0.25", "mini-cohen-0.5"]
    assert len(listed["cohen"]["lacking"]) == 2


def test_list_when_people_read_it(command: Command) -> None:
    """Every method has a row, and what is not ready the command that makes it."""
    done = command("methods", "--sigma", "0.5")
    assert done.returncode == 0
    assert "carlini-resnet" in done.stdout
    assert "tecoa: python -m adapters.embedded.recipe.baselines install --only mini-tecoa" in done.stdout
    assert "clip: " not in done.stdout
