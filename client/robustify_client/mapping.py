"""Many images, one after the other in their order: so many under way at once, and no image ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

from robustify_client.errors import AccessRefused, Unreachable, UsageError

I = TypeVar("I")  # noqa: E741
A = TypeVar("A")
MOST_CONCURRENCY = 64
WINDOW = 2
"""So many images for each that is under way are held, done or not: more would fill the memory."""
MOST_UNREACHABLE = 10
"""Images in a row for which there was no answer at all: then the service is gone, and no image is at fault."""
OnItem = Callable[[int, int | None], None]
ShowProgress = bool | OnItem


@dataclass(frozen=True)
class MapItem(Generic[I, A]):
    """What became of one image: a result, or the error that it ended with."""

    index: int
    image: I
    result: A | None = None
    error: Exception | None = None


class Patience:
    """When a run ends all the same: the key is refused, or nobody answers any more."""

    def __init__(self) -> None:
        self.unreachable = 0

    def told(self, item: MapItem[I, A]) -> MapItem[I, A]:
        """The item; raises its error where all that follow would end with it too."""
        self.unreachable = self.unreachable + 1 if isinstance(item.error, Unreachable) else 0
        if isinstance(item.error, AccessRefused) or (item.error is not None and self.unreachable >= MOST_UNREACHABLE):
            raise item.error
        return item


def checked_concurrency(concurrency: int) -> int:
    if not 1 <= concurrency <= MOST_CONCURRENCY:
        raise UsageError(f"concurrency is 1 to {MOST_CONCURRENCY}, and not {concurrency}", field="concurrency")
    return concurrency


def checked_images(images: Iterable[I]) -> Iterable[I]:
    """Raises UsageError for what is one image, or the name of a folder."""
    if isinstance(images, (str, bytes, bytearray, memoryview)) or not isinstance(images, Iterable):
        raise UsageError(
            "map takes a list of images, or anything that yields them: of a folder sorted(Path(folder).glob('*.png'))",
            field="images",
        )
    return images


def shown(progress: ShowProgress, images: object) -> tuple[OnItem, Callable[[], None]]:
    """What is told of each image that is done, and what is called in the end."""
    if callable(progress):
        return progress, lambda: None
    if not progress:
        return lambda done, total: None, lambda: None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise UsageError("a bar of progress needs tqdm: pip install 'robustify-client[progress]'", "progress") from None
    bar = tqdm(total=length_of(images), unit="image")

    def advance(done: int, total: int | None) -> None:
        bar.update(done - bar.n)

    return advance, bar.close


def length_of(images: object) -> int | None:
    return len(images) if isinstance(images, Sized) else None
