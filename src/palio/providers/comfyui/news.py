"""What a server tells of a run by itself, over its WebSocket: a hint of how far it is, and that it is over.

The queue and the history stay the truth: who hears nothing asks as always.

Source: github Comfy-Org/ComfyUI v0.3.64, `server.py` and `execution.py`.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import aiohttp
import httpx
import msgspec

from palio.contract.json import Json

MAX_MESSAGE_BYTES = 1024 * 1024
CONNECT_SECONDS = 5.0
HEARTBEAT = 30.0
"""Seconds between two signs of life."""
ENDS = {"execution_success", "execution_error", "execution_interrupted"}


class News:
    """What was heard of a run so far."""

    def __init__(self, run: str) -> None:
        self.rate = 0.0
        """How far its longest node is, 0..1."""
        self.over = asyncio.Event()
        self._run = run

    def hear(self, text: str) -> None:
        """Take in a message; one that is about something else, or cannot be read, says nothing."""
        try:
            message: Json = msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return
        kind, data = _at(message, "type"), _at(message, "data")
        if _at(data, "prompt_id") != self._run:
            return
        if kind == "progress":
            value, most = _at(data, "value"), _at(data, "max")
            if isinstance(value, (int, float)) and isinstance(most, (int, float)) and 0 <= value <= most and most > 0:
                self.rate = max(self.rate, value / most)
        elif kind in ENDS:
            self.over.set()

    async def wait(self, seconds: float) -> None:
        """Let so many seconds pass, or fewer where it is heard that the run is over, which counts once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()
                self.over.clear()


async def listen(base_url: str, run: str, news: News, headers: Mapping[str, str]) -> None:
    """Hear what a server tells the client that has the run's id, until it tells no more."""
    url = httpx.URL(base_url.rstrip("/") + "/").join(f"ws?clientId={run}")
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=dict(headers)) as session,
            session.ws_connect(str(url), max_msg_size=MAX_MESSAGE_BYTES, heartbeat=HEARTBEAT) as socket,
        ):
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    news.hear(message.data)
    except (aiohttp.ClientError, OSError, ValueError):
        # A server that tells nothing is asked.
        return


def _at(value: Json, member: str) -> Json:
    return value.get(member) if isinstance(value, dict) else None
