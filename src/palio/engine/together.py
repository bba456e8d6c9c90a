"""Doing several things at once, for as long as all of them go well."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import NoReturn, TypeVar

T = TypeVar("T")


async def together(parts: Sequence[Coroutine[None, None, None]]) -> None:
    """Run the parts at the same time; returns when all are over."""
    if len(parts) == 1:
        # Most workflows have one step and most steps one job: no task of its own for either.
        await parts[0]
        return
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)


async def undisturbed(work: Coroutine[None, None, T]) -> T:
    """Bring something to its end that must not be cut off; a cancellation that comes meanwhile counts afterwards."""
    task = asyncio.ensure_future(work)
    cut_off: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if not task.cancelled():
                cut_off = error
        except Exception:
            break  # It has failed, which is told below.
    if cut_off is not None:
        if not task.cancelled():
            task.exception()  # Looked at, or it would be reported as forgotten.
        raise cut_off
    return task.result()


async def never() -> NoReturn:
    """Wait to be cancelled."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody can end this")
