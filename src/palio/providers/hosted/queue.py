"""The way of a job through a vendor that takes it on first, and is asked for the picture later.

start    pictures -> payload -> submission -> signal -> handle
watch    question -> signal -> [gap, question ...] -> collection -> signal -> picture -> cost
cancel   cancellation -> signal
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random
from time import monotonic, time
from typing import ClassVar

from palio.providers.base import (
    Ambiguous,
    Assignment,
    Handle,
    Lost,
    Made,
    NotAccepted,
    Progress,
    ProviderError,
    RunFailed,
)
from palio.providers.hosted.account import Account
from palio.providers.hosted.downloads import TIMES_GONE
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.pace import gap
from palio.providers.hosted.provider import HostedProvider
from palio.providers.hosted.signals import Phase, Reply, Verdict
from palio.providers.wire import pauses


class QueueProvider(HostedProvider):
    """Runs jobs at a vendor that answers a submission with where the run can be followed."""

    questions_a_second: ClassVar[float] = 100.0
    """How many may be asked about all runs together; the more runs there are, the longer are the gaps."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._random = Random()  # noqa: S311 - spreads requests, not a secret
        self._followed = 0

    # What adapters give.

    @abstractmethod
    def run_of(self, reply: Reply, order: Order) -> Run | None:
        """The run that an answer to a submission tells of; None if it tells of none. Usually overridden."""

    @abstractmethod
    def question(self, run: Run) -> Request:
        """The request that asks how far a run is. Usually overridden."""

    def progress(self, reply: Reply) -> Progress:
        """How far a run is that is queued or running. Overridden where the vendor says."""
        return Progress(0.0)

    def collection(self, run: Run, reply: Reply) -> Request | None:
        """The request for the result of a run that is done; None if the answer to the question holds it.

        Overridden where results are kept elsewhere.
        """
        return None

    def cancellation(self, run: Run) -> Request | None:
        """The request that stops a run; None if the vendor cannot. Usually overridden."""
        return None

    async def rest(self, run: Run, seconds: float) -> None:
        """Let so many seconds pass before a run is asked about again. Overridden where the vendor says when to ask."""
        await asyncio.sleep(seconds)

    # What they have in common.

    async def start(self, assignment: Assignment) -> Handle:
        order = await self.order(assignment)
        reply = await self.submit(order, 2 * self.account.limits.timeout)
        run = self.run_of(reply, order)
        if run is not None and all(url and self.may_be_asked(url) for url in run.urls.values()):
            return run.handle
        if run is not None and (cancellation := self.cancellation(run)) is not None:
            # It cannot be followed, so it had better not go on. If it does all the same, that is what Ambiguous says.
            with suppress(ProviderError):
                await self.exchange(cancellation)
        raise Ambiguous(f"{self.name} took the job and did not say where it can be found")

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        run = self.run_in(handle)
        question = self.question(run)
        self._followed += 1
        try:
            while True:
                reply, verdict = await self._ask(question, Phase.poll)
                if verdict is Verdict.go_on:
                    break
                yield self.progress(reply)
                least = self._followed / self.questions_a_second
                await self.rest(run, gap(time() - run.began, self.pause(reply), self._random, least))
        finally:
            self._followed -= 1
        if (collection := self.collection(run, reply)) is not None:
            reply = await self._collect(collection)
        yield await self.made(run, self.picture(reply), self.paid(run, reply), self.nsfw_level(reply))

    async def cancel(self, handle: Handle) -> None:
        run = self.run_in(handle)
        if (request := self.cancellation(run)) is None:
            raise ProviderError(f"{self.name} cannot stop a run")
        self.judged(Phase.cancel, await self.exchange(request))

    async def _collect(self, request: Request) -> Reply:
        until = monotonic() + self.account.limits.patience
        while True:
            reply, verdict = await self._ask(request, Phase.result)
            if verdict is Verdict.go_on:
                return reply
            # What was done a moment ago may still be on its way to where results are kept.
            if monotonic() > until:
                raise Ambiguous(f"{self.name} says that the run is done and does not hand over the result")
            await asyncio.sleep(gap(0.0, self.pause(reply), self._random))

    async def _ask(self, request: Request, phase: Phase) -> tuple[Reply, Verdict]:
        """What the vendor says of a run, asking again while that is nothing, for as long as there is patience."""
        until = monotonic() + self.account.limits.patience
        tries = pauses(self._random)
        times_gone = 0
        while True:
            asked_for = None
            try:
                reply = await self.exchange(request)
                verdict = self.judged(phase, reply)
            except Lost as error:
                times_gone += 1
                if times_gone == TIMES_GONE:
                    raise
                heard = str(error)
            except (NotAccepted, Ambiguous) as error:
                # Out of reach or silent, which says nothing of the run.
                times_gone, heard = 0, str(error)
            else:
                if verdict is not Verdict.insist:
                    return reply, verdict
                times_gone, heard, asked_for = 0, self.told(reply), self.pause(reply)
            if (left := until - monotonic()) <= 0:
                # A run that costs nothing may simply be begun elsewhere.
                kind = RunFailed if self.free else Ambiguous
                raise kind(f"for {self.account.limits.patience:g} s nobody could tell how the run goes: {heard}")
            await asyncio.sleep(min(max(next(tries), asked_for or 0.0), left))
