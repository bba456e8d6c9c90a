"""A run under way, as the race sees it: it holds a place, and what comes of it is remembered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from palio.contract.steering import Objective
from palio.providers.base import ProviderError, RateLimited
from palio.race.clock import Clock
from palio.race.failures import Effect, Judgement, judge
from palio.race.gate import Priority
from palio.race.hedge import Lateness, Running
from palio.race.record import Record
from palio.race.score import Contender
from palio.race.stand import Stand


class Task:
    """A job as the race sees it: whose it is, its work, and how its owner wants it raced.

    `order` is its place among the account's own jobs. `deadline` is an instant of the clock. `engine` names the
    class of jobs that is slow or not together. `hedge` is the share of what jobs cost that second attempts may
    cost; 0 is none.
    """

    __slots__ = ("account", "deadline", "engine", "hedge", "objective", "order", "work")

    def __init__(
        self,
        account: str,
        work: float,
        order: tuple[Priority, int],
        objective: Objective = Objective.balanced,
        *,
        engine: str = "",
        deadline: float | None = None,
        hedge: float = 0.0,
    ) -> None:
        self.account = account
        self.work = work
        self.order = order
        self.objective = objective
        self.engine = engine
        self.deadline = deadline
        self.hedge = hedge


class Entry:
    """Closed once, by what came of the run; its place is free from then on, or before."""

    __slots__ = (
        "_clock",
        "_has_place",
        "_is_open",
        "_is_timed",
        "_is_trial",
        "_lateness",
        "_record",
        "_stand",
        "_was_late",
        "began",
        "contender",
        "hedge",
        "task",
    )

    def __init__(
        self,
        contender: Contender,
        task: Task,
        stand: Stand,
        record: Record,
        lateness: Lateness | None,
        clock: Clock,
        *,
        hedge: bool,
        age: float | None = None,
    ) -> None:
        self.contender = contender
        self.task = task
        self.hedge = hedge
        """Whether it is a second attempt."""
        self.began = clock.time() - (age or 0.0)
        """When it began, by the clock."""
        # Of a run that another process began, nobody knows for how long there was no server to see its end.
        self._is_timed = age is None
        self._clock = clock
        self._stand = stand
        self._record = record
        self._lateness = lateness
        self._is_trial = stand.started(contender.offer.model)
        self._has_place = self._is_open = True
        self._was_late = False

    @property
    def running(self) -> Running:
        """Who runs, and since when."""
        return Running(self.contender, self._clock.time() - self.began)

    def prepares(self) -> None:
        """It has not begun yet, as what it needs first is still coming: that says nothing of how long runs take."""
        self.began = self._clock.time()

    def became_late(self) -> None:
        """It has taken longer than nearly all runs do."""
        if self._is_timed and self._lateness is not None and not self._was_late:
            self._was_late = True
            self._lateness.note(late=True)

    def succeeded(self, cost: float | None) -> None:
        """It made its image, for so many USD."""
        with self._closing() as is_first:
            if not is_first:
                return
            self._record.succeeded(self.task.work, self.running.age if self._is_timed else None)
            if self._lateness is not None and not self._was_late and self._is_timed:
                self._lateness.note(late=False)
            self._stand.spent += cost if cost is not None else self.contender.offer.price or 0.0
            self._stand.answered(self._model, self.began)
            self._stand.gate.accepted()

    def failed(self, error: ProviderError) -> Judgement:
        """It came to nothing; returns what follows for its job."""
        judgement = judge(error, self._stand.entrant.policy)
        with self._closing() as is_first:
            if is_first:
                self._effects[judgement.effect](error)
        return judgement

    def timed_out(self) -> None:
        """Its step's time was up, which counts against its provider."""
        with self._closing() as is_first:
            if is_first:
                self._fault()

    def abandoned(self) -> None:
        """It was stopped, or lost the race: that is no fault, and tells only that it would have taken longer."""
        with self._closing() as is_first:
            if is_first:
                if self._is_timed:
                    self._record.outlasted(self.task.work, self.running.age, self.contender.estimate)
                self._give_trial_back()

    def withdrawn(self) -> None:
        """It was not begun, or is not followed here any more: there is nothing to remember."""
        with self._closing() as is_first:
            if is_first:
                self._give_trial_back()

    def free_place(self) -> None:
        """Let another run have its place, though it is not known yet what came of it."""
        if self._has_place:
            self._has_place = False
            self._stand.gate.release()

    @property
    def _model(self) -> str:
        return self.contender.offer.model

    @property
    def _effects(self) -> dict[Effect, Callable[[ProviderError], None]]:
        return {
            Effect.none: lambda _: self._stand.answered(self._model, self.began),
            Effect.fault: lambda _: self._fault(),
            Effect.limit: self._limit,
            Effect.disable: self._disable,
        }

    def _fault(self) -> None:
        self._record.faulted(self.running.age if self._is_timed else None)
        self._stand.faulted(self._model, is_trial=self._is_trial)

    def _limit(self, error: ProviderError) -> None:
        self._stand.gate.limited(error.retry_after if isinstance(error, RateLimited) else None)
        self._give_trial_back()

    def _disable(self, error: ProviderError) -> None:
        self._give_trial_back()
        self._stand.disable(str(error))

    def _give_trial_back(self) -> None:
        if self._is_trial:
            self._stand.trial_abandoned(self._model)

    @contextmanager
    def _closing(self) -> Iterator[bool]:
        """True the first time. The place is free afterwards: who gets it next has to see what this run has shown."""
        was_open, self._is_open = self._is_open, False
        try:
            yield was_open
        finally:
            self.free_place()
