"""How long runs take: histograms of seconds, and what can be foretold from them.

Pure. Buckets grow by a constant factor, so a quantile is known to a few percent from milliseconds to hours, and a
histogram is a short list of counts however many runs it has seen.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import ceil, erf, exp, log, sqrt

GROWTH = 1.15
SHORTEST = 0.001
"""Seconds up to which everything falls in the first bucket."""

BUCKETS = 128
"""The last bucket begins at about 14 hours."""

_LOG_GROWTH = log(GROWTH)
EDGES: Sequence[float] = tuple(SHORTEST * GROWTH**index for index in range(BUCKETS))
"""The upper end of each bucket, in seconds."""

_MIDDLES: Sequence[float] = tuple(edge / sqrt(GROWTH) for edge in EDGES)

ROTATE_AFTER = 200
"""Runs after which older ones begin to be forgotten: by number and not by time, as providers are slow and rare."""

PRIOR_SPREAD = 0.5
"""Standard deviation of the logarithm of a run's seconds, assumed of a provider with no record."""


def bucket_of(seconds: float) -> int:
    """The bucket that a duration falls in."""
    if seconds <= SHORTEST:
        return 0
    return min(BUCKETS - 1, ceil(log(seconds / SHORTEST) / _LOG_GROWTH - 1e-9))


class Histogram:
    """Counts of runs by how long they took; of the last 200 to 400 of them."""

    __slots__ = ("_before", "_counts", "_seen", "_squares", "_squares_before", "_total", "_total_before", "count")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._seen = 0
        self._total = self._squares = self._total_before = self._squares_before = 0.0
        self.count = 0
        """How many runs it remembers."""

    def add(self, seconds: float) -> None:
        """Remember a run."""
        if self._seen >= ROTATE_AFTER:
            self._before, self._counts = self._counts, {}
            self._total_before, self._total = self._total, 0.0
            self._squares_before, self._squares = self._squares, 0.0
            self.count, self._seen = self._seen, 0
        bucket = bucket_of(seconds)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._seen += 1
        self._total += seconds
        self._squares += seconds * seconds
        self.count += 1

    @property
    def total(self) -> float:
        """Seconds of all runs together."""
        return self._total + self._total_before

    @property
    def squares(self) -> float:
        """The squares of each run's seconds, summed."""
        return self._squares + self._squares_before

    def counts(self) -> list[float]:
        """Runs by bucket."""
        counts = [0.0] * BUCKETS
        for generation in (self._counts, self._before):
            for bucket, count in generation.items():
                counts[bucket] += count
        return counts

    def to_json(self) -> dict[str, int]:
        """Its counts by bucket, as they are kept over a restart."""
        return {str(bucket): int(count) for bucket, count in enumerate(self.counts()) if count}

    @classmethod
    def from_json(cls, counts: Mapping[str, int]) -> "Histogram":
        """A histogram with these counts, all of them of the older generation."""
        histogram = cls()
        for name, count in counts.items():
            bucket = int(name)
            if 0 <= bucket < BUCKETS and count > 0:
                histogram._before[bucket] = count
                histogram._total_before += count * _MIDDLES[bucket]
                histogram._squares_before += count * _MIDDLES[bucket] ** 2
                histogram.count += count
        return histogram


class Distribution:
    """The chances of a run's duration. Built from weights by bucket, which need not add up to one."""

    __slots__ = ("_cumulated",)

    def __init__(self, weights: Sequence[float]) -> None:
        total = sum(weights) or 1.0
        self._cumulated = list(accumulate(weight / total for weight in weights))

    def quantile(self, share: float) -> float:
        """Seconds within which that share of runs ends."""
        bucket = bisect_left(self._cumulated, share - 1e-12)
        return EDGES[min(bucket, BUCKETS - 1)]

    def within(self, seconds: float) -> float:
        """The chance that a run takes no longer than that."""
        if seconds <= 0:
            return 0.0
        position = log(seconds / SHORTEST) / _LOG_GROWTH
        if position < 0:
            return self._cumulated[0] * seconds / SHORTEST
        lower = int(position)
        if lower >= BUCKETS - 1:
            return 1.0
        # Between two edges the chance grows in a straight line over the logarithm.
        below, above = self._cumulated[lower], self._cumulated[lower + 1]
        return below + (above - below) * (position - lower)

    def against(self, elapsed: float, rival: "Distribution", delay: float = 0.0) -> tuple[float, float]:
        """A rival that starts now, against a run of this distribution that has been going for `elapsed` seconds.

        The rival takes `delay` seconds longer than its run. Returns the seconds by which it is expected to be
        earlier, where being later counts as none, and the chance that it is earlier at all.
        """
        left = 1.0 - self.within(elapsed)
        if left <= 1e-9:
            return 0.0, 0.0
        lead = wins = before = done_before = 0.0
        for edge in EDGES[_FIRST_OF_INTEREST::2]:
            survives = (1.0 - self.within(elapsed + edge)) / left
            if survives <= 1e-6:
                break
            done = rival.within(edge - delay)
            lead += done * survives * (edge - before)
            wins += (done - done_before) * survives
            before, done_before = edge, done
        return lead, wins


_FIRST_OF_INTEREST = bucket_of(0.01)


def prior(seconds: float) -> list[float]:
    """Weights by bucket, which add up to one, of a provider that only says how long a run takes."""
    shift = bucket_of(seconds)
    weights = [0.0] * BUCKETS
    for offset, weight in _PRIOR_SHAPE:
        weights[max(0, min(BUCKETS - 1, shift + offset))] += weight
    return weights


def blend(counts: Sequence[float], count: float, below: Sequence[float], weight: float) -> list[float]:
    """Counts shrunk towards what is known in general: `below` counts as much as `weight` runs."""
    return [(own + weight * general) / (count + weight) for own, general in zip(counts, below, strict=True)]


def _normal_cdf(value: float) -> float:
    return (1 + erf(value / sqrt(2))) / 2


def _prior_shape() -> list[tuple[int, float]]:
    step = _LOG_GROWTH / PRIOR_SPREAD
    # The mean, not the median, is what a provider states.
    centre = PRIOR_SPREAD / 2
    reach = ceil(4 * PRIOR_SPREAD / _LOG_GROWTH)
    return [
        (offset, _normal_cdf((offset + 0.5) * step + centre) - _normal_cdf((offset - 0.5) * step + centre))
        for offset in range(-reach, reach + 1)
    ]


_PRIOR_SHAPE: Sequence[tuple[int, float]] = _prior_shape()
PRIOR_VARIANCE = exp(PRIOR_SPREAD**2) - 1
"""Variance of such a provider's runs, for a mean of one second."""
