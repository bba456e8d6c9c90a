"""A load generator that is not in the way: keep-alive connections on a bare protocol, one request at a time each.

Prints one JSON object: requests, seconds, latencies in ms (p50, p99). Runs in a process of its own. `$CONNECTION` in
the body becomes the connection's number.
"""

import asyncio
import json
import sys
from time import perf_counter
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """Sends the next request when the reply to the last one is complete, `count` times."""

    def __init__(self, request: bytes, count: int, latencies: list[float], done: "asyncio.Future[None]") -> None:
        self._request = request
        self._left = count
        self._latencies = latencies
        self._done = done
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _is_whole(self._received):
            return
        if not self._received.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            self._fail(f"unexpected reply: {self._received[:400]!r}")
            return
        self._latencies.append(perf_counter() - self._sent)
        self._received = b""
        self._left -= 1
        if self._left > 0:
            self._send()
        else:
            self._transport.close()
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._fail(f"connection lost: {error}")

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(self._request)

    def _fail(self, reason: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(reason))


def _is_whole(reply: bytes) -> bool:
    head, end, body = reply.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    return bool(end) and len(body) >= _content_length(head)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def _request(head: str, data: bytes) -> bytes:
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


async def main(
    port: int, method: str, path: str, token: str, body: str, in_flight: int, count: int, headers: str
) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n{headers}"
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    done: list[asyncio.Future[None]] = []
    started = perf_counter()
    for number in range(in_flight):
        request = _request(head, body.replace("$CONNECTION", str(number)).encode())
        future: asyncio.Future[None] = loop.create_future()
        done.append(future)
        await loop.create_connection(
            lambda request=request, future=future: Connection(request, max(1, count // in_flight), latencies, future),
            "127.0.0.1",
            port,
        )
    await asyncio.wait_for(asyncio.gather(*done), 120)
    seconds = perf_counter() - started
    latencies.sort()
    print(
        json.dumps(
            {
                "requests": len(latencies),
                "seconds": seconds,
                "rate": len(latencies) / seconds,
                "p50": latencies[len(latencies) // 2] * 1000,
                "p99": latencies[int(len(latencies) * 0.99)] * 1000,
            }
        )
    )


if __name__ == "__main__":
    port, method, path, token, body, in_flight, count, headers = sys.argv[1:]
    uvloop.run(main(int(port), method, path, token, body, int(in_flight), int(count), headers))
