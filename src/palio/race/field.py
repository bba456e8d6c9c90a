"""The field: everyone who could run jobs, with all that is known of each. Pure, but for the clock it is given.

A job's offers become contenders here, and its attempts entries, which tell what came of them. So gates, breakers,
records and budgets are in one place. Server and simulation use the same field.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from palio.contract.steering import Steering
from palio.providers.base import Offer, Unable, Why
from palio.race.breaker import Breaker, BreakerState
from palio.race.clock import Clock
from palio.race.contest import Contest
from palio.race.entry import Entry, Task
from palio.race.gate import Gate
from palio.race.hedge import LATE, Budget, Lateness, choose_rival
from palio.race.record import Record
from palio.race.score import Contender, Start, line_up
from palio.race.stand import Entrant, Stand

MAX_RECORDS = 10_000
"""Models of providers that are remembered; beyond that, the one first seen is forgotten."""

MAX_BUDGETS = 10_000
"""Accounts with a budget for hedges; beyond that, budgets are given up and saved up anew."""


class Field:
    """The entrants and what they have shown."""

    def __init__(
        self,
        entrants: Iterable[Entrant],
        clock: Clock,
        random: Random,
        records: Mapping[tuple[str, str], Record] | None = None,
    ) -> None:
        self.clock = clock
        self.random = random
        self.records: dict[tuple[str, str], Record] = dict(records or {})
        """By provider and model."""
        self._stands = {entrant.name: Stand(entrant, clock, random) for entrant in entrants}
        self._budgets: dict[str, Budget] = {}
        self._lateness: dict[str, Lateness] = {}

    def gate(self, provider: str) -> Gate:
        """The gate of a provider."""
        return self._stands[provider].gate

    def barred_for(self, offer: Offer) -> float:
        """Seconds for which nothing may start with that offer; 0 if it may now."""
        return self._stands[offer.provider].barred_for(offer.model)

    def promise(self, offer: Offer) -> None:
        """A job has won a place with that offer, and will start."""
        self._stands[offer.provider].promise(offer.model)

    def sift(self, answers: Iterable[Offer | Unable], steering: Steering) -> tuple[list[Offer], list[Unable]]:
        """The offers that the owner would take, and why the others are none.

        Stand-ins are among them only where nobody else is, whether or not anybody else would accept the job now.
        """
        offers: list[Offer] = []
        declined: list[Unable] = []
        for answer in answers:
            unable = answer if isinstance(answer, Unable) else self._why_not(answer, steering)
            if unable is not None:
                declined.append(unable)
            elif isinstance(answer, Offer):
                offers.append(answer)
        return self._real(offers) or offers, declined

    def contenders(self, offers: Iterable[Offer], work: float) -> list[Contender]:
        """Offers with what is known of who made them."""
        return [self._contender(offer, work) for offer in offers]

    def line_up(self, contenders: Sequence[Contender], task: Task) -> list[Start]:
        """The contenders of a job with their head starts, best first.

        Those that are barred give nobody a head start: they come in when they are barred no longer.
        """
        barred = [(self.barred_for(contender.offer), contender) for contender in contenders]
        able = [contender for seconds, contender in barred if not seconds]
        starts = line_up(able or contenders, task.objective, self.random, self._left(task))
        return starts + [Start(contender, seconds) for seconds, contender in barred if able and seconds]

    def contest(
        self,
        starts: Sequence[Start],
        task: Task,
        won: Callable[[Start], object],
        barred: Callable[[], object] | None = None,
    ) -> Contest:
        """A contest for the job, not entered yet; see `Contest` for the calls."""
        return Contest(self, self.clock, starts, won, account=task.account, order=task.order, barred=barred)

    def started(self, contender: Contender, task: Task, *, hedge: bool = False) -> Entry:
        """A place was taken and a run begins. Its entry has to be closed, however it ends."""
        if hedge:
            self._budget(task.account).withdraw(contender.price)
        elif task.hedge:
            self._budget(task.account).deposit(contender.price, task.hedge)
        return self._entry(contender, task, hedge=hedge)

    def resumed(self, contender: Contender, task: Task, age: float) -> Entry:
        """A place was taken for a run that began `age` seconds ago, in another process."""
        return self._entry(contender, task, hedge=False, age=max(0.0, age))

    def rival(self, running: Entry, offers: Iterable[Offer]) -> Contender | None:
        """The contender with whom a second attempt should start now, if any; it has a place free."""
        task = running.task
        if self._late_in(task.engine).is_common:
            return None
        rivals = self.contenders((offer for offer in offers if self._is_free(offer)), task.work)
        budget = self._budget(task.account)
        return choose_rival(running.running, rivals, task.objective, budget, left=self._left(task))

    def not_hedged(self, contender: Contender, task: Task) -> None:
        """A second attempt that was to start did not: the job was over before."""
        self._budget(task.account).give_back(contender.price)

    def record(self, offer: Offer) -> Record:
        """The record of a provider with the model of an offer."""
        key = (offer.provider, offer.model)
        record = self.records.get(key)
        if record is None:
            if len(self.records) >= MAX_RECORDS:
                del self.records[next(iter(self.records))]
            record = self.records[key] = Record()
        return record

    def standings(self) -> Iterator["Standing"]:
        """Every provider as its operator sees it."""
        for name, stand in self._stands.items():
            models = sorted({model for provider, model in self.records if provider == name} | stand.breakers.keys())
            yield Standing(stand, [self._model(name, stand, model) for model in models])

    def _real(self, offers: Sequence[Offer]) -> list[Offer]:
        return [offer for offer in offers if not self._stands[offer.provider].entrant.stand_in]

    def _why_not(self, offer: Offer, steering: Steering) -> Unable | None:
        name = offer.provider
        if name in steering.exclude or (steering.providers is not None and name not in steering.providers):
            return Unable(name, "the workflow does not want it", Why.excluded)
        limit = steering.max_price
        if limit is not None and (offer.price is None or offer.price > limit):
            price = "its price is not known" if offer.price is None else f"it costs {offer.price:g} USD"
            return Unable(name, f"{price}, and maxPrice is {limit:g}", Why.too_expensive)
        stand = self._stands[name]
        return Unable(name, stand.disabled, Why.disabled) if stand.is_disabled else None

    def _contender(self, offer: Offer, work: float) -> Contender:
        stand, record = self._stands[offer.provider], self.record(offer)
        estimate = record.estimate(work, offer.seconds)
        gate, wait = stand.gate, 0.0
        if not gate.is_free:
            ahead = max(0, gate.waiting + gate.running + 1 - gate.limit)
            wait = ahead * estimate.mean / gate.limit + gate.opens_in()
        if stand.breakers:
            wait += stand.barred_for(offer.model)
        return Contender(offer, estimate, wait, stand.entrant.quality, record.is_slow)

    def _is_free(self, offer: Offer) -> bool:
        return self.gate(offer.provider).is_free and not self.barred_for(offer)

    def _left(self, task: Task) -> float | None:
        return None if task.deadline is None else task.deadline - self.clock.time()

    def _entry(self, contender: Contender, task: Task, *, hedge: bool, age: float | None = None) -> Entry:
        lateness = self._late_in(task.engine) if task.hedge else None
        stand, record = self._stands[contender.offer.provider], self.record(contender.offer)
        return Entry(contender, task, stand, record, lateness, self.clock, hedge=hedge, age=age)

    def _budget(self, account: str) -> Budget:
        budget = self._budgets.get(account)
        if budget is None:
            if len(self._budgets) >= MAX_BUDGETS:
                self._budgets.clear()
            budget = self._budgets[account] = Budget()
        return budget

    def _late_in(self, engine: str) -> Lateness:
        return self._lateness.setdefault(engine, Lateness())

    def _model(self, name: str, stand: Stand, model: str) -> "ModelStanding":
        breaker = stand.breakers.get(model) or Breaker()
        record = self.records.get((name, model)) or Record()
        estimate = record.estimate(1.0, 1.0)
        is_open = breaker.state is BreakerState.open
        return ModelStanding(
            model=model,
            breaker=breaker.state,
            opens_in=max(0.0, breaker.opens_at - self.clock.time()) if is_open else 0.0,
            is_slow=record.is_slow,
            runs=record.runs,
            success=estimate.success,
            median=estimate.quantile(0.5),
            late=estimate.quantile(LATE),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider as its operator sees it."""

    stand: Stand
    models: Sequence["ModelStanding"]


@dataclass(frozen=True, slots=True)
class ModelStanding:
    """One model of a provider: its breaker, and its record; durations are seconds per unit of work."""

    model: str
    breaker: BreakerState
    opens_in: float
    is_slow: bool
    runs: int
    success: float
    median: float
    late: float
