"""The API and the workers of a whole instance, forked: they start in a fraction of a second (see tests/forks.py)."""

import atexit
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast
from unittest.mock import patch

from tests.forks import Fork, forks, start
from workers.supervision.last_words import LastWords
from workers.supervision.processes import Child

STANDARD_ERROR = 2
Program = Callable[[str, Mapping[str, str], Connection], None]
"""Runs a module in an environment, with a standard error."""


@contextmanager
def forked_children(program: Program | None = None) -> Iterator[None]:
    """What a supervisor starts in the block runs the program of its command in a fork; all else is as it is shipped.

    `up`, `demo` and one of the selftests start theirs as they are shipped, and so do tests/integration/test_stack.py
    and one test of the worker's faults.
    """
    with patch.object(Child, "start", lambda child: start_forked(child, program or run_program)):
        yield


def start_forked(child: Child, program: Program) -> None:
    """In place of `Child.start`."""
    option, module = child.command
    assert option == "-m", child.command
    child.started_at, child.restarts_at = time.monotonic(), None
    words, said = forks().Pipe(duplex=False)
    with said:
        process = Fork(start(program, module, {**os.environ, **child.environment}, said))
    child.process = cast("subprocess.Popen[bytes]", process)
    child.last_words = LastWords(os.fdopen(os.dup(words.fileno()), "rb"))
    words.close()


def run_program(module: str, environment: Mapping[str, str], said: Connection) -> None:
    """As `python -m` does, with another environment and standard error."""
    os.dup2(said.fileno(), STANDARD_ERROR)
    said.close()
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # A process that was forked ends without what is to be done at the end of one that was started.
        atexit._run_exitfuncs()


def run_with_little_evidence(module: str, environment: Mapping[str, str], said: Connection) -> None:
    """The same, with adaptations that are judged by few samples."""
    from tests.integration.little_evidence_worker import little_evidence  # It loads torch.

    with little_evidence():
        run_program(module, environment, said)
