"""The command lines that the documents show: each is known to `robustify`, and those of the README are run."""

import re
import shlex
from pathlib import Path

import pytest

from tests.command_line import Command

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^ *```(?:sh)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^ *(?:\.venv/bin/|docker compose exec worker |.* -- )?robustify (?=[a-z])(.*)$", re.MULTILINE)
NOT_RUN = {
    "models pull": "it needs a network",
    "imagenet-lite0-ffdnet": "its models come with packages that need not be there; test_off_the_shelf.py runs it",
}
"""Of the README. What other documents name (data sets, models, clusters) is not here; other tests are about those."""


def shown(path: Path) -> list[str]:
    """The arguments of all commands in a document's blocks."""
    blocks = "\n".join(BLOCK.findall(path.read_text(encoding="utf-8"))).replace("\\\n", " ")
    return LINE.findall(blocks)


def test_command_when_a_document_shows_it(command: Command) -> None:
    """There is such a command, and it has such options."""
    commands = [(path.name, line) for path in DOCUMENTS for line in shown(path)]
    assert len(commands) > 50
    for name, line in commands:
        done = command(*shlex.split(line, comments=True), "--help")
        assert done.returncode == 0, (name, line, done.stderr)


def test_command_when_it_is_none(command: Command) -> None:
    """The test above would see it."""
    for line in ("predict IMAGE --misspelt 3", "predicts IMAGE", "tasks brew pets"):
        assert command(*shlex.split(line), "--help").returncode == 2, line


def test_readme_when_its_commands_are_run(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other they end well, with fewer samples than are shown."""
    (tmp_path / "adapters").symlink_to(ROOT / "adapters")
    monkeypatch.chdir(tmp_path)
    lines = [line for line in shown(ROOT / "README.md") if not any(part in line for part in NOT_RUN)]
    assert len(lines) >= 6
    for line in lines:
        done = command(*shlex.split(hastened(line)))
        assert done.returncode == 0, (line, done.stderr)


def hastened(line: str) -> str:
    """A certificate takes 10,000 samples, and some minutes of a busy machine."""
    line = line.replace(" --n 10000", "")
    return f"{line} --n 250" if line.startswith("certify") else line
