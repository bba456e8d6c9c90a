"""What the capability runner adds: the same request to Palio directly and through it, in turns."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from servers import ONE_PROVIDER, SUBMIT_TO_SUCCESS, WORKFLOWS, Load, Server, call, environment, load, middle, palio

FILES = sorted((Path(__file__).parent.parent / "capabilities").glob("*.yaml"))
PORTS = (8080, 9090)
"""The ports of the files; the first is that of REST."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    in_flight: int
    pairs: list[tuple[Load, Load]]
    """Through the runner and directly, measured one right after the other."""

    def __str__(self) -> str:
        through = middle([through for through, _ in self.pairs])
        direct = middle([direct for _, direct in self.pairs])
        ratio = median(through.rate / direct.rate for through, direct in self.pairs)
        added = median(through.p50 - direct.p50 for through, direct in self.pairs)
        return (
            f"| {self.in_flight} | {direct.rate:,.0f} | {through.rate:,.0f} | {ratio:.0%} "
            f"| {direct.p50:.2f} | {through.p50:.2f} | {added:.2f} | {through.p99:.1f} |"
        )


def measure(requests: int, rounds: int) -> str:
    """The table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        palio(Path(folder), ONE_PROVIDER) as server,
        _runner(server) as runner,
    ):
        rows = list(_rows(server, runner, requests, rounds))
    lines = [
        "| in flight | direct /s | through /s | ratio | direct p50 ms | through p50 ms | added p50 ms | p99 ms |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(str(row) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _rows(server: Server, runner: Server, requests: int, rounds: int) -> Iterator[Row]:
    path = f"{WORKFLOWS}/{call(server, *SUBMIT_TO_SUCCESS)['id']}"
    for in_flight in (1, 64):
        count = requests // 4 if in_flight == 1 else requests
        print(f"get a finished workflow, {in_flight} in flight", file=sys.stderr)
        load(runner, "GET", path, "", in_flight, count // 4)  # connections and code are warm from here on
        pairs = []
        for _ in range(rounds):
            direct = load(server, "GET", path, "", in_flight, count)
            pairs.append((load(runner, "GET", path, "", in_flight, count), direct))
        yield Row(in_flight, pairs)


@contextmanager
def _runner(server: Server) -> Iterator[Server]:
    """The runner of the published files, in front of a server."""
    offset = _free_offset()
    command = [sys.executable, "-m", "palio.surfaces.cli", "capability", "run", *map(str, FILES)]
    command += ["--base-uri", f"http://127.0.0.1:{server.port}", "--port-offset", str(offset)]
    variables = environment() | {"CIVITAI_API_KEY": server.token}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables)
    try:
        if not any("ready" in line for line in process.stderr or ()):
            raise RuntimeError("the runner did not start")
        yield Server(PORTS[0] + offset, process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _free_offset() -> int:
    for offset in range(20_000 + os.getpid() % 5_000, 50_000, 17):
        try:
            with ExitStack() as stack:
                for port in PORTS:
                    stack.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            return offset
        except OSError:
            continue
    raise RuntimeError("no ports are free")
