"""What a provider has shown of itself with one of its models: how long runs take there, and how often they succeed.

Pure. Durations are normalised by the work of a job, so that sizes and steps that were rarely seen borrow from those
that were seen often: a class of work is shrunk towards all work of the model, and that towards what the provider
says of itself.
"""

from collections.abc import Mapping
from math import log2, sqrt
from random import Random

import msgspec

from palio.race.latency import PRIOR_VARIANCE, Distribution, Histogram, blend, prior

PRIOR_RUNS = 20.0
"""How many runs of its own it takes to count as much as what is known in general."""

MEMORY = 200
"""Runs over which the share of faults is remembered."""

PRIOR_SUCCESSES, PRIOR_FAULTS = 9.5, 0.5
"""What is assumed of a provider with no record: one run in twenty is a fault."""

LEAST_WORK = 1 / 1024
"""Work below which a job counts as having that much: what it takes there is not the drawing."""

RECENT = 8
"""The latest runs, which tell whether a provider has become slow."""

MIN_SAMPLES = 30
"""Runs without which nobody is called slow: there is nothing to compare with."""

SLOW, RECOVERED = 3.0, 1.5
"""How many times its usual duration makes a provider slow, and below which it is so no longer."""

GOLDEN = (sqrt(5) - 1) / 2


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record as it outlives the process."""

    successes: float
    faults: float
    detection: float
    all: dict[str, int]
    classes: dict[str, dict[str, int]]


class Estimate:
    """What to expect of a run that starts now. All durations are seconds."""

    __slots__ = (
        "_classed",
        "_overall",
        "_said",
        "_scale",
        "_whole",
        "detection",
        "faults",
        "mean",
        "spread",
        "successes",
    )

    def __init__(
        self, overall: Histogram, classed: Histogram | None, said: float, scale: float, record: "Record"
    ) -> None:
        self._overall = overall
        self._classed = classed
        self._said = said / scale
        self._scale = scale
        self._whole: Distribution | None = None
        mean, squares, runs = self._said, self._said**2 * (1 + PRIOR_VARIANCE), PRIOR_RUNS
        for histogram in (overall, classed):
            if histogram is not None and histogram.count:
                weight = histogram.count + PRIOR_RUNS
                mean = (histogram.total + PRIOR_RUNS * mean) / weight
                squares = (histogram.squares + PRIOR_RUNS * squares) / weight
                runs = weight
        self.mean = mean * scale
        self.spread = sqrt(max(0.0, squares - mean * mean) / runs) * scale
        """How uncertain the mean is: its standard deviation."""
        self.successes = record.successes + PRIOR_SUCCESSES
        self.faults = record.faults + PRIOR_FAULTS
        self.detection = record.detection or self.mean / 2
        """How long it takes until a run that fails has failed."""

    @property
    def success(self) -> float:
        """The chance that a run succeeds."""
        return self.successes / (self.successes + self.faults)

    def quantile(self, share: float) -> float:
        """Seconds within which that share of runs ends."""
        return self.distribution.quantile(share) * self._scale

    def within(self, seconds: float) -> float:
        """The chance that a run takes no longer than that."""
        return self.distribution.within(seconds / self._scale)

    def against(self, elapsed: float, rival: "Estimate", delay: float) -> tuple[float, float]:
        """A rival that starts now against this run, `elapsed` old: expected lead, and the chance to be earlier."""
        scale = self._scale
        lead, wins = self.distribution.against(elapsed / scale, rival.distribution, delay / scale)
        return lead * scale, wins

    @property
    def distribution(self) -> Distribution:
        """The chances of each duration, per unit of work."""
        if self._whole is None:
            weights = prior(self._said)
            for histogram in (self._overall, self._classed):
                if histogram is not None and histogram.count:
                    weights = blend(histogram.counts(), histogram.count, weights, PRIOR_RUNS)
            self._whole = Distribution(weights)
        return self._whole

    def sampled(self, random: Random) -> tuple[float, float]:
        """A mean and a chance of success that could be the true ones: unsure ones vary, and so get tried."""
        mean = max(self.mean * 0.2, random.gauss(self.mean, self.spread))
        return mean, random.betavariate(self.successes, self.faults)


class Record:
    """The record of one provider and model."""

    __slots__ = (
        "_classes",
        "_overall",
        "_recent",
        "_stopped",
        "detection",
        "faults",
        "is_slow",
        "revision",
        "successes",
    )

    def __init__(self) -> None:
        self._overall = Histogram()
        self._classes: dict[int, Histogram] = {}
        self._recent: list[float] = []
        self._stopped = 0
        self.successes = 0.0
        self.faults = 0.0
        self.detection = 0.0
        """Mean seconds until a fault showed; 0 before there was one."""
        self.is_slow = False
        """Whether its latest runs took much longer than it usually takes: alive, and on probation."""
        self.revision = 0
        """Counts up with everything that is remembered."""

    @property
    def runs(self) -> int:
        """How many successful runs are remembered."""
        return self._overall.count

    def succeeded(self, work: float, seconds: float | None) -> None:
        """A run came to its result, after so many seconds if that is known."""
        if seconds is not None:
            self._took(work, seconds)
        self._count(success=1.0)

    def outlasted(self, work: float, seconds: float, estimate: Estimate) -> None:
        """A run was stopped at that age: it would have taken longer, by what was expected of runs so old.

        Were such runs forgotten, hedges would make slow runs seem rarer than they are, until nobody hedged them.
        """
        passed = estimate.within(seconds)
        if passed < 0.5:
            return  # It tells next to nothing.
        self._stopped += 1
        # Multiples of the golden ratio fill the stretch from 0 to 1 evenly, however many there are.
        share = passed + (1 - passed) * (self._stopped * GOLDEN % 1)
        self._took(work, max(seconds, estimate.quantile(share)))
        self.revision += 1

    def faulted(self, seconds: float | None) -> None:
        """A run came to nothing by the provider's fault, which showed after so many seconds if that is known."""
        if seconds is not None:
            self.detection = seconds if not self.detection else self.detection + (seconds - self.detection) / 10
        self._count(success=0.0)

    def estimate(self, work: float, said: float) -> Estimate:
        """What to expect of a job, of which the provider itself says that it takes `said` seconds."""
        work = max(work, LEAST_WORK)
        return Estimate(self._overall, self._classes.get(_class_of(work)), max(said, 0.001), work, self)

    def to_kept(self) -> Kept:
        """What is kept over a restart."""
        return Kept(
            successes=round(self.successes, 3),
            faults=round(self.faults, 3),
            detection=round(self.detection, 3),
            all=self._overall.to_json(),
            classes={str(name): histogram.to_json() for name, histogram in self._classes.items()},
        )

    @classmethod
    def from_kept(cls, kept: Kept) -> "Record":
        """A record that an earlier process made."""
        record = cls()
        record.successes, record.faults, record.detection = kept.successes, kept.faults, kept.detection
        record._overall = Histogram.from_json(kept.all)
        record._classes = {int(name): Histogram.from_json(counts) for name, counts in kept.classes.items()}
        return record

    def _took(self, work: float, seconds: float) -> None:
        work = max(work, LEAST_WORK)
        self._notice_pace(seconds / work)
        self._overall.add(seconds / work)
        self._classes.setdefault(_class_of(work), Histogram()).add(seconds / work)

    def _count(self, success: float) -> None:
        keep = 1 - 1 / MEMORY
        self.successes = self.successes * keep + success
        self.faults = self.faults * keep + (1 - success)
        self.revision += 1

    def _notice_pace(self, pace: float) -> None:
        self._recent = [*self._recent[1 - RECENT :], pace]
        if self._overall.count < MIN_SAMPLES or len(self._recent) < RECENT:
            return
        usual = self._overall.total / self._overall.count
        middle = sorted(self._recent)[RECENT // 2]
        self.is_slow = middle > (RECOVERED if self.is_slow else SLOW) * usual


Records = Mapping[tuple[str, str], Record]


def _class_of(work: float) -> int:
    """Jobs of a class differ by less than a factor of two."""
    return round(log2(work))
