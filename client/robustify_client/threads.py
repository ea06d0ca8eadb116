"""Many images at once in threads: the half of `map` that waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from robustify_client.mapping import WINDOW, A, I, MapItem, OnItem, Patience, length_of


def mapped(
    ask: Callable[[I], A], images: Iterable[I], concurrency: int, on_item: OnItem, close: Callable[[], None]
) -> Iterator[MapItem[I, A]]:
    """What becomes of each image, in their order."""
    total, patience, under_way = length_of(images), Patience(), deque[Future[MapItem[I, A]]]()
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="robustify-map")

    def next_item() -> MapItem[I, A]:
        item = patience.told(under_way.popleft().result())
        on_item(item.index + 1, total)
        return item

    try:
        for index, image in enumerate(images):
            under_way.append(pool.submit(tried, ask, index, image))
            if len(under_way) >= WINDOW * concurrency:
                yield next_item()
        while under_way:
            yield next_item()
    finally:
        # Who reads no further waits for nothing: what is under way is answered to nobody.
        pool.shutdown(wait=False, cancel_futures=True)
        close()


def tried(ask: Callable[[I], A], index: int, image: I) -> MapItem[I, A]:
    """The answer about an image, or why there is none: also what Pillow raises of a damaged file."""
    try:
        return MapItem(index, image, ask(image))
    except Exception as error:
        return MapItem(index, image, error=error)
