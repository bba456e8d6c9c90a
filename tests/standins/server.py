"""What stand-ins of vendors share: an HTTP server on loopback, with faults that a test can order.

A stand-in answers as the vendor's documentation says. Orders in `faults` come first: each is used up by one request
of its phase.
"""

import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from random import Random
from typing import IO, Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from PIL import Image

KEY = "a-key-for-tests"
PAGE = b"<!doctype html><html><body><h1>Bad gateway</h1><hr>nginx</body></html>"


@dataclass(frozen=True)
class Call:
    """A request as a stand-in sees it."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """An answer."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Page(Says):
    """An HTML page, as a gateway in front of a vendor sends."""

    status: int = 502
    body: object = PAGE
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})


class Hangs:
    """Reads the request and never answers."""


class Drops:
    """Reads the request and closes the connection."""


class Truncates:
    """Does what was asked, and loses the second half of the answer."""


class Stalls:
    """Does what was asked, sends the first half of the answer, and then nothing more."""


@dataclass(frozen=True)
class Delays:
    """Does what was asked, and answers later."""

    seconds: float


@dataclass(frozen=True)
class Drips:
    """Does what was asked, and answers byte by byte."""

    seconds: float = 0.02
    """Between two bytes."""


Fault: TypeAlias = Says | type[Hangs] | type[Drops] | type[Truncates] | type[Stalls] | Delays | Drips


class StandIn:
    """A vendor's API. Subclasses say what a request is about (`phase`) and how it is answered (`answer`)."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, Call]] = []
        """Every request with its phase."""
        self.started: list[Any] = []
        """What was begun, each of which the vendor would bill."""
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.lock = threading.RLock()
        self.closing = threading.Event()

    def phase(self, call: Call) -> str:
        raise NotImplementedError

    def answer(self, phase: str, call: Call) -> Says:
        raise NotImplementedError

    def upgrade(self, call: Call, read: IO[bytes], write: IO[bytes]) -> bool:
        """Take over the connection of a request that asks for another protocol; False where there is none."""
        return False

    def order(self, phase: str, *faults: Fault) -> None:
        """Have the next requests of a phase end like this."""
        self.faults[phase].extend(faults)

    def called(self, phase: str) -> list[Call]:
        """The requests of a phase so far."""
        return [call for made, call in self.calls if made == phase]

    def respond(self, call: Call) -> tuple[Says | None, Fault | None]:
        phase = self.phase(call)
        with self.lock:
            self.calls.append((phase, call))
            fault = self.faults[phase].popleft() if self.faults[phase] else None
            if isinstance(fault, Says):
                return fault, None
            # What hangs or drops has taken the job all the same: that is what makes it dangerous.
            return self.answer(phase, call), fault


@contextmanager
def serving(stand_in: StandIn) -> Iterator[None]:
    """Run a stand-in's server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in))
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        stand_in.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def png(width: int = 64, height: int = 64, colour: tuple[int, int, int] = (30, 90, 160)) -> bytes:
    """A plain picture."""
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def noise(width: int, height: int) -> bytes:
    """A picture that no compression makes smaller: three bytes for each pixel."""
    file = BytesIO()
    Image.frombytes("RGB", (width, height), Random(1).randbytes(3 * width * height)).save(file, "PNG")
    return file.getvalue()


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are written apart: the second would wait for the first to be acknowledged.
        disable_nagle_algorithm = True

        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, parts.path, parse_qs(parts.query), headers, body)
            if "upgrade" in headers and stand_in.upgrade(call, self.rfile, self.wfile):
                self.close_connection = True
                return
            says, fault = stand_in.respond(call)
            assert says is not None
            if fault is Hangs:
                stand_in.closing.wait()
            if isinstance(fault, Delays):
                stand_in.closing.wait(fault.seconds)
            if fault is Hangs or fault is Drops:
                self.close_connection = True
                return
            self._send(says, fault)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

        def _send(self, says: Says, fault: Fault | None) -> None:
            content = says.content
            self.send_response(says.status)
            for name, value in {"Content-Type": "application/json", **says.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault is Truncates or fault is Stalls:
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
                if fault is Stalls:
                    stand_in.closing.wait()
            elif isinstance(fault, Drips):
                self._drip(content, fault.seconds)
            else:
                self.wfile.write(content)

        def _drip(self, content: bytes, seconds: float) -> None:
            try:
                for byte in content:
                    if stand_in.closing.is_set():
                        return
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(seconds)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


Make: TypeAlias = Callable[[], StandIn]
