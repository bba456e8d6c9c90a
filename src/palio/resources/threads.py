"""Work that blocks, off the loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], interrupt: Callable[[], None] = lambda: None) -> T:
    """The result of work in a thread. A task waits for its end however often it is cancelled, as that goes on.

    `interrupt` is called when it is cancelled: work that takes long may end sooner then, whatever with.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        interrupt()
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise
