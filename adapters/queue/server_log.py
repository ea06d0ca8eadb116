"""What the embedded queue server says: a file of bounded size, and the last lines in memory, as a disk may be full."""

import os
import re
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO

LINES = 200
MOST_BYTES = 1 << 20
JOIN_SECONDS = 1.0
LINE = re.compile(r"\d+:\w \d+ \w+ \d+ [\d:.]+ (?:(?P<mark>#)|[.*-])(?P<text>.*)")
"""`#` marks a warning; a line of another form is one too."""
ROUTINE = ("WARNING Memory overcommit", "WARNING overcommit_memory", "[offset", "***")


class ServerLog:
    """Passes on one stream of the server; a file over MOST_BYTES makes way for a new one, and is kept once."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._lines: deque[str] = deque(maxlen=LINES)
        self._thread = threading.Thread(target=self._pass_on, name="server-log", daemon=True)
        self._thread.start()

    @property
    def warnings(self) -> list[str]:
        """The last lines that tell of trouble, without their dates."""
        lines = [(line, LINE.fullmatch(line)) for line in list(self._lines)]
        texts = [
            line if found is None else found["text"].strip() for line, found in lines if found is None or found["mark"]
        ]
        return [text for text in texts if text and not text.startswith(ROUTINE)]

    def join(self) -> None:
        """Wait for the ended server's last line; not for ever, should a child of its own hold the stream."""
        self._thread.join(JOIN_SECONDS)

    def _pass_on(self) -> None:
        with self._stream:
            for raw in self._stream:
                self._lines.append(raw.decode(errors="replace").strip())
                with suppress(OSError):  # A full disk must not stop the server, which waits for who reads this.
                    self._write(raw)

    def _write(self, line: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size > MOST_BYTES:
            os.replace(self._path, self._path.with_name(f"{self._path.name}.1"))
        with self._path.open("ab") as file:
            file.write(line)
