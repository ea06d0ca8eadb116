"""Many images at once: their order, their failures, and what is held of them."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustify_client import NO_RETRIES, AccessRefused, Client, Unreachable, UsageError
from robustify_client.coroutines import mapped as mapped_on_a_loop
from robustify_client.mapping import WINDOW, MapItem
from robustify_client.threads import mapped
from tests.client_samples import Call, answered, job
from tests.misbehaving_server import answering, misbehaving, problem, resetting

LABELS = ["cat", "dog"]
CONCURRENCY = 3


def ignored(*_: object) -> None:
    """Nobody watches."""


def by_threads(ask, images) -> list[MapItem]:
    return list(mapped(ask, images, CONCURRENCY, ignored, ignored))


def by_a_loop(ask, images) -> list[MapItem]:
    async def run() -> list[MapItem]:
        asked = lambda image: asyncio.to_thread(ask, image)  # noqa: E731
        return [item async for item in mapped_on_a_loop(asked, images, CONCURRENCY, ignored, ignored)]

    return asyncio.run(run())


BOTH = pytest.mark.parametrize("run", [by_threads, by_a_loop])


@BOTH
def test_answers_that_come_in_another_order(run) -> None:
    """They are given in the order of the images."""

    def ask(image: int) -> int:
        time.sleep(0.02 * (image % 3 == 0))
        return image * image

    assert [(item.index, item.result) for item in run(ask, range(20))] == [(i, i * i) for i in range(20)]


@BOTH
def test_images_under_way(run) -> None:
    """No more than so many are asked about at once, and no more than some are taken from the source ahead of them."""
    at_once, most, taken, given = [0], [0], [0], [0]
    lock = threading.Lock()

    def images() -> Iterator[int]:
        for number in range(40):
            taken[0] += 1
            assert taken[0] - given[0] <= WINDOW * CONCURRENCY + 1
            yield number

    def ask(image: int) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.005)
        with lock:
            at_once[0] -= 1
            given[0] += 1

    run(ask, images())
    assert most[0] <= CONCURRENCY


@BOTH
def test_image_that_fails(run) -> None:
    """It is an item with its error, whatever that is, and the others go on."""

    def ask(image: int) -> int:
        if image == 3:
            raise OSError("image file is truncated")
        return image

    items = run(ask, range(6))
    assert [item.result for item in items] == [0, 1, 2, None, 4, 5]
    assert isinstance(items[3].error, OSError)


@BOTH
def test_key_that_is_refused(run) -> None:
    """The run ends: every other image would be refused too."""
    with misbehaving(problem("invalid-key", 401)) as server, Client(server.url, retries=NO_RETRIES) as client:
        with pytest.raises(AccessRefused):
            run(lambda image: client.usage(), range(100))
    assert len(server.received) < 20


@BOTH
def test_server_that_is_gone(run) -> None:
    """The run ends once nobody answered for some images in a row; one that breaks a connection ends nothing."""
    with misbehaving(resetting()) as server, Client(server.url, retries=NO_RETRIES) as client:
        assert isinstance(run(lambda image: client.usage(), range(3))[0].error, Unreachable)
        with pytest.raises(Unreachable):
            run(lambda image: client.usage(), range(100))
    assert len(server.received) < 40


def test_reader_who_stops() -> None:
    """What was not begun is not begun any more, and nobody waits for what is under way."""
    begun = list[int]()

    def ask(image: int) -> int:
        begun.append(image)
        time.sleep(0.01)
        return image

    closed = list[bool]()
    items = mapped(ask, range(1000), CONCURRENCY, ignored, lambda: closed.append(True))
    assert next(items).result == 0
    items.close()  # type: ignore[attr-defined]
    assert closed == [True]
    time.sleep(0.1)
    assert len(begun) <= WINDOW * CONCURRENCY + 1


def test_map_of_a_client(call: Call) -> None:
    """Each image is one job; an image that cannot be sent is an item too."""
    told = list[tuple[int, int | None]]()
    with misbehaving(answering(job())) as server:
        images = [b"a", "missing.png", np.full((2, 2, 3), np.nan), b"d"]
        items = call(server.url, "map", images, LABELS, progress=lambda done, total: told.append((done, total)))
    assert [item.result and item.result.label for item in items] == ["cat", None, None, "cat"]
    assert all(isinstance(item.error, UsageError) for item in items[1:3])
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_bar_of_progress(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """With `progress=True` it is tqdm's."""
    with misbehaving(answering(job())) as server:
        call(server.url, "map", [b"a", b"b"], LABELS, progress=True)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("images", "options", "hint"),
    [
        ("folder", {}, "list of images"),
        (b"bytes of one", {}, "list of images"),
        (5, {}, "list of images"),
        ([b"a"], {"concurrency": 0}, "1 to 64"),
        ([b"a"], {"concurrency": 65}, "1 to 64"),
        ([b"a"], {"task": "pets"}, "both name the classes"),
    ],
)
def test_map_of_something_else(call: Call, images: object, options: dict[str, object], hint: str) -> None:
    """It is refused before anything is sent."""
    with misbehaving(answering(job())) as server, pytest.raises(UsageError, match=hint):
        call(server.url, "map", images, LABELS, **options)
    assert server.received == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of cats, one of a dog, and what else lies in such folders."""
    for name in ("cat/a.png", "cat/b.PNG", "cat/c.jpg", "dog/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "cat" / "._a.png").write_bytes(b"of another system")
    (tmp_path / "readme.txt").write_text("no folder")
    return tmp_path


def test_evaluation_of_a_folder(call: Call, folder: Path) -> None:
    """The folders are the labels; figures are those of the laboratory."""
    with misbehaving(answering(job(kind="certify"))) as server:
        found = call(server.url, "evaluate", folder, kind="certify", radii=(0.0, 0.3, 0.31))
    assert (found.images, found.failed, found.accuracy, found.abstained) == (4, 0, 0.75, 0.0)
    assert [one.share for one in found.certified_accuracy] == [0.75, 0.75, 0.0]
    assert found.average_certified_radius == pytest.approx(0.225)
    assert [row.name for row in found.rows] == ["a.png", "b.PNG", "c.jpg", "d.png"]


def test_evaluation_of_pairs(call: Call) -> None:
    """Images without an answer are counted apart; an abstention of a prediction is no right answer."""
    abstained = job(result={**answered("predict"), "outcome": "abstained", "label": None, "index": None})
    with misbehaving(answering(abstained)) as server:
        found = call(server.url, "evaluate", [(b"a", "cat"), ("missing.png", "dog")], LABELS)
    assert (found.images, found.failed, found.accuracy, found.abstained) == (1, 1, 0.0, 1.0)
    assert found.average_certified_radius is None
    assert "missing.png" in (found.rows[1].problem or "")


def test_evaluation_of_nothing(call: Call, tmp_path: Path) -> None:
    """A folder without folders of pictures is no data set."""
    with pytest.raises(UsageError, match="folder of pictures for each label"):
        call("http://127.0.0.1:9", "evaluate", tmp_path)
