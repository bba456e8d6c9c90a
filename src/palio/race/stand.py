"""One provider in the field: its gate, the breakers of its models, whether its account is in order, what it cost."""

from dataclasses import dataclass, field
from random import Random

from palio.race.breaker import Breaker, BreakerState
from palio.race.clock import Clock
from palio.race.failures import Policy
from palio.race.gate import Gate, Rate

DISABLED_SECONDS = 300.0
"""How long a provider without money or a good key is left alone before one job may see whether that has changed."""

ASK_AGAIN = 1.0
"""Seconds after which to ask again whether a trial is over, of which it is not known how long it takes."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """What the operator says of a provider."""

    name: str
    places: int
    rate: Rate | None = None
    quality: float = 0.0
    """USD that one of its images is worth more than others'."""
    stand_in: bool = False
    """Whether it counts only where nobody else offers."""
    policy: Policy = field(default_factory=Policy)


class Stand:
    """What is known of an entrant beside its records."""

    __slots__ = (
        "_clock",
        "_disabled_at",
        "_is_probed",
        "_promised",
        "_random",
        "breakers",
        "disabled",
        "disabled_until",
        "entrant",
        "gate",
        "spent",
    )

    def __init__(self, entrant: Entrant, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._promised: dict[str, float] = {}
        """Until when the trial of a model is promised to a job that has won its place and not begun yet."""
        self._is_probed = False
        """Whether a run is under way that shows whether the account is in order again."""
        self.entrant = entrant
        self.gate = Gate(entrant.name, entrant.places, clock, entrant.rate)
        self.breakers: dict[str, Breaker] = {}
        """By model; of models that had a fault."""
        self.disabled = ""
        """Why its account is not used, if it is not."""
        self.disabled_until = 0.0
        self._disabled_at = 0.0
        self.spent = 0.0
        """USD settled by this process."""

    @property
    def is_disabled(self) -> bool:
        """Whether its account is left alone now."""
        return bool(self.disabled) and self._clock.time() < self.disabled_until

    def barred_for(self, model: str) -> float:
        """Seconds for which no run of a model may start; 0 if it may now."""
        if self.is_disabled:
            return self.disabled_until - self._clock.time()
        now = self._clock.time()
        if (promised := self._promised.get(model, 0.0) - now) > 0:
            return promised
        breaker = self.breakers.get(model)
        if breaker is None or breaker.allows(now):
            return 0.0
        return breaker.opens_at - now if now < breaker.opens_at else ASK_AGAIN

    def promise(self, model: str) -> None:
        """A job has won a place. If it is a trial, no other begins until it has, or has had the time to."""
        breaker = self.breakers.get(model)
        if self.disabled or (breaker is not None and breaker.state is not BreakerState.closed):
            self._promised[model] = self._clock.time() + ASK_AGAIN

    def started(self, model: str) -> bool:
        """A run begins. True if it is the one trial of a provider that had faults."""
        self._promised.pop(model, None)
        is_probe = bool(self.disabled) and not self.is_disabled
        if is_probe:
            # The others wait until it is known what became of this one.
            self._is_probed = True
            self.disabled_until = self._clock.time() + DISABLED_SECONDS
        breaker = self.breakers.get(model)
        return (breaker is not None and breaker.started()) or is_probe

    def answered(self, model: str, began: float | None = None) -> None:
        """A run came to an answer that is no fault of the provider.

        One that began before the account was left alone says nothing of how that is now.
        """
        if began is None or began >= self._disabled_at:
            self.disabled, self._is_probed = "", False
        if (breaker := self.breakers.get(model)) is not None:
            breaker.succeeded()

    def faulted(self, model: str, *, is_trial: bool = True) -> None:
        """A run came to nothing by the provider's fault."""
        self.breakers.setdefault(model, Breaker()).faulted(self._clock.time(), self._random, is_trial=is_trial)
        if is_trial:
            self._probe_again()

    def trial_abandoned(self, model: str) -> None:
        """The trial ended without telling anything."""
        if (breaker := self.breakers.get(model)) is not None:
            breaker.abandoned_trial()
        self._probe_again()

    def disable(self, reason: str) -> None:
        """The account has no money, or no good key."""
        self._is_probed = False
        self.disabled = reason or "its account is not in order"
        self._disabled_at = self._clock.time()
        self.disabled_until = self._clock.time() + DISABLED_SECONDS

    def _probe_again(self) -> None:
        """Nothing was learned of the account: the next job may try it."""
        if self._is_probed:
            self._is_probed = False
            self.disabled_until = self._clock.time()
