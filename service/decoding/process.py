"""A decoder as the service has it: a child process that is asked in a thread, and that may be ended meanwhile."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping

from service.decoding.messages import ANSWERS, MAX_TENSOR_BYTES, Asked, Decoded, Failed, Refused, receive, send

INHERITED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TZ")
"""What of the environment a decoder gets: nothing that may be a secret."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class DecoderEndedError(Exception):
    """It ended before it answered; `returncode` is that of its process, negative for a signal."""

    def __init__(self, returncode: int) -> None:
        super().__init__(f"a decoder ended with {returncode}")
        self.returncode = returncode


class Decoder:
    """Starts at once, and is ready some tenths of a second later. It dies with the thread that makes it."""

    def __init__(self) -> None:
        self._talking = threading.Lock()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # Without the working folder, in which other modules of such names may lie, on the path of modules.
                [sys.executable, "-P", "-m", "service.decoding.child", str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=environment(os.environ),
                # Ctrl-C is for the service, which ends its decoders itself.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, asked: Asked, data: bytes) -> tuple[Decoded | Refused | Failed, bytes]:
        """Its answer, for which this thread waits. Raises DecoderEndedError."""
        with self._talking:
            try:
                send(self._channel, asked, data)
                header, body = receive(self._channel, MAX_TENSOR_BYTES)
                return ANSWERS.validate_json(header), body
            except (OSError, EOFError, ValueError):  # The last where it says what no decoder says.
                raise DecoderEndedError(self._ended()) from None

    def end(self) -> None:
        """Ends it, also while another thread waits for its answer, and returns when nothing is left of it."""
        self._process.kill()
        with self._talking:
            self._ended()

    def _ended(self) -> int:
        self._channel.close()
        self._process.kill()
        returncode: int = self._process.wait()
        return returncode


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """What of this process's environment a decoder gets."""
    return {name: own[name] for name in INHERITED if name in own} | ONE_THREAD
