import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import TypeAlias

import pytest
from PIL import Image

Answer: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """A server on loopback that answers every request with the same bytes, however wrong they are."""

    port: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/cat.png"


StartServer: TypeAlias = Callable[..., Awaitable[RawServer]]


@pytest.fixture
async def start_server() -> AsyncIterator[StartServer]:
    """Starts servers that answer with given bytes, or by writing what they like to the connection."""
    connections: set[asyncio.Task[None]] = set()
    async with AsyncExitStack() as stack:

        async def start(answer: bytes | Answer, tls: SSLContext | None = None) -> RawServer:
            server = RawServer()

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with suppress(OSError, asyncio.IncompleteReadError):
                    server.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
                    if isinstance(answer, bytes):
                        writer.write(answer)
                    else:
                        await answer(writer)
                    await writer.drain()

            async def serve_until_stopped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connection = asyncio.create_task(serve(reader, writer))
                connections.add(connection)
                await asyncio.wait([connection])
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

            listening = await asyncio.start_server(serve_until_stopped, "127.0.0.1", 0, ssl=tls)
            stack.callback(listening.close)
            server.port = listening.sockets[0].getsockname()[1]
            return server

        yield start
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0.01)


@pytest.fixture
def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "PNG")
    return out.getvalue()
