"""Measures what it costs to follow runs at vendors that have to be asked how far they are."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import HERE, WORKFLOWS, Server, call, cpu_seconds, environment, load, palio, resident_mib

KEY = "bench"
CONFIG = """
sketch = false
vendors_by_key = false
max_active_workflows = 10000

[providers.one]
kind = "fal"
base_url = "http://127.0.0.1:{port}"
api_key_env = "BENCH_KEY"
concurrency = {places}

[providers.two]
kind = "bfl"
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "BENCH_KEY"
concurrency = {places}
"""
STEP = {
    "$type": "imageGen",
    "input": {"engine": "flux2", "model": "pro", "operation": "createImage", "prompt": "an otter in a canoe"},
}
BODY = json.dumps({"steps": [STEP]})
WINDOW = 5.0
"""Seconds over which the rate and the CPU of a moment are taken."""


def measure(jobs: int, seconds: float) -> str:
    """The report: `jobs` jobs at a time on two vendors, where each takes `seconds`."""
    os.environ["BENCH_KEY"] = KEY
    with (
        tempfile.TemporaryDirectory() as folder,
        vendors(seconds) as there,
        palio(Path(folder), CONFIG.format(port=there.port, places=jobs)) as server,
    ):
        idle = resident_mib(server.pid)
        rows = list(_rows(server, there, jobs, seconds))
        peak = _peak_mib(server.pid)
        asked = _count(there, "asked")
    return "\n".join(
        [
            f"{jobs:,} jobs at the same time, each of {seconds:g} s, at two vendors:",
            "",
            "| age of the runs | questions/s | questions/s of a run | CPU, % of a core | CPU of a question, ms | MiB |",
            "|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
            f"- from its start to its end a run is asked about {asked / jobs:.1f} times",
            f"- resident: {idle:.0f} MiB idle before, {peak:.0f} MiB at most",
            "",
        ]
    )


def _rows(server: Server, there: Server, jobs: int, seconds: float) -> Iterator[str]:
    began = time.monotonic()
    load(server, "POST", WORKFLOWS, BODY, 1, jobs)
    _wait_for(there, "begun", jobs, seconds)
    if time.monotonic() - began + WINDOW > seconds:
        raise RuntimeError(f"the first runs were over before all had begun; runs must take longer than {seconds:g} s")
    while (age := time.monotonic() - began) + WINDOW < seconds:
        before, cpu, at = _count(there, "asked"), cpu_seconds(server.pid), time.monotonic()
        time.sleep(WINDOW)
        span = time.monotonic() - at
        rate = (_count(there, "asked") - before) / span
        share = (cpu_seconds(server.pid) - cpu) / span
        each = share / rate * 1000 if rate else 0.0
        yield (
            f"| {age:.0f}-{age + WINDOW:.0f} s | {rate:,.0f} | {rate / jobs:.2f} | {share:.0%} | {each:.2f} "
            f"| {resident_mib(server.pid):.0f} |"
        )
    _wait_for(there, "done", jobs, 2 * seconds)


def _wait_for(there: Server, what: str, jobs: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (count := _count(there, what)) < jobs:
        if time.monotonic() > until:
            raise RuntimeError(f"after {seconds:g} s {count} of {jobs} jobs were {what}")
        time.sleep(0.5)


@contextmanager
def vendors(seconds: float) -> Iterator[Server]:
    """The two vendors of `vendors.py`."""
    port = 28_000 + os.getpid() % 10_000
    process = subprocess.Popen([sys.executable, str(HERE / "vendors.py"), str(port), str(seconds)], env=environment())
    try:
        there = Server(port, process.pid)
        for _ in range(100):
            try:
                _count(there, "begun")
                break
            except OSError:
                time.sleep(0.1)
        yield there
    finally:
        process.terminate()
        process.wait(30)


def _count(there: Server, what: str) -> int:
    return int(str(call(there, "GET", "/counts")[what]))


def _peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
