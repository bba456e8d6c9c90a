"""The child process as the server has it: started for the first order, and again when it has ended."""

import asyncio
import logging
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias

import msgspec

from palio.providers.base import Incapable, RunFailed
from palio.providers.diffusers.protocol import (
    LENGTH_BYTES,
    Fault,
    Order,
    Picture,
    Ready,
    Report,
    Setup,
    Stop,
    frame,
    length,
    read_report,
)

log = logging.getLogger(__name__)

START_SECONDS = 180.0
"""How long a child may take to import its libraries, where patience is shorter."""
LEAVE_SECONDS = 5.0
"""How long a child may take to leave by itself."""
LAST_WORDS_SECONDS = 1.0
"""How long a child that has ended is listened to: what it began itself may hold its ends open for ever."""
MAX_PAUSE = 30.0
"""The longest wait before a child that keeps ending is started again, in seconds."""
LAST_LINES = 3
"""How much of what a child said last is told when it has ended."""
MAX_LINE = 2000
COMMAND = (sys.executable, "-m", "palio.providers.diffusers.child")
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "YES",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}
SECRET = re.compile(r"key|secret|token|password|credential|^PALIO_", re.IGNORECASE)
"""The variables of the server that are no business of what runs in a child."""


Stream: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Run:
    """An order under way: what was reported and not yet read. None is the end of the child."""

    ahead: int
    """How many orders there were before it."""
    reports: "asyncio.Queue[Report | None]" = field(default_factory=asyncio.Queue)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)


class Child:
    """One process, and the orders that it has."""

    def __init__(self, name: str, process: Process, channel: Stream, output: Stream) -> None:
        self.name = name
        self.pid = process.pid
        self.heard_at = monotonic()
        self.is_ready = False
        self.is_gone = False
        self.ending = ""
        """How it ended, once it has."""
        self._process = process
        self._reader, self._writer = channel
        self._output = output
        self._runs: dict[str, Run] = {}
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._reason = ""

    @classmethod
    async def spawn(cls, name: str, setup: Setup, command: Sequence[str] = COMMAND) -> "Child":
        """A new one; the last argument of its command is its end of the channel. Raises RunFailed."""
        # What it prints comes by a socket too: the end of a process with a pipe is told only once nobody holds that.
        (ours, theirs), (printed, printer) = socket.socketpair(), socket.socketpair()
        try:
            with theirs, printer:
                process = await asyncio.create_subprocess_exec(
                    *(*command, str(theirs.fileno())),
                    stdin=DEVNULL,
                    stdout=printer.fileno(),
                    stderr=STDOUT,
                    pass_fds=(theirs.fileno(),),
                    env=environment(os.environ),
                )
            channel, output = await asyncio.open_connection(sock=ours), await asyncio.open_connection(sock=printed)
        except BaseException as error:
            # Which is the end of a child, if there is one.
            ours.close()
            printed.close()
            if isinstance(error, OSError):
                raise RunFailed(f"no child process could be started: {error}") from error
            raise
        channel[1].write(frame(setup))
        return cls(name, process, channel, output)

    def begin(self, order: Order) -> Run:
        """Send an order. Raises Incapable, or RunFailed if the child is gone."""
        try:
            message = frame(order)
        except ValueError as error:
            raise Incapable(str(error)) from error
        if self.is_gone:
            raise RunFailed(self.ending)
        if not self._runs:
            self.heard_at = monotonic()
        run = self._runs[order.id] = Run(ahead=len(self._runs))
        self._send(message)
        return run

    async def sent(self) -> None:
        """Wait until it has taken what was sent."""
        # That it has gone meanwhile is what each of its orders is told next.
        with suppress(ConnectionError):
            await self._writer.drain()

    async def next(self, run: Run, patience: float) -> Report:
        """The next report of an order. Kills a child that says nothing for so many seconds. Raises RunFailed."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    report = await run.reports.get()
                break
            limit = patience if self.is_ready else max(patience, START_SECONDS)
            if monotonic() - self.heard_at >= limit:
                self.kill(f"nothing was heard of it for {limit:g} s")
        if report is None:
            raise RunFailed(self.ending)
        return report

    def stop(self, id_: str) -> asyncio.Event | None:
        """Have an order ended: what is set when it has; None for one that is over."""
        run = self._runs.get(id_)
        if run is None:
            return None
        self._send(frame(Stop(id_)))
        return run.is_over

    def kill(self, reason: str) -> None:
        """End it at once."""
        self._reason = self._reason or reason
        with suppress(ProcessLookupError):
            self._process.kill()

    async def leave(self) -> None:
        """Have it end, and wait for that."""
        self._writer.close()
        await self._wait_or_kill()

    async def live(self) -> None:
        """Hear it to its end."""
        try:
            async with asyncio.TaskGroup() as group:
                hearing, logging_ = group.create_task(self._hear()), group.create_task(self._log())
                end = group.create_task(self._process.wait())
                await asyncio.wait([hearing, end], return_when=asyncio.FIRST_COMPLETED)
                # With its channel closed it is of no use, should it still be there.
                await self._wait_or_kill()
                await asyncio.wait([hearing, logging_], timeout=LAST_WORDS_SECONDS)
                hearing.cancel()
                logging_.cancel()
        finally:
            self.is_gone = True
            self.ending = self._told()
            self._writer.close()
            self._output[1].close()
            for run in self._runs.values():
                run.reports.put_nowait(None)
                run.is_over.set()

    def _send(self, message: bytes) -> None:
        # What it does not get any more needs no answer: each of its orders is told that it has gone. uvloop, on which
        # the server runs, raises for a channel that is closed.
        if not self._writer.is_closing():
            self._writer.write(message)

    async def _wait_or_kill(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._process.wait()
                return
        self.kill("it did not leave")
        await self._process.wait()

    async def _hear(self) -> None:
        try:
            while True:
                size = length(await self._reader.readexactly(LENGTH_BYTES))
                report = read_report(await self._reader.readexactly(size))
                self.heard_at = monotonic()
                if isinstance(report, Ready):
                    self.is_ready = True
                elif (run := self._runs.get(report.id)) is not None:
                    run.reports.put_nowait(report)
                    if isinstance(report, (Picture, Fault)):
                        run.is_over.set()
                        del self._runs[report.id]
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except (ValueError, msgspec.MsgspecError) as error:
            self._reason = f"it said what cannot be read: {error}"

    async def _log(self) -> None:
        """What libraries print."""
        # A child that is killed while it has not read everything resets the connection.
        with suppress(ConnectionError):
            while line := await _line(self._output[0]):
                if text := line.decode("utf-8", "replace").strip():
                    self._last.append(text)
                    log.debug("%s: %s", self.name, text)

    def _told(self) -> str:
        code = self._process.returncode
        how = self._reason
        if not how and code is not None and code < 0:
            how = f"signal {signal.Signals(-code).name}"
        elif not how:
            how = f"exit code {code}: {' / '.join(self._last)}"
        return f"the process of {self.name} has ended ({how})"


class Worker:
    """The child that is there now, or will be with the next order."""

    def __init__(self, name: str, setup: Setup, patience: float) -> None:
        self._name = name
        self._setup = setup
        self._patience = patience
        self._child: Child | None = None
        self._life: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._in_vain = 0
        """Children in a row that have ended without a picture."""

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        return self._child.pid if self._child is not None and not self._child.is_gone else None

    async def run(self, order: Order) -> AsyncGenerator[Report | int]:
        """Carry out an order: how many are ahead of it, then its reports to the last. Raises ProviderError."""
        child = await self._present()
        run = child.begin(order)
        try:
            await child.sent()
            if run.ahead:
                yield run.ahead
            while True:
                report = await child.next(run, self._patience)
                if isinstance(report, Picture):
                    self._in_vain = 0
                yield report
                if isinstance(report, (Picture, Fault)):
                    return
        finally:
            child.stop(order.id)

    async def stop(self, id_: str) -> None:
        """Have an order ended; returns when it has."""
        if self._child is not None and (is_over := self._child.stop(id_)) is not None:
            await is_over.wait()

    async def close(self) -> None:
        """Have the child leave."""
        if self._child is not None and self._life is not None:
            await self._child.leave()
            await self._life

    async def _present(self) -> Child:
        async with self._starting:
            if self._child is not None and not self._child.is_gone:
                return self._child
            if self._life is not None:
                await self._life
                # Once for each child, though whoever waits here may give up.
                self._life = None
                self._in_vain += 1
                log.warning("%s", self._child.ending if self._child else "")
            await asyncio.sleep(pause(self._in_vain))
            self._child = await Child.spawn(self._name, self._setup)
            self._life = asyncio.create_task(self._child.live())
            return self._child


def pause(in_vain: int) -> float:
    """Seconds before another child is started: none after the first that ended, then more each time."""
    return 0.0 if in_vain < 2 else min(MAX_PAUSE, 2.0 ** (in_vain - 2))


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The variables of a child: those of the server without keys and the like, and no hub for any library."""
    return {name: value for name, value in ours.items() if not SECRET.search(name)} | OFFLINE


async def _line(stream: asyncio.StreamReader) -> bytes:
    """A line, or a part of one that is long; empty at the end."""
    try:
        return (await stream.readuntil(b"\n"))[:MAX_LINE]
    except asyncio.IncompleteReadError as error:
        return error.partial[:MAX_LINE]
    except asyncio.LimitOverrunError as error:
        return (await stream.read(error.consumed))[:MAX_LINE]
