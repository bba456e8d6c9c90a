"""Who may claim a job, and when: what each contender would cost in money, time and risk becomes a head start.

Pure. The utility of a contender is the USD that it costs all told: its price, its time at the value that the
objective gives to time, and the risk that it fails. The best may claim at once, any other only after the time that
its disadvantage is worth: an idle machine of one's own claims first, and a paid API steps in when it does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from random import Random

from palio.contract.steering import Objective
from palio.providers.base import Offer
from palio.race.record import Estimate

UNKNOWN_PRICE = 0.05
"""USD assumed of an offer that names no price: unknown is not free."""

ON_TIME = 0.9
"""The chance of being done by its deadline that a job asks of a contender."""

TRIAL_SHARE = 0.1
"""Share of jobs for which a provider on probation counts as if nothing were wrong."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an objective means: USD that a second is worth, and the longest head start in seconds."""

    second: float
    longest_head_start: float


TERMS = {
    Objective.cheapest: Terms(0.0, 600.0),
    Objective.balanced: Terms(0.001, 60.0),
    Objective.fastest: Terms(0.02, 5.0),
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A provider that could run a job. `wait` is seconds until a run could begin there, `quality` USD of preference."""

    offer: Offer
    estimate: Estimate
    wait: float = 0.0
    quality: float = 0.0
    is_slow: bool = False

    @property
    def price(self) -> float:
        """USD, assumed if not known."""
        return UNKNOWN_PRICE if self.offer.price is None else self.offer.price

    @property
    def delay(self) -> float:
        """Seconds from now until its run would begin."""
        return self.wait + self.offer.preparation

    def chance_within(self, seconds: float) -> float:
        """The chance that a run that does not fail is done by then; who fails is late everywhere, and costs."""
        return self.estimate.within(seconds - self.delay)


@dataclass(frozen=True, slots=True)
class Start:
    """A contender's place in the claim race: it may claim `after` so many seconds."""

    contender: Contender
    after: float

    @property
    def offer(self) -> Offer:
        """What it offered."""
        return self.contender.offer


def line_up(
    contenders: Sequence[Contender], objective: Objective, random: Random, deadline: float | None = None
) -> list[Start]:
    """The contenders from best to worst, each with its head start. `deadline` is seconds from now."""
    if len(contenders) == 1:
        return [Start(contenders[0], 0.0)]
    late = _late(contenders, deadline)
    if len(late) == len(contenders):
        objective, late = Objective.fastest, set()
    terms = TERMS[objective]
    drawn = [(utility(contender, terms, random), contender) for contender in contenders]
    held = late | {id(contender) for contender in contenders if contender.is_slow and random.random() >= TRIAL_SHARE}
    if len(held) == len(contenders):
        # Nobody is held back in favour of nobody.
        held = late
    drawn.sort(key=lambda pair: (id(pair[1]) in held, pair[0], pair[1].offer.provider))
    best = drawn[0][0]
    starts: list[Start] = []
    turns = 0
    for value, contender in drawn:
        is_held = id(contender) in held
        turns += is_held or value > best
        # Where time is worth nothing, each waits for all that are better, not only for the best.
        longest = terms.longest_head_start * (1 if terms.second else turns)
        after = longest if is_held else _head_start(value - best, contender, terms, longest, deadline)
        starts.append(Start(contender, after))
    starts.sort(key=lambda start: start.after)
    return starts


def utility(contender: Contender, terms: Terms, random: Random | None = None) -> float:
    """USD all told; with `random`, of a provider as it could be rather than as it is thought to be."""
    estimate = contender.estimate
    mean, success = (estimate.mean, estimate.success) if random is None else estimate.sampled(random)
    price = contender.price
    risk = (1 - success) / max(success, 0.01)
    lost = price * (1 - contender.offer.refund) + terms.second * estimate.detection
    return price + terms.second * (contender.delay + mean) + risk * lost - contender.quality


def _late(contenders: Sequence[Contender], deadline: float | None) -> set[int]:
    if deadline is None:
        return set()
    return {id(contender) for contender in contenders if contender.chance_within(deadline) < ON_TIME}


def _head_start(behind: float, contender: Contender, terms: Terms, longest: float, deadline: float | None) -> float:
    """Seconds that others have before this contender may claim."""
    if behind <= 0:
        return 0.0
    after = min(longest, behind / terms.second if terms.second else inf)
    if deadline is None:
        return after
    # Waiting for somebody cheaper must not cost the deadline.
    return max(0.0, min(after, deadline - contender.delay - contender.estimate.quantile(ON_TIME)))
