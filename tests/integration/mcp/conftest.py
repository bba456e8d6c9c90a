"""What the tests of MCP share: the official client, on either generation of the protocol, and raw messages."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from tests.conftest import Server

Connect = Callable[..., AbstractAsyncContextManager[Client]]

GENERATIONS = ("legacy", "auto")
"""With a session, as until 2025-11-25, and with a request that says everything, as since 2026-07-28."""

LATEST_WITH_SESSION = "2025-11-25"


@asynccontextmanager
async def connected(url: str, token: str, mode: str = "auto") -> AsyncIterator[Client]:
    """The official client, connected."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.fixture
def connect(server: Server) -> Connect:
    """A client of the server with the first token, or with another."""

    def with_token(mode: str = "auto", token: str | None = None) -> AbstractAsyncContextManager[Client]:
        return connected(server.mcp_url, token or server.token, mode)

    return with_token


@dataclass
class Wire:
    """Raw messages of the generation with sessions."""

    url: str
    token: str
    session: dict[str, str] = field(default_factory=dict)

    def send(self, message: object, **headers: str) -> httpx.Response:
        """Post a message as it is, or the text of one."""
        content = message if isinstance(message, (str, bytes)) else json.dumps(message)
        sent = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **self.session,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return httpx.post(self.url, content=content, headers={k: v for k, v in sent.items() if v}, timeout=60)

    def ask(self, method: str, params: object = None, id: int | str = 1) -> dict:
        """The message that answers a request."""
        reply = self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}})
        assert reply.status_code == 200, reply.text
        return message_in(reply)

    def initialize(self, version: str = LATEST_WITH_SESSION) -> dict:
        """Open a session; gives the answer to `initialize`."""
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        reply = self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        assert reply.status_code == 200, reply.text
        self.session = {"Mcp-Session-Id": reply.headers["mcp-session-id"]}
        assert self.send({"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 202
        return message_in(reply)["result"]


def message_in(reply: httpx.Response) -> dict:
    """The last message of a reply, which is JSON or a stream of events."""
    if reply.headers["content-type"].startswith("application/json"):
        return reply.json()
    return json.loads([line for line in reply.text.splitlines() if line.startswith("data: {")][-1][6:])


@pytest.fixture
def wire(server: Server) -> Wire:
    """No session yet."""
    return Wire(server.mcp_url, server.token)


@pytest.fixture
def session(wire: Wire) -> Iterator[Wire]:
    """With a session, which is ended afterwards."""
    wire.initialize()
    yield wire
    httpx.delete(wire.url, headers={"Authorization": f"Bearer {wire.token}", **wire.session})
