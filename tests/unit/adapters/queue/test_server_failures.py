"""Why the queue server ended, as an operator reads it."""

import re
import signal

import pytest

from adapters.queue.server_failures import is_about_the_file, reason_of_end

DAMAGED = (
    "Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file, then use "
    "./valkey-check-aof --fix <filename.manifest>"
)
CUT = (
    "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof. You can: 1) Make a backup of your "
    "AOF file, then use ./valkey-check-aof --fix <filename.manifest>. 2) Alternatively you can set the "
    "'aof-load-truncated' configuration option to yes and restart the server."
)


@pytest.mark.parametrize(
    ("warning", "told"),
    [
        ("Write error writing append only file on disk: No space left on device", "disk .* is full: make room"),
        ("Can't open the append-only file: Permission denied", "not this user's"),
        ("Failed opening Unix socket: bind: Address already in use", "choose another ROBUSTIFY_STATE_DIR"),
        ("Wrong RDB checksum expected: (1) but got (2). Aborting now.", "base .* damaged: move the folder"),
        ("Unable to obtain the AOF file x length. stat: No such file or directory", "damaged: move the folder"),
        (">>> 'aof-timestamp-enabled yes' Bad directive or wrong number of arguments", "Redis 7 or newer"),
        ("Something new", "^it said: Something new$"),
    ],
)
def test_server_that_says_why(warning: str, told: str) -> None:
    """It is told in words of what to do, and quoted."""
    reason = reason_of_end(1, ["an older warning", warning])
    assert re.search(told, reason)
    assert warning in reason


@pytest.mark.parametrize("warning", [DAMAGED, CUT])
def test_advice_of_the_server(warning: str) -> None:
    """Its advice is left out: it names a tool that is not shipped. What it is about is known."""
    assert is_about_the_file([warning])
    assert "valkey-check-aof" not in reason_of_end(1, [warning])
    assert not is_about_the_file(["Write error writing append only file on disk: No space left on device"])


def test_server_that_is_ended() -> None:
    """A signal is the reason then, whatever it warned of before."""
    assert reason_of_end(-signal.SIGKILL, ["No space left on device"]) == "it was ended by SIGKILL"
    assert reason_of_end(0, []) == "it was told to stop"


def test_server_that_says_nothing() -> None:
    """Its exit code is told."""
    assert reason_of_end(3, []) == "exit code 3, without a word"
