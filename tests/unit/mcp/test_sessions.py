"""Whose sessions are counted, and until when."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from palio.errors import TooBusy
from palio.surfaces.mcp.sessions import MAX_OF_ACCOUNT, Sessions

IDLE = 60.0


class Desk:
    """Opens sessions with ids in order, and answers what belongs to one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.opened = 0
        self.hold: asyncio.Event | None = None
        self.sessions = Sessions(IDLE, lambda: self.now)

    async def ask(self, account: str = "a", session: str | None = None, **headers: str) -> None:
        """A request of an account."""
        sent = headers | ({"mcp-session-id": session} if session else {})
        scope = {
            "type": "http",
            "method": "POST",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
        }
        await self.sessions.serve(self._answer, account, scope, _nothing, _nobody)

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if self.hold is not None:
            await self.hold.wait()
        headers = dict(scope["headers"])
        if b"mcp-session-id" not in headers and b"mcp-protocol-version" not in headers:
            self.opened += 1
            headers[b"mcp-session-id"] = str(self.opened).encode()
        await send({"type": "http.response.start", "status": 200, "headers": list(headers.items())})


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _nobody(_message: Message) -> None:
    pass


@pytest.fixture
async def full() -> Desk:
    """Account `a` has as many sessions as it may."""
    desk = Desk()
    for _ in range(MAX_OF_ACCOUNT):
        await desk.ask()
    return desk


async def test_requests_without_a_session_are_not_counted(full: Desk) -> None:
    await full.ask(mcp_protocol_version="2026-07-28")
    with pytest.raises(TooBusy):
        await full.ask()


async def test_a_session_that_was_not_used_for_long_makes_room(full: Desk) -> None:
    full.now = IDLE
    await full.ask(session="1")
    full.now = IDLE + 1

    for _ in range(MAX_OF_ACCOUNT - 1):
        await full.ask()
    with pytest.raises(TooBusy):
        await full.ask()


async def test_a_session_with_a_request_under_way_is_not_idle(full: Desk) -> None:
    full.hold = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(full.ask(session="1"))
        await asyncio.sleep(0)
        full.now = IDLE + 1
        hold, full.hold = full.hold, None
        for _ in range(MAX_OF_ACCOUNT - 1):
            await full.ask()
        with pytest.raises(TooBusy):
            await full.ask()
        hold.set()


async def test_another_account_does_not_keep_a_session_alive(full: Desk) -> None:
    full.now = IDLE
    await full.ask("b", session="1")
    full.now = IDLE + 1
    for _ in range(MAX_OF_ACCOUNT):
        await full.ask()
