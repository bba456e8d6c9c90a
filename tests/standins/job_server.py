"""A server of the job protocol that keeps the receipts, and does wrong whatever a test tells it to do wrong.

In a test it runs in the test's own loop. As a process of its own (`python -m tests.standins.job_server --help`) it
outlives any Palio that is killed, and answers `GET /receipts` with everything that it was asked to do.
"""

import argparse
import asyncio
import contextlib
import io
import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from PIL import Image

Call = Literal["start", "poll", "image", "cancel"]
Span = tuple[float, float]


@dataclass(frozen=True)
class Script:
    """How runs go when nothing is wrong. Seconds are drawn evenly from spans, shares are 0..1."""

    queued: Span = (0.0, 0.0)
    seconds: Span = (0.0, 0.0)
    outcome: str = "succeeded"
    error: str | None = None
    cost: float | None = None
    answer: Span = (0.0, 0.0)
    """Between having taken a job and saying so."""
    image: Span = (0.0, 0.0)
    """Before an image is sent."""
    unavailable: float = 0.0
    """Share of starts that are answered 503, and not taken."""
    unanswered: float = 0.0
    """Share of starts that are taken, and whose answer is lost."""
    failing: float = 0.0
    """Share of runs that fail."""
    refused: str = ""
    """A word in the prompt with which a run ends as refused."""
    noise: float = 0.0
    """Share of images that are large: noise, which cannot be compressed."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request. `done`: what was asked is done all the same, before it goes wrong."""

    reply: Reply | None = None
    """Sent in place of the right one."""
    wait: float = 0.0
    """Seconds before the reply."""
    drop: bool = False
    """The connection is closed without a reply."""
    cut: int | None = None
    """The connection is closed after so many bytes of the body."""
    drip: float = 0.0
    """Seconds between single bytes of the body."""
    done: bool = False


@dataclass
class Run:
    """One run, which was paid for when it was taken on."""

    job: dict[str, Any]
    taken: float
    runs_from: float
    ends: float
    outcome: str
    noise: bool
    puts: int = 1
    canceled: asyncio.Event = field(default_factory=asyncio.Event)

    def status(self) -> str:
        if self.canceled.is_set():
            return "canceled"
        now = monotonic()
        if now < self.runs_from:
            return "queued"
        return "running" if now < self.ends else self.outcome

    def progress(self) -> float:
        now = monotonic()
        if now >= self.ends:
            return 1.0
        return max(0.0, (now - self.runs_from) / max(self.ends - self.runs_from, 1e-9))

    def next_change(self) -> float:
        """Seconds until a poll has something new to say."""
        now = monotonic()
        if now >= self.ends or self.canceled.is_set():
            return 0.0
        return (self.runs_from if now < self.runs_from else min(self.ends, now + 0.5)) - now


class JobServer:
    """The server. `faults` are used up one by one by the next calls of their kind."""

    def __init__(self, script: Script = Script(), key: str | None = None, seed: int = 0) -> None:
        self.script = script
        self.key = key
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.runs: dict[str, Run] = {}
        self.calls: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.url = ""
        self._random = random.Random(seed)
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    def fail(self, call: Call, *faults: Fault) -> None:
        """Let the next calls of a kind go wrong."""
        self.faults[call].extend(faults)

    @property
    def paid(self) -> Counter[str]:
        """How many runs were begun, by the prompt of their job: a second one would be paid twice."""
        return Counter(str(run.job["prompt"]) for run in self.runs.values())

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["JobServer"]:
        """Listen on loopback while the block runs."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            open_ = list(self._connections.items())
            for writer, task in open_:
                writer.transport.abort()
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(task for _, task in open_ if task is not None), return_exceptions=True)
            await server.wait_closed()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        # Not cancelled for whoever calls it: asyncio would report that as an error.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._request(reader, writer):
                pass
        del self._connections[writer]
        writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        address = urlsplit(target)
        call = self._call(method, address.path)
        self.calls[call] += 1
        fault = self.faults[call].popleft() if self.faults[call] else None
        drop = False
        reply = Reply(500)
        if fault is None or fault.done:
            wait = float(parse_qs(address.query).get("wait", ["0"])[0])
            reply, drop = await self._answer(call, address.path, headers, body, wait)
        if fault is not None:
            await asyncio.sleep(fault.wait)
            reply, drop = fault.reply or reply, fault.drop
        if drop:
            writer.transport.abort()
            return False
        return await _send(writer, reply, fault or Fault())

    def _call(self, method: str, path: str) -> str:
        if path == "/receipts":
            return "receipts"
        if path.endswith("/image"):
            return "image"
        return {"PUT": "start", "GET": "poll", "DELETE": "cancel"}.get(method, "unknown")

    async def _answer(
        self, call: str, path: str, headers: Mapping[str, str], body: bytes, wait: float
    ) -> tuple[Reply, bool]:
        if call == "receipts":
            return _json(200, self.receipts()), False
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return _json(401, {"detail": f"this is not the key: {headers.get('authorization')}"}), False
        id_ = path.removeprefix("/jobs/").removesuffix("/image")
        run = self.runs.get(id_)
        if call == "start":
            return await self._start(id_, run, json.loads(body))
        if run is None:
            return _json(404, {"detail": f"there is no job {id_}"}), False
        match call:
            case "poll":
                if wait:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(run.canceled.wait(), min(wait, run.next_change()))
                return self._state(200, run), False
            case "image":
                await asyncio.sleep(self._random.uniform(*self.script.image))
                return Reply(200, picture(run.job["width"], run.job["height"], run.noise)), False
            case _:
                run.canceled.set()
                return Reply(204), False

    async def _start(self, id_: str, run: Run | None, body: dict[str, Any]) -> tuple[Reply, bool]:
        script = self.script
        if run is not None:
            run.puts += 1
            return self._state(200, run), False
        if self._random.random() < script.unavailable:
            return _json(503, {"detail": "come back later"}), False
        taken = monotonic()
        runs_from = taken + self._random.uniform(*script.queued)
        outcome = "failed" if self._random.random() < script.failing else script.outcome
        if script.refused and script.refused in body["job"]["prompt"]:
            outcome = "refused"
        ends = runs_from + self._random.uniform(*script.seconds)
        run = Run(body["job"], taken, runs_from, ends, outcome, self._random.random() < script.noise)
        self.runs[id_] = run
        self.bodies.append(body)
        await asyncio.sleep(self._random.uniform(*script.answer))
        return self._state(201, run), self._random.random() < script.unanswered

    def _state(self, status: int, run: Run) -> Reply:
        said: dict[str, Any] = {"status": run.status(), "progress": run.progress()}
        if said["status"] != "succeeded" and self.script.error is not None:
            said["error"] = self.script.error
        if self.script.cost is not None:
            said["cost"] = self.script.cost
        return _json(status, said)

    def receipts(self) -> dict[str, dict[str, Any]]:
        """Every run that was begun, by the id that it was begun under."""
        return {
            id_: {"puts": run.puts, "status": run.status(), "outcome": run.outcome, "prompt": run.job["prompt"]}
            for id_, run in self.runs.items()
        }


@lru_cache(maxsize=16)
def picture(width: int, height: int, noise: bool) -> bytes:
    """A PNG: one colour, or what no encoder makes smaller."""
    file = io.BytesIO()
    if noise:
        Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3)).save(file, "PNG")
    else:
        Image.new("RGB", (width, height), (200, 80, 40)).save(file, "PNG")
    return file.getvalue()


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


async def _send(writer: asyncio.StreamWriter, reply: Reply, fault: Fault) -> bool:
    headers = {"Content-Length": str(len(reply.body)), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} Said\r\n{head}\r\n".encode("latin-1"))
    if fault.drip:
        for byte in reply.body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(fault.drip)
        return True
    if fault.cut is not None:
        writer.write(reply.body[: fault.cut])
        await writer.drain()
        return False
    writer.write(reply.body)
    await writer.drain()
    return True


def _span(text: str) -> Span:
    low, _, high = text.partition(":")
    return float(low), float(high or low)


async def _serve(script: Script, seed: int) -> None:
    async with JobServer(script, seed=seed).serving() as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until killed; the first line of output is the address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    for name in ("queued", "seconds", "answer", "image"):
        parser.add_argument(f"--{name}", type=_span, default=(0.0, 0.0), metavar="LOW:HIGH")
    for name in ("unavailable", "unanswered", "failing", "noise"):
        parser.add_argument(f"--{name}", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--cost", type=float)
    parser.add_argument("--refused", default="", metavar="WORD")
    chosen = vars(parser.parse_args())
    asyncio.run(_serve(seed=chosen.pop("seed"), script=Script(**chosen)))


if __name__ == "__main__":
    main()
