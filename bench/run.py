"""Measures Palio against a bare FastAPI endpoint that echoes the same body, in one run on one machine.

    python bench/run.py [--requests N] [--rounds N] [--markdown FILE]
    python bench/run.py --race            one provider against ten
    python bench/run.py --capability      what the capability runner adds to going directly
    python bench/run.py --tools           tools of MCP against REST
    python bench/run.py --polling         following runs at vendors that have to be asked
    python bench/run.py --peer dbos       Palio in process against DBOS, without servers

Servers and load generator are processes of their own on loopback. What counts are the ratios: absolute rates differ
from machine to machine, and with whatever else it does.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import capability
import polling
import race
import tools
from servers import (
    BODY,
    ONE_PROVIDER,
    SUBMIT_TO_SUCCESS,
    WORKFLOWS,
    Load,
    Server,
    call,
    cpu_seconds,
    echo,
    load,
    middle,
    palio,
    resident_mib,
    start_seconds,
)


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
        return middle([palio for palio, _ in self.pairs])

    @property
    def echo_rate(self) -> float:
        return median(echo.rate for _, echo in self.pairs)


def main() -> None:
    arguments = _arguments()
    if arguments.peer:
        # Here, as what it imports is installed only for those who ask for it.
        import peers

        report = peers.measure(arguments.rounds, arguments.seconds)
    elif arguments.race:
        report = race.measure(arguments.requests // 8, arguments.rounds)
    elif arguments.capability:
        report = capability.measure(arguments.requests, arguments.rounds)
    elif arguments.polling:
        report = polling.measure(arguments.jobs, arguments.run_seconds)
    elif arguments.tools:
        report = tools.measure(arguments.requests // 4, arguments.rounds)
    else:
        report = _measure(arguments.requests, arguments.rounds)
    text = f"{_machine()}\n\n{report}"
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text)


def _measure(requests: int, rounds: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        start = start_seconds(data, ONE_PROVIDER)
        with palio(data, ONE_PROVIDER) as server, echo() as bare:
            print("idle for 5 s", file=sys.stderr)
            idle = _idle(server.pid)
            rows = list(_rows(server, bare, requests, rounds))
            added = _added_latency(server)
            busy = resident_mib(server.pid)
    return _report(rows, start, idle, busy, added)


def _rows(server: Server, bare: Server, requests: int, rounds: int) -> Iterator[Row]:
    workflow = _finished(server)
    for in_flight in (1, 64, 512):
        count = requests // 8 if in_flight == 1 else requests
        for what, method, path, body in (
            ("durable submit", "POST", WORKFLOWS, BODY),
            ("submit to success", *SUBMIT_TO_SUCCESS),
            ("get a finished workflow", "GET", f"{WORKFLOWS}/{workflow}", ""),
        ):
            print(f"{what}, {in_flight} in flight", file=sys.stderr)
            # In turns, so that a drift of the machine falls on both.
            pairs = []
            for _ in range(rounds):
                of_echo = load(bare, "POST", "/echo", BODY, in_flight, count)
                pairs.append((load(server, method, path, body, in_flight, count), of_echo))
                _drain(server)
            yield Row(what, in_flight, pairs)


def _added_latency(server: Server) -> float:
    """Milliseconds that Palio adds at low load to what the provider takes by itself, which is nothing."""
    return load(server, *SUBMIT_TO_SUCCESS, in_flight=1, count=300).p50


def _finished(server: Server) -> str:
    return str(call(server, *SUBMIT_TO_SUCCESS)["id"])


def _drain(server: Server) -> None:
    """Wait for what was submitted without waiting for it."""
    for _ in range(600):
        if not call(server, "GET", f"{WORKFLOWS}?take=1&ascending=false&status=processing")["items"]:
            return
        time.sleep(0.1)
    raise RuntimeError("workflows did not end within a minute")


def _idle(pid: int) -> tuple[float, float]:
    """Resident MiB and percent of a core, with nothing to do."""
    before = cpu_seconds(pid)
    time.sleep(5)
    return resident_mib(pid), (cpu_seconds(pid) - before) / 5 * 100


def _report(rows: list[Row], start: float, idle: tuple[float, float], busy: float, added: float) -> str:
    lines = [
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


def _machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}; the load generator shares the cores."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=6400, help="requests of each measurement (default: 6400)")
    parser.add_argument("--rounds", type=int, default=5, help="times each is measured; medians count (default: 5)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--race", action="store_true", help="measure what nine more providers that do not win cost a job")
    what.add_argument("--capability", action="store_true", help="measure what the capability runner adds")
    what.add_argument("--tools", action="store_true", help="measure what a call of an MCP tool costs beside REST")
    what.add_argument("--polling", action="store_true", help="measure what it costs to follow runs at vendors")
    what.add_argument("--peer", choices=["dbos"], help="measure Palio in process against another durable engine")
    parser.add_argument("--seconds", type=float, default=4, help="length of each measurement with --peer (default: 4)")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs at a time with --polling (default: 1000)")
    parser.add_argument("--run-seconds", type=float, default=60, help="length of a run with --polling (default: 60)")
    parser.add_argument("--markdown", type=Path, help="also write the report to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
