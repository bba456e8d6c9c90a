"""What a record makes of runs that were stopped."""

from math import exp
from random import Random

from palio.race.record import Record


def record_of(share_of_stragglers: float) -> Record:
    random, record = Random(1), Record()
    for _ in range(300):
        slow = 10 if random.random() < share_of_stragglers else 1
        record.succeeded(1.0, 3 * exp(random.gauss(0, 0.25)) * slow)
    return record


def test_slow_runs_that_are_cut_short_are_not_forgotten():
    # Given a provider of which one run in twenty is a straggler
    record, random = record_of(0.05), Random(2)
    before = record.estimate(1.0, 3.0)
    # When all stragglers lose to a hedge for as long as a record remembers
    for _ in range(2_000):
        if random.random() < 0.05:
            record.outlasted(1.0, 6.0, record.estimate(1.0, 3.0))
        else:
            record.succeeded(1.0, 3 * exp(random.gauss(0, 0.25)))
    # Then about as many as before are expected to take long
    after = record.estimate(1.0, 3.0)
    assert abs((1 - after.within(8.0)) - (1 - before.within(8.0))) < 0.03
    assert 1 - after.within(8.0) > 0.02


def test_a_run_that_was_stopped_early_tells_nothing():
    record = record_of(0.0)
    revision = record.revision
    record.outlasted(1.0, 1.0, record.estimate(1.0, 3.0))
    assert record.revision == revision
