"""What a child process said last on its standard error, all of which is passed on."""

import sys
import threading
from contextlib import suppress
from typing import IO

ROUTINE = ("INFO:", '"level": "info"')
"""What marks a line of uvicorn's log, and of a worker's, that tells of no trouble."""
JOIN_SECONDS = 1.0


class LastWords:
    """Passes on one stream of a child; `text` is its last line that is not routine, else its last line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._line = self._routine_line = ""
        self._thread = threading.Thread(target=self._pass_on, name="last-words", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        return self._line or self._routine_line

    def join(self) -> None:
        """Wait until the ended child's last line is here; not for ever, should a child of its own hold the stream."""
        self._thread.join(JOIN_SECONDS)

    def _pass_on(self) -> None:
        with self._stream:
            for raw in self._stream:
                line = raw.decode(errors="replace")
                self._keep(line.strip())
                with suppress(OSError):  # Of a log on a full disk; the child would wait for ever for a reader.
                    sys.stderr.write(line)
                    sys.stderr.flush()

    def _keep(self, line: str) -> None:
        if any(mark in line for mark in ROUTINE):
            self._routine_line = line
        elif line:
            self._line = line
