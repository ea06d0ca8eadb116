"""Mends the append-only file of the embedded queue server, and says what was lost. Call it under the folder's lock.

A power cut leaves a command that is cut, or bytes of nothing, at the end: that is cut off, and kept beside it. Damage
that whole commands follow is another matter, of a disk that fails: it is told, and left as it is.
"""

import os
import re
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from adapters.durable_files import sync, write_durably
from adapters.queue.append_only_stream import Reading, read_stream
from robustify.errors import QueueUnavailableError

FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
MANIFEST_LINE = re.compile(r"file (?P<name>\S+) seq (?P<number>[0-9]+) type (?P<kind>[bih])(?: .*)?")
FILE_NAME = re.compile(r"appendonly\.aof\.(?P<number>[0-9]+)\.(?P<kind>base|incr)\.(?:rdb|aof)")
KEPT_CUTS = 5
MOST_KEPT_BYTES = 16 << 20
"""Of one piece that was cut off; behind it, a file system may have left any number of zeros."""
BEGIN_ANEW = (
    f"move the folder queue/{FOLDER} of the state folder away to begin with an empty queue: jobs, votes and the count "
    "of the ledger are lost then, while keys, images and tasks are not"
)


@dataclass(frozen=True)
class ListedFile:
    """One file of the manifest: `b`, the base; `i`, what was appended since; `h`, what is to be deleted."""

    name: str
    number: int
    kind: str

    @property
    def line(self) -> str:
        return f"file {self.name} seq {self.number} type {self.kind}\n"


def prepare(root: Path) -> str | None:
    """Makes ready what the server would start without or stumble over; returns what was mended, in a sentence.

    `root`: the server's folder. Raises QueueUnavailableError where the server would begin anew over what is there.
    """
    for left in [*root.glob("temp-*.aof"), *root.glob("temp-*.rdb")]:
        left.unlink()  # Of a rewrite that a crash ended; no later one would clean it up.
    folder = root / FOLDER
    files, mended = listed_files(folder), None
    if not files and (found := found_files(folder)) and not holds_nothing(folder, found):
        files, mended = rebuilt_manifest(folder, found), f"the list of the queue's files, {MANIFEST}, was made anew"
    check_presence(folder, files)
    return mended


def ends_in_a_command(root: Path) -> bool:
    """Whether each file ends as commands do. The server loads zeros in place of the last letters of a value."""
    paths = [root / FOLDER / file.name for file in listed_files(root / FOLDER) if file.kind == "i"]
    return all(last_letters(path) in (b"", b"\r\n") for path in paths)


def cut_damaged_end(root: Path) -> str | None:
    """Cuts off what a power cut left at the end; returns what was lost, in a sentence, or None if all is whole.

    Raises QueueUnavailableError, and changes nothing, when there is more behind the damage.
    """
    folder = root / FOLDER
    paths = [folder / file.name for file in listed_files(folder) if file.kind == "i"]
    readings = [reading_of(path) for path in paths]
    first = next((index for index, reading in enumerate(readings) if not reading.is_whole), None)
    if first is None:
        return None
    path, reading, later = paths[first], readings[first], readings[first + 1 :]
    if reading.goes_on or any(following.whole or following.goes_on for following in later):
        raise QueueUnavailableError(damage_inside(path, reading, is_last=not later))
    lost = loss(path, reading)
    for cut, whole in [(path, reading.whole), *((following, 0) for following in paths[first + 1 :])]:
        cut_off(cut, whole)
    return lost


def listed_files(folder: Path) -> Sequence[ListedFile]:
    """What the manifest names; nothing if there is none, or none that can be read."""
    try:
        text = (folder / MANIFEST).read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return []
    lines = [MANIFEST_LINE.fullmatch(line) for line in text.splitlines() if line and not line.startswith("#")]
    return [ListedFile(line["name"], int(line["number"]), line["kind"]) for line in lines if line] if all(lines) else []


def found_files(folder: Path) -> Sequence[ListedFile]:
    """What lies there by the names that the server gives, the base first."""
    names = [FILE_NAME.fullmatch(path.name) for path in sorted(folder.glob("appendonly.aof.*"))]
    return [ListedFile(name[0], int(name["number"]), name["kind"][0]) for name in names if name]


def holds_nothing(folder: Path, found: Sequence[ListedFile]) -> bool:
    """Whether a first start ended before it had written its manifest; its base is that of an empty database."""
    return all(file.number == 1 if file.kind == "b" else not (folder / file.name).stat().st_size for file in found)


def rebuilt_manifest(folder: Path, found: Sequence[ListedFile]) -> Sequence[ListedFile]:
    """Without the manifest the server would begin anew and write over the rest; two of a kind leave no sure order."""
    if [file.kind for file in found] != ["b", "i"]:
        raise QueueUnavailableError(
            f"queue/{FOLDER}/{MANIFEST} in the state folder is missing or damaged, and cannot be made anew from "
            f"{len(found)} files: put it back, or {BEGIN_ANEW}"
        )
    write_durably(folder / MANIFEST, "".join(file.line for file in found).encode())
    return found


def check_presence(folder: Path, files: Sequence[ListedFile]) -> None:
    """A base is never empty; the server would take an empty one for an empty database."""
    for file in files:
        path = folder / file.name
        if file.kind != "h" and (not path.exists() or (file.kind == "b" and not path.stat().st_size)):
            wrong = "empty" if path.exists() else "missing"
            raise QueueUnavailableError(
                f"queue/{FOLDER}/{file.name} in the state folder is {wrong}: put it back from a backup, or {BEGIN_ANEW}"
            )


def last_letters(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2))
        return file.read()


def reading_of(path: Path) -> Reading:
    if not path.stat().st_size:
        return read_stream(b"")
    with path.open("rb") as file, closing(mmap(file.fileno(), 0, access=ACCESS_READ)) as content:
        return read_stream(content)


def damage_inside(path: Path, reading: Reading, is_last: bool) -> str:
    """What to say of damage that a power cut does not leave."""
    lost = f"lose the {reading.size - reading.whole} bytes from there on with `truncate -s {reading.whole} {path.name}`"
    return (
        f"queue/{FOLDER}/{path.name} in the state folder is damaged at byte {reading.read}, and whole commands follow, "
        f"so that this was no power cut; check the disk, then {f'{lost} in that folder, or ' if is_last else ''}"
        f"{BEGIN_ANEW}"
    )


def loss(path: Path, reading: Reading) -> str:
    """What a cut loses: bytes, commands, and the time in which they were acknowledged."""
    return (
        f"the end of the queue's file {path.name} was damaged, as a power cut leaves it: "
        f"{counted(reading.size - reading.whole, 'byte')} with {counted(reading.begun, 'command')} were cut off and "
        f"kept beside it; {time_of_loss(path, reading)} is lost, and is asked for or computed again"
    )


def time_of_loss(path: Path, reading: Reading) -> str:
    if reading.written_at is None:
        return "what was acknowledged last"
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(reading.written_at))
    seconds = max(1, round(path.stat().st_mtime) - reading.written_at)
    return f"what was acknowledged since {since}, for at most about {counted(seconds, 'second')},"


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def cut_off(path: Path, whole: int) -> None:
    """Shortens the file for good, once a copy of what is cut off is on disk."""
    with path.open("rb") as file:
        file.seek(whole)
        rest = file.read(MOST_KEPT_BYTES)
    if rest:
        write_durably(path.with_name(f"{path.name}.cut-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"), rest)
    for old in sorted(path.parent.glob("*.cut-*"), key=lambda cut: cut.name.rpartition("-")[2])[:-KEPT_CUTS]:
        old.unlink()
    os.truncate(path, whole)
    sync(path)
