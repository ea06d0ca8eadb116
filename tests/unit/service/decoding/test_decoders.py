"""Decoders: real processes, which answer, are ended, and leave nothing behind."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import numpy as np
import pytest
from PIL import Image

from adapters.images import CURRENT, USUAL, CanonicalImage, Preprocessing, ResizeMode, canonicalise_for
from robustify.errors import UnreadableImageError, UnsupportedImageError
from robustify.types import Noise
from service.decoding import decoders as module
from service.decoding.decoders import Decoders, failure_of
from service.decoding.messages import Asked, Decoded, Failed, receive, send
from service.decoding.process import Decoder, environment
from service.errors import ProblemError

SIDE = 32
SECONDS = 30.0


def picture(format_name: str = "PNG", size: tuple[int, int] = (48, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, format_name, progressive=True)
    return buffer.getvalue()


SLOW = partial(picture, "JPEG", (5000, 5000))


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders()
    yield made
    made.close()


def run(what: Callable[[], Awaitable[CanonicalImage]]) -> CanonicalImage:
    return anyio.run(what)


def decoded(decoders: Decoders, data: bytes, noise: Noise = Noise.GAUSSIAN) -> CanonicalImage:
    return run(partial(decoders.decode, noise, data, SIDE))


def children() -> set[int]:
    """The processes that this one has started and that are not gone, those included that nobody has waited for."""
    while True:
        threads = Path("/proc/self/task").iterdir()
        with suppress(FileNotFoundError, ProcessLookupError):  # A thread has ended: its children are another's now.
            return {int(pid) for thread in threads for pid in (thread / "children").read_text().split()}


@pytest.mark.slow
@pytest.mark.parametrize("noise", list(Noise))
def test_decoders_when_a_picture_is_good(decoders: Decoders, noise: Noise) -> None:
    """The answer is bit for bit the one of this process."""
    own, theirs = canonicalise_for(noise, picture(), SIDE), decoded(decoders, picture(), noise)

    assert np.array_equal(own.tensor, theirs.tensor)
    assert own.tensor.dtype == theirs.tensor.dtype
    assert (own.source_sha256, own.source_height, own.source_width) == (
        theirs.source_sha256,
        theirs.source_height,
        theirs.source_width,
    )
    assert (own.source_norm, own.reduced_by) == (theirs.source_norm, theirs.reduced_by)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(ResizeMode))
def test_decoders_when_pictures_become_square_in_another_way(decoders: Decoders, mode: ResizeMode) -> None:
    """They are told the way, and the answer is bit for bit the one of this process."""
    way = Preprocessing(mode)
    own = canonicalise_for(Noise.GAUSSIAN, picture(), SIDE, way)
    theirs = run(partial(decoders.decode, Noise.GAUSSIAN, picture(), SIDE, preprocessing=way))

    assert np.array_equal(own.tensor, theirs.tensor)
    assert own.source_norm == theirs.source_norm


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "error"),
    [(b"hello", UnsupportedImageError), (picture()[:90], UnreadableImageError)],
    ids=["text", "truncated"],
)
def test_decoders_when_a_picture_is_bad(decoders: Decoders, data: bytes, error: type[Exception]) -> None:
    """It is refused in the words of this process, and the same decoder takes the next one."""
    decoders.start()
    before = children()
    with pytest.raises(error) as theirs:
        decoded(decoders, data)
    with pytest.raises(error) as own:
        canonicalise_for(Noise.GAUSSIAN, data, SIDE)

    assert str(theirs.value) == str(own.value)
    assert decoded(decoders, picture()).source_width == 48
    assert children() == before


@pytest.mark.slow
def test_decoders_when_a_picture_takes_too_long(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused in words that say what to do; its decoder is gone, and the next picture is decoded."""
    monkeypatch.setattr(module, "LIGHT_DECODING_SECONDS", 0.2)
    monkeypatch.setattr(module, "DECODING_SECONDS", 0.2)
    before = children()
    with pytest.raises(UnreadableImageError, match="baseline JPEG or PNG"):
        decoded(decoders, SLOW())
    assert children() == before
    monkeypatch.setattr(module, "LIGHT_DECODING_SECONDS", SECONDS)

    assert decoded(decoders, picture()).source_width == 48


@pytest.mark.slow
def test_decoders_when_a_picture_is_heavier_than_it_seems(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins again in the line of the heavy ones, and is answered."""
    monkeypatch.setattr(module, "decoding_cost", lambda data: 0.0)
    monkeypatch.setattr(module, "LIGHT_DECODING_SECONDS", 0.1)
    monkeypatch.setattr(module, "DECODING_SECONDS", SECONDS)

    assert decoded(decoders, SLOW()).tensor.shape == (3, SIDE, SIDE)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5])
def test_decoders_when_nobody_waits_any_more(decoders: Decoders, seconds: float) -> None:
    """A client that goes away ends its decoder and frees its place."""

    slow, before = SLOW(), children()

    async def go_away() -> None:
        with anyio.move_on_after(seconds):
            await decoders.decode(Noise.GAUSSIAN, slow, SIDE)
        assert decoders.light_line.at_work + decoders.heavy_line.at_work == 0

    anyio.run(go_away)
    assert children() == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_decoders_when_one_dies_idle(decoders: Decoders, number: int) -> None:
    """The next picture gets another one, and the dead one is no zombie."""
    before = children()
    decoders.start()
    ours = children() - before
    for pid in ours:
        os.kill(pid, number)
    wait_until(lambda: all(is_zombie(pid) for pid in ours))

    assert decoded(decoders, picture()).source_width == 48
    decoders.close()
    assert children() == before


@pytest.mark.slow
def test_decoder_when_it_dies_at_work() -> None:
    """Whoever waits is told how it ended."""
    decoder = Decoder()
    assert isinstance(decoder.ask(asked(), picture())[0], Decoded)
    os.kill(decoder.pid, signal.SIGSEGV)
    with pytest.raises(Exception, match=str(-signal.SIGSEGV)):
        decoder.ask(asked(), picture())


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (signal.SIGSEGV, UnreadableImageError),
        (signal.SIGXCPU, UnreadableImageError),
        (signal.SIGKILL, ProblemError),
        (signal.SIGTERM, ProblemError),
    ],
)
def test_failure_when_a_decoder_was_ended(number: int, kind: type[Exception]) -> None:
    """What a picture does to its decoder is the picture's; what comes from outside is answered with "again"."""
    assert isinstance(failure_of(-number), kind)


@pytest.mark.slow
def test_decoder_when_a_picture_takes_too_much_memory() -> None:
    """The limit holds in the decoder: what goes over it is refused, and the decoder lives on."""
    decoder = Decoder()
    try:
        limits = Path(f"/proc/{decoder.pid}/limits")
        decoder.ask(asked(), picture())
        assert "1610612736" in next(line for line in limits.read_text().splitlines() if "address space" in line)
        # 16 TB of canonical tensor: no system gives so much.
        answer, _ = decoder.ask(Asked(noise=Noise.GAUSSIAN, side=1 << 20, mode=USUAL.mode, version=CURRENT), picture())
        assert not isinstance(answer, Decoded)
        assert isinstance(decoder.ask(asked(), picture())[0], Decoded)
    finally:
        decoder.end()


@pytest.mark.slow
def test_decoder_when_the_service_has_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has none of them: nothing of the environment but what an interpreter needs, and no open file."""
    monkeypatch.setenv("ROBUSTIFY_REDIS_URL", "redis://:secret@queue")
    monkeypatch.setenv("OTHER_TOKEN", "secret")
    ours, theirs = socket.socketpair()
    decoder = Decoder()
    try:
        decoder.ask(asked(), picture())
        own = Path(f"/proc/{decoder.pid}")
        assert "secret" not in (own / "environ").read_text()
        targets = [os.readlink(file) for file in (own / "fd").iterdir()]
        assert [target for target in targets if target != os.devnull and "socket:" not in target] == []
        assert sum("socket:" in target for target in targets) == 1
    finally:
        decoder.end()
        ours.close()
        theirs.close()


def test_environment_when_it_is_passed_on() -> None:
    """What is not known to be harmless stays here."""
    assert environment({"PATH": "p", "ROBUSTIFY_NOISE_KEY": "k", "AWS_TOKEN": "t"}).keys() == {
        "PATH",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    }


@pytest.mark.slow
def test_decoder_when_its_service_dies() -> None:
    """It goes too, at work or idle: nothing stays behind of a service that was killed."""
    script = """
import os, signal
from service.decoding.process import Decoder
decoder = Decoder()
print(decoder.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    service = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert service.returncode == -signal.SIGKILL
    pid = int(service.stdout)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(pid))


def test_messages_when_a_decoder_lies() -> None:
    """A message that is longer than it may be is not read, and one that is of another kind is none."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, Failed(error="x"), b"12345")
        with pytest.raises(ValueError, match="5 bytes"):
            receive(theirs, 4)
    header = Decoded.of(canonicalise_for(Noise.GAUSSIAN, picture(), SIDE))
    with pytest.raises(ValueError, match="reshape"):
        header.image(b"1234")


def asked() -> Asked:
    return Asked(noise=Noise.GAUSSIAN, side=SIDE, mode=USUAL.mode, version=CURRENT)


def wait_until(holds: Callable[[], bool]) -> None:
    async def wait() -> None:
        with anyio.fail_after(SECONDS):
            while not holds():
                await anyio.sleep(0.02)

    anyio.run(wait)


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
