"""Many images at once on one event loop: the half of `AsyncClient.map` that waits for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from robustify_client.mapping import WINDOW, A, I, MapItem, OnItem, Patience, length_of


async def mapped(
    ask: Callable[[I], Awaitable[A]], images: Iterable[I], concurrency: int, on_item: OnItem, close: Callable[[], None]
) -> AsyncIterator[MapItem[I, A]]:
    """What becomes of each image, in their order."""
    total, patience, under_way = length_of(images), Patience(), deque[asyncio.Task[MapItem[I, A]]]()
    places = asyncio.Semaphore(concurrency)

    async def next_item() -> MapItem[I, A]:
        item = patience.told(await under_way[0])
        under_way.popleft()
        on_item(item.index + 1, total)
        return item

    try:
        for index, image in enumerate(images):
            under_way.append(asyncio.create_task(tried(ask, index, image, places)))
            if len(under_way) >= WINDOW * concurrency:
                yield await next_item()
        while under_way:
            yield await next_item()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        close()


async def tried(ask: Callable[[I], Awaitable[A]], index: int, image: I, places: asyncio.Semaphore) -> MapItem[I, A]:
    """The answer about an image, or why there is none: also what Pillow raises of a damaged file."""
    async with places:
        try:
            return MapItem(index, image, await ask(image))
        except Exception as error:
            return MapItem(index, image, error=error)
