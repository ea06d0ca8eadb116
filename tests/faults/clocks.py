"""Clocks that jump, for some processes alone: libfaketime, which reads the time from a file."""

import os
from collections.abc import Mapping
from pathlib import Path

import libfaketime

from adapters.queue.server import EmbeddedServer

LIBRARY = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"


class Clock:
    """What some processes take for the time: so many seconds more than it is."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.jump(0)

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a process that has this clock. What measures durations goes on: a jump does not touch it."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        """To so many seconds from the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self._file)


class ClockedServer(EmbeddedServer):
    """A queue server with a clock of its own."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        super().__init__(state_dir)
        self._clock = clock

    def _command(self) -> list[str]:
        return ["env", *(f"{name}={value}" for name, value in self._clock.environment.items()), *super()._command()]
