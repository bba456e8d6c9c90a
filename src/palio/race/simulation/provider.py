"""Synthetic providers: what becomes of a run is drawn when it starts."""

from dataclasses import dataclass
from math import exp, inf
from random import Random

from palio.providers.base import NotAccepted, Offer, ProviderError, RateLimited, RunFailed
from palio.race.simulation.scenario import Mode, Outage, ProviderTable, Scenario

ANSWER = 0.05
"""Seconds until a provider says that it does not accept a run."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a run: it ends after `seconds`, with an image if there is no `error`, and costs USD."""

    seconds: float
    error: ProviderError | None
    cost: float


class SyntheticProvider:
    """A provider as a scenario describes it. Also counts what it was asked to do."""

    def __init__(self, scenario: Scenario, table: ProviderTable, random: Random) -> None:
        self.name = table.name
        self.table = table
        self.running = 0
        self.most_running = 0
        self._random = random
        self._outages = scenario.outages_of(table)
        self._tokens = float(table.limit.starts) if table.limit else inf
        self._counted_at = 0.0
        self._idle_since = -inf
        said = table.said or table.median
        # An offer does not change while the provider is warm, and most have the same work.
        self._offers: dict[tuple[float, float], Offer] = {}
        self._said = said

    def offer(self, work: float, at: float) -> Offer:
        """What it would do for a job of that work."""
        key = work, self._preparation(at)
        offer = self._offers.get(key)
        if offer is None:
            table = self.table
            seconds, price = self._said * work, table.price * work
            offer = Offer(self.name, seconds, price, "model", preparation=key[1], refund=table.refund)
            self._offers[key] = offer
        return offer

    def start(self, work: float, at: float) -> Fate:
        """A run begins; `ended` has to be called when it ends or is cancelled."""
        preparation = self._preparation(at)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        outage = self._outage(at)
        if outage is not None and outage.mode is Mode.refuse:
            return Fate(ANSWER, NotAccepted("connection refused"), 0.0)
        if self._is_over_limit(at):
            limit = self.table.limit
            return Fate(ANSWER, RateLimited("too many", limit.retry_after if limit else None), 0.0)
        if outage is not None:
            return self._broken(outage, ANSWER, work)
        seconds = preparation + self._service() * work
        random = self._random
        if (coming := self._coming(at, seconds)) is not None:
            return self._broken(coming[1], coming[0] - at, work)
        if self.table.failures and random.random() < self.table.failures:
            return Fate(seconds * random.random(), RunFailed("the run failed"), self.loss(work))
        return Fate(seconds, None, self.table.price * work)

    def ended(self, at: float) -> None:
        """A run is over."""
        self.running -= 1
        if not self.running:
            self._idle_since = at

    def loss(self, work: float) -> float:
        """What a run costs that fails or is cancelled."""
        return self.table.price * work * (1 - self.table.refund)

    def _service(self) -> float:
        table, random = self.table, self._random
        seconds = table.median * exp(random.gauss(0.0, table.spread))
        if table.stragglers is not None and random.random() < table.stragglers.share:
            seconds *= table.stragglers.factor
        if table.tail is not None and random.random() < table.tail.share:
            seconds *= table.tail.least * random.paretovariate(table.tail.alpha)
        return seconds

    def _preparation(self, at: float) -> float:
        cold = self.table.cold_start
        return cold.seconds if cold is not None and not self.running and at - self._idle_since >= cold.idle else 0.0

    def _is_over_limit(self, at: float) -> bool:
        limit = self.table.limit
        if limit is None:
            return False
        gained = (at - self._counted_at) * limit.starts / limit.seconds
        self._tokens = min(float(limit.starts), self._tokens + gained)
        self._counted_at = at
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False

    def _outage(self, at: float) -> Outage | None:
        for outage in self._outages:
            since = at - outage.start
            if since >= 0 and (since % outage.every if outage.every else since) < outage.lasts:
                return outage
        return None

    def _coming(self, at: float, seconds: float) -> tuple[float, Outage] | None:
        """The outage that a run of so many seconds would meet, and when."""
        for outage in self._outages:
            if outage.mode is Mode.refuse:
                continue
            start = outage.start
            if outage.every and at > start:
                start += outage.every * (1 + (at - start) // outage.every)
            if at <= start < at + seconds:
                return start, outage
        return None

    def _broken(self, outage: Outage, seconds: float, work: float) -> Fate:
        if outage.mode is Mode.hang:
            return Fate(seconds + outage.patience, RunFailed("nothing was heard of it"), self.loss(work))
        return Fate(seconds, RunFailed("internal error"), self.loss(work))
