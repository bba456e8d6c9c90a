"""Doing several things at once, for as long as all of them go well."""

import asyncio
from collections.abc import Coroutine, Sequence


async def together(parts: Sequence[Coroutine[None, None, None]]) -> None:
    """Run the parts at the same time; returns when all are over."""
    if len(parts) == 1:
        # Most workflows have one step and most steps one job: no task of its own for either.
        await parts[0]
        return
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)
