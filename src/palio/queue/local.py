"""The queue of a single process: ids wait in memory, and the store remembers what was not finished."""

import asyncio


class LocalQueue:
    """Hands workflows to the orchestrator of this process."""

    def __init__(self) -> None:
        self._ids: asyncio.Queue[str] = asyncio.Queue()

    async def put(self, workflow_id: str) -> None:
        """Hand over a workflow that is recorded."""
        self._ids.put_nowait(workflow_id)

    async def get(self) -> str:
        """The next workflow to run."""
        return await self._ids.get()
