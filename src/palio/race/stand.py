"""One provider in the field: its gate, the breakers of its models, whether its account is in order, what it cost."""

from dataclasses import dataclass, field
from random import Random

from palio.race.breaker import Breaker
from palio.race.clock import Clock
from palio.race.failures import Policy
from palio.race.gate import Gate, Rate

DISABLED_SECONDS = 300.0
"""How long a provider without money or a good key is left alone before one job may see whether that has changed."""


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

    __slots__ = ("_clock", "_random", "breakers", "disabled", "disabled_until", "entrant", "gate", "spent")

    def __init__(self, entrant: Entrant, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self.entrant = entrant
        self.gate = Gate(entrant.name, entrant.places, clock, entrant.rate)
        self.breakers: dict[str, Breaker] = {}
        """By model; of models that had a fault."""
        self.disabled = ""
        """Why its account is not used, if it is not."""
        self.disabled_until = 0.0
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
        breaker = self.breakers.get(model)
        now = self._clock.time()
        if breaker is None or breaker.allows(now):
            return 0.0
        return max(breaker.opens_at - now, 0.001)

    def started(self, model: str) -> bool:
        """A run begins. True if it is the one trial of a provider that had faults."""
        breaker = self.breakers.get(model)
        return breaker is not None and breaker.started()

    def answered(self, model: str) -> None:
        """A run came to an answer that is no fault of the provider."""
        self.disabled = ""
        if (breaker := self.breakers.get(model)) is not None:
            breaker.succeeded()

    def faulted(self, model: str) -> None:
        """A run came to nothing by the provider's fault."""
        self.breakers.setdefault(model, Breaker()).faulted(self._clock.time(), self._random)

    def trial_abandoned(self, model: str) -> None:
        """The trial ended without telling anything."""
        if (breaker := self.breakers.get(model)) is not None:
            breaker.abandoned_trial()

    def disable(self, reason: str) -> None:
        """The account has no money, or no good key."""
        self.disabled = reason or "its account is not in order"
        self.disabled_until = self._clock.time() + DISABLED_SECONDS
