"""Processes of the service that start in a fraction of a second, because they are forked from one that has its imports.

To import the libraries takes seconds, and the tests start hundreds of workers, and dozens of whole instances. Some
start theirs as they are shipped (see tests/forked_children.py).
"""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

from adapters.child_process import end_with

LIBRARIES = [
    "service.app",
    "workers.wiring",
    "workers.adaptation.runner",
    "adapters.models.denoisers.diffusion",
    "adapters.models.classifiers.clip",
]
"""What a process of the service imports, those with the bundled models included."""


@dataclass(frozen=True)
class Fork:
    """A process that was forked, with what tests ask of a `subprocess.Popen`."""

    process: BaseProcess

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        self.process.join(seconds)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.process.name, seconds or 0)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()


@cache
def forks() -> ForkServerContext:
    """What forks: loaded once."""
    context = get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context


def start(function: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that calls `begin` and the function, which is found by its name."""
    process = forks().Process(target=begun, args=(function, *arguments), daemon=True)
    process.start()
    return process


def begun(function: Callable[..., None], *arguments: object) -> None:
    begin()
    function(*arguments)


def end(process: BaseProcess) -> None:
    """At once, also if it was stopped."""
    if process.is_alive() and process.pid is not None:
        with suppress(ProcessLookupError):  # It may die by itself now, and the server of forks has buried it.
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
    process.join()


def begin() -> None:
    """What every such process does first: it is to end with the server of forks, and a Ctrl-C is for others."""
    end_with(os.getppid())
    let_go_of_the_forks()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def let_go_of_the_forks() -> None:
    """Each child holds an end of the pipe by which the server of forks sees that it is needed: it would never end."""
    descriptor = getattr(vars(forkserver)["_forkserver"], "_forkserver_alive_fd", None)
    if descriptor is not None:
        os.close(descriptor)
