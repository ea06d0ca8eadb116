"""The append-only file after a power cut and other damage; what is mended is loaded by the real server."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.queue.append_only import FOLDER, KEPT_CUTS, MANIFEST, cut_damaged_end, prepare
from adapters.queue.append_only_stream import read_stream
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from robustify.errors import QueueUnavailableError

BASE, APPENDED = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"
KEYS = 20
Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that has set some keys, and two more in one transaction."""
    state = tmp_path_factory.mktemp("written")
    with EmbeddedServer(state) as server, connect(server.url) as client:
        for number in range(KEYS):
            client.set(f"key-{number}", number)
        client.eval("redis.call('set', 'first', 1) redis.call('set', 'second', 2)", 0)
    return state / "queue" / FOLDER


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    """A copy to damage: the folder of the append-only files in a state folder."""
    return copied(written, tmp_path)


def copied(written: Path, state: Path) -> Path:
    folder = state / "queue" / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for path in written.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def append(content: bytes) -> Damage:
    return lambda folder: (folder / APPENDED).write_bytes((folder / APPENDED).read_bytes() + content)


def cut(size: int) -> Damage:
    return lambda folder: os.truncate(folder / APPENDED, (folder / APPENDED).stat().st_size - size)


def overwrite(name: str, place: int, content: bytes) -> Damage:
    def do(folder: Path) -> None:
        old = (folder / name).read_bytes()
        (folder / name).write_bytes(old[:place] + content + old[place + len(content) :])

    return do


def overwrite_end(folder: Path, size: int) -> None:
    """With zeros, to the last byte: the server would load them as the end of a name or a value."""
    os.truncate(folder / APPENDED, (folder / APPENDED).stat().st_size - size)
    append(b"\0" * size)(folder)


def keys_in(folder: Path) -> set[str]:
    """What a real server holds that starts with these files."""
    with EmbeddedServer(folder.parents[1]) as server, connect(server.url) as client:
        return {key.decode() for key in client.keys()}


ALL = {f"key-{number}" for number in range(KEYS)} | {"first", "second"}


@pytest.mark.parametrize(
    ("damage", "kept", "said"),
    [
        pytest.param(append(b"\0" * 600), ALL, "600 bytes with 0 commands", id="zeros"),
        pytest.param(append(b"*2\r\n$3\r\nDEL\r\n$5\r\nkey"), ALL, "with 1 command ", id="begun"),
        pytest.param(append(b"\xff" * 10), ALL, "10 bytes with 0 commands", id="garbage"),
        pytest.param(cut(1), ALL - {"first", "second"}, "with 3 commands", id="cut-in-the-last-command"),
        pytest.param(
            lambda folder: overwrite_end(folder, 9), ALL - {"first", "second"}, "with 2 comm", id="zeros-inside"
        ),
        pytest.param(cut(14), ALL - {"first", "second"}, "with 2 commands", id="cut-before-the-last-command"),
        pytest.param(lambda folder: (folder / APPENDED).write_bytes(b"\0" * 4096), set(), "4096 bytes", id="all-zero"),
    ],
)
def test_damaged_end(copy: Path, caplog: pytest.LogCaptureFixture, damage: Damage, kept: set[str], said: str) -> None:
    """It is cut off and kept; whole commands stay, a transaction goes whole; bytes, commands and time are told."""
    damage(copy)
    damaged = (copy / APPENDED).read_bytes()
    assert keys_in(copy) == kept
    (message,) = [record.getMessage() for record in caplog.records]
    assert said in message
    assert "lost" in message
    (kept_beside,) = copy.glob(f"{APPENDED}.cut-*")
    assert damaged.endswith(kept_beside.read_bytes())
    assert keys_in(copy) == kept
    assert len(caplog.records) == 1, "what is mended once is whole"


def test_time_that_is_lost(copy: Path) -> None:
    """It is told from the last time stamp before the damage to the last change of the file."""
    append(b"\0")(copy)
    stamp = read_stream((copy / APPENDED).read_bytes()).written_at
    assert stamp is not None
    os.utime(copy / APPENDED, (stamp + 2, stamp + 2))
    assert "for at most about 2 seconds" in str(cut_damaged_end(copy.parent))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_end(written: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is cut and whatever garbage follows, the server holds the whole commands before the damage."""
    whole = (written / APPENDED).read_bytes()
    length = data.draw(st.integers(0, len(whole)))
    tail = data.draw(
        st.binary(max_size=40).filter(lambda tail: b"*" not in tail and not whole[length:].startswith(tail[:1] or b"?"))
    )
    folder = copied(written, tmp_path)
    (folder / APPENDED).write_bytes(whole[:length] + tail)
    before = whole[:length]
    expected = {key for key in ALL - {"first", "second"} if before.count(setting(key))}
    if before == whole:
        expected |= {"first", "second"}
    assert keys_in(folder) == expected


def setting(key: str) -> bytes:
    """How a key is set, to the last byte."""
    value = key.removeprefix("key-")
    return f"SET\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n{value}\r\n".encode()


@pytest.mark.parametrize("place", [100, 150, 300])
def test_damage_inside(copy: Path, place: int) -> None:
    """It is told with its file, its place and the way out, and nothing is changed."""
    overwrite(APPENDED, place, b"\0" * 20)(copy)
    damaged = (copy / APPENDED).read_bytes()
    with pytest.raises(QueueUnavailableError, match=rf"{APPENDED} .* at byte \d+.*move the folder .*lost") as told:
        keys_in(copy)
    assert "valkey-check-aof" not in str(told.value)
    assert (copy / APPENDED).read_bytes() == damaged
    assert not list(copy.glob("*.cut-*"))


def test_length_that_is_damaged(copy: Path) -> None:
    """A length that reaches beyond the end is no cut: what follows is not thrown away."""
    content = (copy / APPENDED).read_bytes()
    overwrite(APPENDED, content.index(b"$5\r\nkey-3"), b"$99999999\r\n")(copy)
    with pytest.raises(QueueUnavailableError, match="whole commands follow"):
        cut_damaged_end(copy.parent)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(lambda folder: (folder / BASE).unlink(), "is missing", id="no-base"),
        pytest.param(lambda folder: os.truncate(folder / BASE, 0), "is empty", id="empty-base"),
        pytest.param(lambda folder: os.truncate(folder / BASE, 50), "base .* is damaged", id="cut-base"),
        pytest.param(overwrite(BASE, 30, b"\xff"), "base .* is damaged", id="changed-base"),
        pytest.param(lambda folder: (folder / APPENDED).unlink(), "is missing", id="no-appended"),
        pytest.param(append(b"*1\r\n$5\r\nHELLO-\r\n"), "", id="unknown-command"),
    ],
)
def test_file_that_cannot_be_mended(copy: Path, damage: Damage, told: str) -> None:
    """The folder to move away is told, and what is lost then."""
    damage(copy)
    if told:
        with pytest.raises(QueueUnavailableError, match=f"{told}.*move the folder queue/{FOLDER} .* lost"):
            keys_in(copy)
    else:
        assert keys_in(copy) == ALL


@pytest.mark.parametrize("content", [None, b"", b"\0" * 88])
def test_manifest_that_is_gone(copy: Path, content: bytes | None) -> None:
    """It is made anew where one base and one other file leave no doubt; the server would begin with nothing."""
    if content is None:
        (copy / MANIFEST).unlink()
    else:
        (copy / MANIFEST).write_bytes(content)
    assert keys_in(copy) == ALL


def test_manifest_that_is_gone_in_doubt(copy: Path) -> None:
    """With two files of a kind their order is not known: it is told, and nothing is changed."""
    (copy / MANIFEST).unlink()
    (copy / "appendonly.aof.2.incr.aof").write_bytes((copy / APPENDED).read_bytes())
    with pytest.raises(QueueUnavailableError, match=f"{MANIFEST} .* cannot be made anew from 3 files"):
        keys_in(copy)


def test_first_start_that_ended_half_way(copy: Path) -> None:
    """A base without a manifest, of a database that was never written to, is begun anew."""
    (copy / MANIFEST).unlink()
    (copy / APPENDED).unlink()
    assert keys_in(copy) == set()


def test_rewrite_that_ended_half_way(copy: Path) -> None:
    """What it left is removed, and what it was made from is loaded, with both files that were appended to."""
    (copy.parent / "temp-rewriteaof-bg-7.aof").write_bytes(b"half")
    (copy / "appendonly.aof.2.incr.aof").write_bytes(b"*2\r\n$3\r\nDEL\r\n$5\r\nfirst\r\n\0\0\0")
    with (copy / MANIFEST).open("a") as manifest:
        manifest.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
    assert keys_in(copy) == ALL - {"first"}
    assert not list(copy.parent.glob("temp-*"))


def test_damage_before_another_file(copy: Path) -> None:
    """An end that is damaged is the inside of the data, when commands lie in the next file."""
    append(b"\0")(copy)
    (copy / "appendonly.aof.2.incr.aof").write_bytes(b"*2\r\n$3\r\nDEL\r\n$5\r\nfirst\r\n")
    with (copy / MANIFEST).open("a") as manifest:
        manifest.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
    with pytest.raises(QueueUnavailableError, match="whole commands follow"):
        cut_damaged_end(copy.parent)


def test_cuts_that_add_up(copy: Path) -> None:
    """The last few are kept, no more."""
    for number in range(2 * KEPT_CUTS):
        (copy / f"{APPENDED}.cut-2026112{number}T000000Z").write_bytes(b"old")
    append(b"\0")(copy)
    assert cut_damaged_end(copy.parent)
    assert len(list(copy.glob("*.cut-*"))) == KEPT_CUTS
    assert any(path.read_bytes() == b"\0" for path in copy.glob("*.cut-*"))


def test_files_that_are_whole(copy: Path) -> None:
    """Nothing is said and nothing changed, also where there is nothing yet."""
    assert prepare(copy.parent) is None
    assert cut_damaged_end(copy.parent) is None
    assert prepare(copy) is None
    assert keys_in(copy) == ALL
