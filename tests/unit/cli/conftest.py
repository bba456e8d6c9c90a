"""A terminal to type `palio ...` into, and a server that answers as it was told to."""

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from palio.surfaces.cli import main


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    type: str = "application/json"


@dataclass
class Script:
    """Replies by "METHOD /path"; each is given once, the last one for ever."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def on(self, call: str, *bodies: object, status: int = 200) -> None:
        self.replies.setdefault(call, []).extend(Reply(status, json.dumps(body).encode()) for body in bodies)

    def on_file(self, call: str, content: bytes) -> None:
        self.replies[call] = [Reply(200, content, "application/octet-stream")]

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self.replies.get(f"{request.method} {request.path}")
        if not replies:
            return Reply(404, b'{"status":404,"detail":"there is nothing here"}')
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def asked(self, call: str) -> Request:
        return next(r for r in self.requests if f"{r.method} {r.path}" == call)


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = script.answer(Request(self.command, path, query, dict(self.headers), body))
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = respond  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Typed:
    """What came of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def palio(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Typed]:
    """Types a command in an empty folder of a machine on which nothing of Palio is configured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name in [name for name in os.environ if name.startswith("PALIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def type_(*arguments: str, stdin: str = "") -> Typed:
        monkeypatch.setattr(sys, "argv", ["palio", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as exit_:
            main()
        output = capsys.readouterr()
        code = exit_.value.code
        return Typed(code if isinstance(code, int) else 0, output.out, output.err)

    return type_


@pytest.fixture
def workflow(script: Script) -> Callable[..., dict[str, object]]:
    """A workflow's document with one step of one image; `provider` made it once it has succeeded."""

    def document(
        status: str, *, progress: float | None = None, reason: str | None = None, blob_id: str = "ABC.png"
    ) -> dict[str, object]:
        job = {"id": "j1", "status": status, "cost": 1, "provider": "sketch", "reason": reason}
        image = {
            "type": "image",
            "id": blob_id,
            "available": status == "succeeded",
            "jobId": "j1",
            "url": f"{script.url}/blob?sig=x",
        }
        step = {
            "$type": "imageGen",
            "name": "$0",
            "priority": "normal",
            "status": status,
            "metadata": {},
            "input": {"prompt": "a tower"},
            "jobs": [{name: value for name, value in job.items() if value is not None}],
            "output": {"images": [image]},
        }
        if progress is not None:
            step["estimatedProgressRate"] = progress
        return {
            "id": "wf1",
            "createdAt": "2026-01-31T10:00:00Z",
            "status": status,
            "steps": [step],
            "metadata": {},
            "arguments": {},
            "tags": ["demo"],
            "callbacks": [],
            "tips": {"civitai": 0, "creators": 0},
            "cost": {"base": 8, "total": 8, "tips": {"civitai": 0, "creators": 0}},
            "upgradeMode": "manual",
            "currencies": [],
            "forceRefunded": False,
        }

    return document
