"""A runner of capability files, and an API that notes what it is asked and answers as it is told."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import uvicorn

from palio.surfaces.capability.forwarder import Forwarder, Patience
from palio.surfaces.capability.loading import Auth, must_load
from palio.surfaces.capability.server import Runner
from palio.surfaces.listening import listen, new_loop

ROOT = Path(__file__).parents[3]
PUBLISHED = [
    ROOT / "capabilities/orchestration-workflows.yaml",
    ROOT / "capabilities/orchestration-image-generation.yaml",
]
KEY = {"CIVITAI_API_KEY": "bound-key"}


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire; `target` is path and query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the API says; a body in parts is sent as they come, in chunks."""

    status: int = 200
    body: bytes | Generator[bytes, None, None] = b"{}"
    headers: Sequence[tuple[str, str]] = (("Content-Type", "application/json"),)


@dataclass
class Api:
    """An HTTP server on loopback."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answer: Answer | Callable[[BaseHTTPRequestHandler], Answer | None] = field(default_factory=Answer)
    """What it answers, or what makes the answer; None hangs up."""

    @property
    def last(self) -> Asked:
        return self.asked[-1]


@contextlib.contextmanager
def api() -> Iterator[Api]:
    """An API that runs until the end of the block."""
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.asked.append(Asked(self.command, self.path, headers, body))
            answer = state.answer(self) if callable(state.answer) else state.answer
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if isinstance(answer.body, bytes):
                if answer.status not in (204, 304):
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.closing(answer.body) as parts:
                for part in parts:
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = respond  # noqa: N815

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Running:
    """A runner that serves."""

    offset: int

    def url(self, port: int) -> str:
        """The address of a port of the files."""
        return f"http://127.0.0.1:{port + self.offset}"

    def client(self, port: int = 8080, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url(port), headers=headers, timeout=30)


@contextlib.contextmanager
def runner(
    files: Sequence[Path],
    base_uri: str | None,
    environment: Mapping[str, str] | None = None,
    auth: Auth = "bound",
    patience: Patience | None = None,
    ports: Sequence[int] = (8080, 9090),
) -> Iterator[Running]:
    """A runner in a thread of its own, with as long a patience as the test wants."""
    offset = free_offset(ports)
    loaded = must_load(files, KEY if environment is None else environment, base_uri, auth, offset)
    config = Runner(loaded.ports, is_loopback=True, auth=auth, forwarder=Forwarder(patience)).config()
    config.timeout_graceful_shutdown = 1
    server = _Server(config)
    sockets = [listen("127.0.0.1", port.number, "port-offset") for port in loaded.ports]

    def serve() -> None:
        with asyncio.Runner(loop_factory=new_loop) as loop:
            loop.run(server.serve(sockets=sockets))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert server.has_started.wait(30)
        yield Running(offset)
    finally:
        server.should_exit = True
        thread.join()
        for each in sockets:
            each.close()


class _Server(uvicorn.Server):
    """Tells when it has started, and leaves signals to the tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()


def free_offset(ports: Sequence[int]) -> int:
    """What can be added to all of these ports so that they are free."""
    for offset in range(20_000 + os.getpid() % 4_000, 50_000, 13):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in ports:
                stack.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            return offset
    raise AssertionError("no ports are free")
