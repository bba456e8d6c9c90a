"""Kill a real `palio serve` again and again while clients order, then let it come to rest and look at what there is."""

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.crowd import Crowd
from tests.chaos.ledger import Database
from tests.chaos.moments import Moments
from tests.chaos.vendors import Market, market
from tests.chaos.verdict import Faults, faults, unstopped
from tests.conftest import PALIO, READY, environment

START_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """What a campaign does. The same seed draws the same kills, orders and vendors' moods; the machine does the rest.

    `seconds` bounds the time in which kills are made, `rest` the time after the last in which all has to end.
    """

    kills: int
    workflows: int
    seed: int
    seconds: float = 900.0
    rest: float = 120.0
    life: tuple[float, float] = (0.05, 2.5)
    """For how long a server may live, in seconds from when it is ready."""


@dataclass
class Outcome:
    """What came of it."""

    kills: int = 0
    accepted: int = 0
    images: int = 0
    runs: int = 0
    unstopped: int = 0
    seconds: float = 0.0
    moments: Moments = field(default_factory=Moments)
    faults: Faults = field(default_factory=dict)


async def campaign(plan: Plan, data: Path, database: Database, say: Callable[[str], None]) -> Outcome:
    """Carry out a plan on an empty data folder."""
    began = time.monotonic()
    outcome = Outcome()
    random = Random(plan.seed)
    crowd = Crowd(plan.workflows, Random(random.random()))
    with market(plan.seed) as vendors:
        palio = Palio(data, database, vendors, _port())
        async with asyncio.TaskGroup() as group:
            ordering = group.create_task(crowd.run())
            while outcome.kills < plan.kills and time.monotonic() - began < plan.seconds:
                await _life(palio, crowd, plan, random)
                outcome.kills += 1
                under_way = asyncio.to_thread(database.read, unfinished=True)
                snapshot, receipts = await asyncio.gather(under_way, asyncio.to_thread(vendors.receipts))
                outcome.moments.add(snapshot, receipts)
                say(f"kill {outcome.kills} of {plan.kills}: {len(crowd.orders)} ordered, {crowd.ended} ended")
            if outcome.kills < plan.kills:
                outcome.faults["time"] = [f"it was enough for {outcome.kills} of {plan.kills} kills only"]
            crowd.closing = True
            say("no more kills; waiting for the end of every workflow")
            async with palio.running(crowd):
                await asyncio.wait([ordering], timeout=plan.rest)
                ordering.cancel()
                if wrong := await crowd.pictures():
                    outcome.faults["images"] = wrong
        snapshot, receipts = database.read(), vendors.receipts()
    outcome.faults |= faults(crowd, snapshot, receipts)
    outcome.runs = len(receipts)
    outcome.unstopped = unstopped(snapshot, receipts)
    outcome.accepted = sum(bool(order.ids) for order in crowd.orders)
    done = [order for order in crowd.orders if order.end is not None and order.end["status"] == "succeeded"]
    outcome.images = sum(order.quantity for order in done)
    outcome.seconds = time.monotonic() - began
    return outcome


async def _life(palio: "Palio", crowd: Crowd, plan: Plan, random: Random) -> None:
    """One server, from its start to its kill; now and then it does not even get ready."""
    seconds = random.uniform(*plan.life)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds if random.random() < 0.1 else None), palio.running(crowd, signal.SIGKILL):
            await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Palio:
    """Starts the real server, again and again, on the same data."""

    data: Path
    database: Database
    market: Market
    port: int

    @asynccontextmanager
    async def running(self, crowd: Crowd, end: signal.Signals = signal.SIGTERM) -> AsyncIterator[None]:
        """A server while the block runs, ended by a signal, also if the block is left while it still starts."""
        self.data.mkdir(parents=True, exist_ok=True)
        config, log = self.data / "palio.toml", self.data / "server.log"
        config.write_text(self.market.config())
        url = self.database.url()
        ports = ["--port", str(self.port), "--mcp-port", "0"]
        command = [*PALIO, "serve", *ports, "--data", str(self.data), "--config", str(config)]
        more = {} if url is None else {"PALIO_DATABASE_URL": url}
        with log.open("a") as written:
            start = written.tell()
            process = await asyncio.create_subprocess_exec(
                *command, stdout=written, stderr=written, env=environment(**more)
            )
        try:
            crowd.url = await _address(process, log, start)
            crowd.token = (self.data / "token").read_text().strip()
            yield
            if process.returncode is not None:
                raise RuntimeError(f"the server ended by itself: {_said(log, start)[-3000:]}")
        finally:
            if process.returncode is None:
                process.send_signal(end)
            await process.wait()


def _port() -> int:
    """A free port, which nobody is given by chance while the server is down."""
    while True:
        port = secrets.randbelow(10_000) + 20_000
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


async def _address(process: asyncio.subprocess.Process, log: Path, start: int) -> str:
    """Where the server answers, which it says in its log."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            is_over = process.returncode is not None
            said = _said(log, start)
            if found := READY.search(said):
                return found[1]
            if is_over:
                raise RuntimeError(f"the server did not start: {said[-3000:]}")
            await asyncio.sleep(0.02)


def _said(log: Path, start: int) -> str:
    return log.read_bytes()[start:].decode()
