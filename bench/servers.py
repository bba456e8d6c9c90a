"""Servers under load, and the load: processes of their own on loopback."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType

HERE = Path(__file__).parent
ONE_PROVIDER = """
sketch = false

[providers.zero]
kind = "scripted"
tiny = true
concurrency = 1000
"""
"""A configuration whose only provider takes no time."""
BODY = json.dumps(
    {
        "steps": [
            {
                "$type": "imageGen",
                "input": {
                    "engine": "sdcpp",
                    "ecosystem": "sdxl",
                    "operation": "createImage",
                    "prompt": "an otter reading a map in a canoe",
                    "model": "urn:air:sdxl:checkpoint:civitai:101@202",
                    "outputFormat": "png",
                },
            }
        ]
    }
)
"""A workflow of one job."""
NONE: Mapping[str, str] = MappingProxyType({})
WORKFLOWS = "/v2/consumer/workflows"
SUBMIT_TO_SUCCESS = ("POST", f"{WORKFLOWS}?wait=60", BODY)
"""Method, path and body of a request that is answered when its workflow is over."""


@dataclass(frozen=True)
class Server:
    """A server under load."""

    port: int
    pid: int
    token: str = "-"  # noqa: S105 - the echo needs none


@dataclass(frozen=True)
class Load:
    """What was measured under load: requests or workflows a second, and latencies in ms."""

    rate: float
    p50: float
    p99: float


def middle(loads: list[Load]) -> Load:
    """The round with the median rate."""
    return sorted(loads, key=lambda load: load.rate)[len(loads) // 2]


def load(
    server: Server, method: str, path: str, body: str, in_flight: int, count: int, headers: Mapping[str, str] = NONE
) -> Load:
    """Have the load generator send `count` requests, `in_flight` at a time."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    command = [sys.executable, HERE / "load.py", server.port, method, path, server.token, body, in_flight, count, lines]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, timeout=300)
    measured = json.loads(done.stdout)
    return Load(measured["rate"], measured["p50"], measured["p99"])


def call(server: Server, method: str, path: str, body: str | None = None) -> dict[str, object]:
    """One request, outside of what is measured."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        method=method,
        data=body.encode() if body is not None else None,
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=90) as reply:
        return json.load(reply)


@contextmanager
def palio(data: Path, config: str) -> Iterator[Server]:
    """A server that has answered its first request."""
    (data / "palio.toml").write_text(config)
    command = [sys.executable, "-m", "palio.surfaces.cli", "serve", "--port", "0", "--mcp-port", "0"]
    command += ["--data", str(data), "--config", str(data / "palio.toml"), "--log-level", "error"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        server = Server(_announced_port(process), process.pid, (data / "token").read_text().strip())
        call(server, "GET", "/health")
        yield server
    finally:
        process.terminate()
        process.communicate(timeout=30)


def start_seconds(data: Path, config: str) -> float:
    """Seconds from the start of a server to its first reply: the median of four starts on an existing data folder."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        with palio(data, config):
            seconds.append(time.perf_counter() - began)
    return median(seconds[1:])


@contextmanager
def echo() -> Iterator[Server]:
    """The bare endpoint of `echo.py`."""
    port = 18_000 + os.getpid() % 10_000
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "echo:app", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, env=environment())
    try:
        server = Server(port, process.pid)
        for _ in range(100):
            try:
                call(server, "POST", "/echo", "{}")
                break
            except OSError:
                time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def resident_mib(pid: int) -> float:
    """Memory of a process, in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environment() -> dict[str, str]:
    """The environment, without settings of Palio."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PALIO_")}


def _announced_port(process: "subprocess.Popen[str]") -> int:
    for line in process.stderr or ():
        if found := re.search(r"http://[^:]+:(\d+)", line):
            return int(found[1])
    raise RuntimeError("the server did not start")
