"""Finding out what a server of one's own has: when Palio starts, and again every so often."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from palio.providers.base import ProviderError

log = logging.getLogger(__name__)

LOOK_EVERY = 60.0
"""Seconds after which it is asked again what a server has installed."""
LOOK_SOON = 5.0
"""The same, as long as it has never said."""
FIRST_LOOK = 5.0
"""Seconds that the first look may hold the start of Palio back."""


class Lookout:
    """Calls `look` until it is closed; what it raises is told, and tried again."""

    def __init__(self, name: str, look: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._look = look
        self._has_seen = False
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Look once, and go on in the background."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self._try()
        self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop."""
        if (looking := self._looking) is not None:
            looking.cancel()
            await asyncio.wait([looking])

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY if self._has_seen else LOOK_SOON)
            await self._try()

    async def _try(self) -> None:
        try:
            await self._look()
        except ProviderError as error:
            log.warning("it is not known what %s has installed: %s", self._name, error)
        except Exception:
            # It answered in a way that nobody thought of, and may answer otherwise the next time.
            log.exception("it cannot be understood what %s has installed", self._name)
        else:
            self._has_seen = True
