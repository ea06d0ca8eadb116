"""Reads the commands of one append-only file: how far they are whole, and what comes after that.

The server writes RESP: arrays of strings with their lengths, and lines `#TS:SECONDS` between them.
"""

import re
from dataclasses import dataclass
from mmap import mmap

ARRAY = re.compile(rb"\*([1-9][0-9]{0,6})\r\n")
STRING = re.compile(rb"\$([0-9]{1,9})\r\n")
TIME_STAMP = re.compile(rb"#TS:([0-9]{1,12})\r\n")
BEGUN = re.compile(rb"\*[1-9][0-9]{0,6}\r\n\$[0-9]{1,9}\r\n[A-Za-z]")
NAME = re.compile(rb"[A-Za-z]+")


@dataclass(frozen=True)
class Reading:
    """What a file holds. All places and sizes are in bytes.

    `whole`: where the last whole command ends, or the last whole transaction. `read`: how far single commands are
    whole; it is beyond `whole` in a transaction that is cut. `written_at`: the last time stamp before `whole`, in
    seconds since 1970. `goes_on`: whether whole commands follow what cannot be read.
    """

    size: int
    whole: int
    read: int
    written_at: int | None
    goes_on: bool
    begun: int
    """Commands that begin after `whole`, as far as their beginnings can be seen."""

    @property
    def is_whole(self) -> bool:
        return self.whole == self.size


@dataclass
class Position:
    """Where reading has come to."""

    read: int = 0
    whole: int = 0
    in_transaction: bool = False
    stamp: int | None = None
    written_at: int | None = None

    def allows(self, name: bytes) -> bool:
        """A transaction inside another says that the end of the first is lost."""
        return not (self.in_transaction and name == b"MULTI")

    def move(self, end: int, name: bytes) -> None:
        """On to the end of a command; what is inside a transaction is whole with its last command only."""
        self.read = end
        if name == b"MULTI":
            self.in_transaction = True
        elif name == b"EXEC":
            self.in_transaction = False
        if not self.in_transaction:
            self.whole, self.written_at = end, self.stamp


def read_stream(content: bytes | mmap) -> Reading:
    """Reads as far as it can be read; takes a second for some millions of strings."""
    position = Position()
    while position.read < len(content):
        if stamp := TIME_STAMP.match(content, position.read):
            position.stamp = int(stamp[1])
            position.move(stamp.end(), b"")
        elif (command := command_at(content, position.read)) and position.allows(command[1]):
            position.move(*command)
        else:
            break
    return Reading(
        size=len(content),
        whole=position.whole,
        read=position.read,
        written_at=position.written_at,
        goes_on=goes_on_after(content, position.read),
        begun=sum(not is_multi(content, found.start()) for found in BEGUN.finditer(content, position.whole)),
    )


def command_at(content: bytes | mmap, start: int) -> tuple[int, bytes] | None:
    """Where the command that begins there ends, and its name in capital letters; None when it is not whole."""
    array = ARRAY.match(content, start)
    if array is None:
        return None
    end, name = array.end(), b""
    for index in range(int(array[1])):
        string = STRING.match(content, end)
        if string is None:
            return None
        begin, end = string.end(), string.end() + int(string[1]) + 2
        if content[end - 2 : end] != b"\r\n":
            return None
        name = name if index else content[begin : end - 2]
    return (end, name.upper()) if NAME.fullmatch(name) else None


def goes_on_after(content: bytes | mmap, fault: int) -> bool:
    """Whether a whole command lies anywhere beyond the byte at which reading ended."""
    return any(command_at(content, found.start()) for found in BEGUN.finditer(content, fault + 1))


def is_multi(content: bytes | mmap, start: int) -> bool:
    command = command_at(content, start)
    return command is not None and command[1] == b"MULTI"
