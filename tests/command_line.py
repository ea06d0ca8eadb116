"""The command line in the process of a test, as its console script starts it."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rich.console import Console

from workers.commands import app, cli


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def failed(self) -> list[str]:
        """The checks that failed, of `verify --json`."""
        return [check["name"] for check in json.loads(self.stdout)["checks"] if not check["passed"]]


Command = Callable[..., Done]


def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `robustify` with arguments of any kind, told as it would print them."""
    monkeypatch.setattr(app, "messages", Console(stderr=True, width=200))

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["robustify", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run
