"""Whether to start a second attempt while the first still runs, and who pays for it. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from palio.contract.steering import Objective
from palio.race.score import TERMS, Contender

LATE = 0.9
"""A run is late past the duration within which that share of its provider's runs ends."""

MOST_HEDGES = 20
"""A budget saves up for that many hedges at most."""

LATEST_HEDGES = 20
"""What hedges usually bring is learnt from about so many."""

WATCHED, LEAST_WATCHED = 50, 10
COMMON = 0.3
"""More late runs than that share of the last 50 are slowness common to all, which a hedge only makes worse."""

AGAIN_AFTER = 0.25
"""A run that is not hedged when it becomes late is looked at again after that share of its age."""


class Budget:
    """Money for hedges: a share of what first attempts cost. Never overdrawn."""

    __slots__ = ("_most", "_usual", "balance", "spent")

    def __init__(self) -> None:
        self.balance = 0.0
        self.spent = 0.0
        self._most = 0.0
        self._usual = 0.0

    def deposit(self, price: float, share: float) -> None:
        """A first attempt begins."""
        self._most = MOST_HEDGES * price
        self.balance = max(self.balance, min(self.balance + price * share, self._most))

    def allows(self, price: float) -> bool:
        """Whether a hedge of that price can be paid."""
        return price <= self.balance + 1e-12

    def is_worth(self, worth: float) -> bool:
        """Whether a hedge is to be had now that brings so many USD for each that it costs.

        With much money left, whatever brings anything is; with little, only what brings as much as hedges usually
        have: others will need it more.
        """
        left = min(1.0, self.balance / self._most) if self._most else 1.0
        if worth < self._usual * (1 - left):
            return False
        self._usual += (worth - self._usual) / LATEST_HEDGES
        return True

    def withdraw(self, price: float) -> None:
        """A hedge begins. Raises ValueError if it cannot be paid."""
        if not self.allows(price):
            raise ValueError(f"{price} USD are more than the {self.balance} USD there are")
        self.balance = max(0.0, self.balance - price)
        self.spent += price

    def give_back(self, price: float) -> None:
        """A hedge that was paid for did not begin after all."""
        self.balance += price
        self.spent -= price


class Lateness:
    """How many of the latest runs were late, whoever ran them."""

    __slots__ = ("_late",)

    def __init__(self) -> None:
        self._late: deque[bool] = deque(maxlen=WATCHED)

    def note(self, *, late: bool) -> None:
        """A run was over in time, or became late."""
        self._late.append(late)

    @property
    def is_common(self) -> bool:
        """Whether everybody is slow."""
        return len(self._late) >= LEAST_WATCHED and sum(self._late) / len(self._late) > COMMON


@dataclass(frozen=True, slots=True)
class Running:
    """The attempt that might be hedged: whose it is, and its age in seconds."""

    contender: Contender
    age: float

    @property
    def is_late(self) -> bool:
        """Whether it has taken longer than nearly all runs do."""
        return self.age >= self.contender.estimate.quantile(LATE)


def gain(running: Running, rival: Contender, objective: Objective) -> float:
    """USD that a hedge with `rival` is expected to bring, its price taken off.

    It brings the time by which it is earlier, and stands in for a run that fails, which is the likelier the longer
    it runs.
    """
    second = TERMS[objective].second
    estimate, price = running.contender.estimate, running.contender.price
    lead, wins = estimate.against(running.age, rival.estimate, rival.delay)
    succeeds, fails = estimate.success * (1 - estimate.within(running.age)), 1 - estimate.success
    failing = fails / max(succeeds + fails, 1e-9)
    # If it fails, the job is done only when that has shown and somebody has begun anew; the rival began before.
    anew = max(0.0, estimate.detection - running.age) + estimate.mean
    earlier = max(0.0, anew - rival.delay - rival.estimate.mean)
    loss = price * (1 - running.contender.offer.refund) + second * earlier
    saved = wins * running.contender.offer.refund * price
    return second * lead + loss * failing * rival.estimate.success - rival.price + saved


def choose_rival(
    running: Running,
    rivals: Sequence[Contender],
    objective: Objective,
    budget: Budget,
    *,
    left: float | None,
) -> Contender | None:
    """The rival to start a hedge with now, if any is worth it.

    `left` is seconds until the deadline. Rivals with whom a lost race is free come first.
    """
    best = (False, 0.0)
    chosen: Contender | None = None
    for rival in rivals:
        price = rival.price
        if left is not None and rival.delay + rival.estimate.quantile(0.5) > left:
            continue
        if not budget.allows(price):
            continue
        brings = gain(running, rival, objective)
        worth = (price * (1 - rival.offer.refund) == 0, brings)
        if brings > 0 and worth > best:
            best, chosen = worth, rival
    if chosen is None or chosen.price == 0:
        return chosen
    return chosen if budget.is_worth(best[1] / chosen.price) else None
