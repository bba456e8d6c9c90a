"""Measures Palio against a bare FastAPI endpoint that echoes the same body, in one run on one machine.

    python bench/run.py [--requests N] [--rounds N] [--markdown FILE]

Servers and load generator are processes of their own on loopback. What counts are the ratios: absolute rates differ
from machine to machine, and with whatever else it does.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
CONFIG = """
sketch = false

[providers.zero]
kind = "scripted"
tiny = true
concurrency = 1000
"""
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
WORKFLOWS = "/v2/consumer/workflows"


@dataclass(frozen=True)
class Server:
    """A server under load."""

    port: int
    pid: int
    token: str = "-"  # noqa: S105 - the echo needs none


@dataclass(frozen=True)
class Load:
    """What the load generator measured: requests/s, and latencies in ms."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    in_flight: int
    pairs: list[tuple[Load, Load]]
    """Palio and the bare echo, measured one right after the other."""

    @property
    def ratio(self) -> float:
        return median(palio.rate / echo.rate for palio, echo in self.pairs)

    @property
    def palio(self) -> Load:
        """The round with the median rate."""
        return sorted((palio for palio, _ in self.pairs), key=lambda load: load.rate)[len(self.pairs) // 2]

    @property
    def echo_rate(self) -> float:
        return median(echo.rate for _, echo in self.pairs)


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder, _palio(Path(folder)) as (palio, start), _echo() as echo:
        print("idle for 5 s", file=sys.stderr)
        idle = _idle(palio.pid)
        rows = list(_rows(palio, echo, arguments.requests, arguments.rounds))
        added = _added_latency(palio)
        busy = _resident_mib(palio.pid)
    text = _report(rows, start, idle, busy, added)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text)


def _rows(palio: Server, echo: Server, requests: int, rounds: int) -> Iterator[Row]:
    workflow = _finished(palio)
    for in_flight in (1, 64, 512):
        count = requests // 8 if in_flight == 1 else requests
        for what, method, path, body in (
            ("durable submit", "POST", WORKFLOWS, BODY),
            ("submit to success", "POST", f"{WORKFLOWS}?wait=60", BODY),
            ("get a finished workflow", "GET", f"{WORKFLOWS}/{workflow}", ""),
        ):
            print(f"{what}, {in_flight} in flight", file=sys.stderr)
            # In turns, so that a drift of the machine falls on both.
            pairs = []
            for _ in range(rounds):
                bare = _load(echo, "POST", "/echo", BODY, in_flight, count)
                pairs.append((_load(palio, method, path, body, in_flight, count), bare))
                _drain(palio)
            yield Row(what, in_flight, pairs)


def _load(server: Server, method: str, path: str, body: str, in_flight: int, count: int) -> Load:
    command = [sys.executable, HERE / "load.py", server.port, method, path, server.token, body, in_flight, count]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, timeout=300)
    measured = json.loads(done.stdout)
    return Load(measured["rate"], measured["p50"], measured["p99"])


def _added_latency(palio: Server) -> float:
    """Milliseconds that Palio adds at low load to what the provider takes by itself, which is nothing."""
    return _load(palio, "POST", f"{WORKFLOWS}?wait=60", BODY, 1, 300).p50


def _finished(palio: Server) -> str:
    return str(_call(palio, "POST", f"{WORKFLOWS}?wait=60", BODY)["id"])


def _drain(palio: Server) -> None:
    """Wait for what was submitted without waiting for it."""
    for _ in range(600):
        if not _call(palio, "GET", f"{WORKFLOWS}?take=1&ascending=false&status=processing")["items"]:
            return
        time.sleep(0.1)
    raise RuntimeError("workflows did not end within a minute")


def _call(server: Server, method: str, path: str, body: str | None = None) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        method=method,
        data=body.encode() if body is not None else None,
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=90) as reply:
        return json.load(reply)


@contextmanager
def _palio(data: Path) -> Iterator[tuple[Server, float]]:
    """A server, and the seconds that its second start took until it answered."""
    (data / "palio.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "palio.surfaces.cli", "serve", "--port", "0", "--mcp-port", "0"]
    command += ["--data", str(data), "--config", str(data / "palio.toml"), "--log-level", "error"]
    seconds: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=_environment())
        try:
            server = Server(_announced_port(process), process.pid, (data / "token").read_text().strip())
            _call(server, "GET", "/health")
            seconds.append(time.perf_counter() - began)
            if len(seconds) == 5:
                yield server, median(seconds[1:])
        finally:
            process.terminate()
            process.communicate(timeout=30)


@contextmanager
def _echo() -> Iterator[Server]:
    port = 18_000 + os.getpid() % 10_000
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "echo:app", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, env=_environment())
    try:
        server = Server(port, process.pid)
        for _ in range(100):
            try:
                _call(server, "POST", "/echo", "{}")
                break
            except OSError:
                time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PALIO_")}


def _announced_port(process: "subprocess.Popen[str]") -> int:
    for line in process.stderr or ():
        if found := re.search(r"http://[^:]+:(\d+)", line):
            return int(found[1])
    raise RuntimeError("the server did not start")


def _idle(pid: int) -> tuple[float, float]:
    """Resident MiB and percent of a core, with nothing to do."""
    before = _cpu_seconds(pid)
    time.sleep(5)
    return _resident_mib(pid), (_cpu_seconds(pid) - before) / 5 * 100


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _report(rows: list[Row], start: float, idle: tuple[float, float], busy: float, added: float) -> str:
    lines = [
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}; the load generator shares the cores.",
        "",
        "| what | in flight | Palio /s | p50 ms | p99 ms | bare echo /s | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.what} | {row.in_flight} | {row.palio.rate:,.0f} | {row.palio.p50:.1f} | {row.palio.p99:.1f} "
        f"| {row.echo_rate:,.0f} | {row.ratio:.0%} |"
        for row in rows
    ]
    lines += [
        "",
        f"- latency added at low load to a provider that takes no time: {added:.1f} ms (p50)",
        f"- from `palio serve` to the first reply: {start:.2f} s (median of 4 starts on an existing data folder)",
        f"- idle: {idle[0]:.0f} MiB resident, {idle[1]:.1f} % of a core; after the load {busy:.0f} MiB",
        "",
    ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=6400, help="requests of each measurement (default: 6400)")
    parser.add_argument("--rounds", type=int, default=5, help="times each is measured; medians count (default: 5)")
    parser.add_argument("--markdown", type=Path, help="also write the report to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
