"""How long runs take: quantiles within a bucket of the truth, whatever the runs, and what a rival would bring."""

from math import ceil
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.race.latency import EDGES, GROWTH, ROTATE_AFTER, Distribution, Histogram, bucket_of, prior
from palio.race.record import MIN_SAMPLES, PRIOR_RUNS, RECENT, Kept, Record

SECONDS = st.floats(0.002, 40_000)


def histogram_of(runs: list[float]) -> Histogram:
    histogram = Histogram()
    for seconds in runs:
        histogram.add(seconds)
    return histogram


def record_of(runs: list[float], work: float = 1.0) -> Record:
    record = Record()
    for seconds in runs:
        record.succeeded(work, seconds)
    return record


class TestHistogram:
    @given(st.floats(0, 1e9))
    def test_a_bucket_holds_what_is_up_to_its_edge(self, seconds: float) -> None:
        bucket = bucket_of(seconds)

        if bucket < len(EDGES) - 1:
            assert seconds <= EDGES[bucket] * (1 + 1e-6)
        if bucket:
            assert seconds > EDGES[bucket - 1] * (1 - 1e-6)

    @given(st.lists(SECONDS, min_size=1, max_size=ROTATE_AFTER), st.floats(0.01, 1))
    def test_a_quantile_is_within_a_bucket_of_the_true_one(self, runs: list[float], share: float) -> None:
        exact = sorted(runs)[max(0, ceil(share * len(runs) - 1e-9) - 1)]

        estimate = Distribution(histogram_of(runs).counts()).quantile(share)

        assert exact / GROWTH / 1.0001 <= estimate <= exact * GROWTH * 1.0001

    @pytest.mark.parametrize(("runs", "remembered"), [(200, 200), (201, 201), (400, 400), (401, 201), (1000, 400)])
    def test_it_forgets_by_number(self, runs: int, remembered: int) -> None:
        histogram = histogram_of([1.0] * runs)

        assert histogram.count == sum(histogram.counts()) == remembered
        assert histogram.total == histogram.squares == pytest.approx(remembered)


class TestDistribution:
    @given(st.lists(st.floats(0, 1000), min_size=len(EDGES), max_size=len(EDGES)).filter(any), SECONDS, SECONDS)
    @settings(max_examples=30)
    def test_chances_grow_from_none_to_one(self, weights: list[float], some: float, other: float) -> None:
        distribution = Distribution(weights)

        assert distribution.within(0) == 0
        assert distribution.within(min(some, other)) <= distribution.within(max(some, other)) + 1e-9
        assert distribution.within(1e9) == 1
        assert distribution.within(distribution.quantile(0.5)) >= 0.5 - 1e-6

    @given(SECONDS)
    def test_what_a_provider_says_is_the_mean(self, seconds: float) -> None:
        weights = prior(seconds)

        assert sum(weights) == pytest.approx(1, abs=1e-3)
        if 0.1 < seconds < 5_000:
            mean = sum(weight * edge / GROWTH**0.5 for weight, edge in zip(weights, EDGES, strict=True))
            assert mean == pytest.approx(seconds, rel=0.12)

    @pytest.mark.parametrize(
        ("running", "elapsed", "rival", "delay"), [(10, 0, 10, 0), (10, 20, 5, 0), (10, 15, 5, 10), (30, 60, 10, 3)]
    )
    def test_a_rival_is_weighed_as_by_trying_it_out(
        self, running: float, elapsed: float, rival: float, delay: float
    ) -> None:
        random = Random(1)
        mine, other = Distribution(prior(running)), Distribution(prior(rival))

        def drawn(distribution: Distribution) -> float:
            edge = distribution.quantile(random.random())
            return edge * GROWTH ** -random.random()

        lasting = [seconds - elapsed for seconds in (drawn(mine) for _ in range(60_000)) if seconds > elapsed]
        leads = [left - drawn(other) - delay for left in lasting]
        lead, wins = mine.against(elapsed, other, delay)

        assert lead == pytest.approx(sum(max(0.0, each) for each in leads) / len(leads), rel=0.2, abs=0.1)
        assert wins == pytest.approx(sum(each > 0 for each in leads) / len(leads), abs=0.12)

    def test_a_run_that_is_over_for_certain_cannot_be_overtaken(self) -> None:
        assert Distribution(prior(1)).against(1e6, Distribution(prior(1))) == (0, 0)


class TestRecord:
    def test_without_runs_it_is_what_the_provider_says(self) -> None:
        estimate = Record().estimate(2.0, 10.0)

        assert estimate.mean == pytest.approx(10)
        assert estimate.success == 0.95
        assert estimate.quantile(0.5) < 10 < estimate.quantile(0.95)

    def test_a_few_runs_move_it_a_little_and_many_all_the_way(self) -> None:
        means = [record_of([40.0] * runs).estimate(1.0, 10.0).mean for runs in (0, 1, 5, 20, 100, 400)]

        assert means == sorted(means)
        assert means[1] < 14
        assert means[-1] == pytest.approx(40, rel=0.02)

    def test_other_sizes_of_work_borrow_from_those_that_were_seen(self) -> None:
        record = record_of([20.0] * 100, work=4.0)

        assert record.estimate(1.0, 50.0).mean == pytest.approx((5 * 100 + 50 * PRIOR_RUNS) / (100 + PRIOR_RUNS))

    def test_more_runs_make_it_surer(self) -> None:
        random = Random(0)
        spreads = [
            record_of([random.uniform(5, 15) for _ in range(runs)]).estimate(1.0, 10.0).spread for runs in (0, 10, 200)
        ]

        assert spreads == sorted(spreads, reverse=True)

    def test_faults_make_success_less_likely_and_are_forgotten(self) -> None:
        record = Record()
        for _ in range(50):
            record.faulted(3.0)
        assert record.estimate(1.0, 1.0).success < 0.25
        assert record.estimate(1.0, 1.0).detection == pytest.approx(3)

        for _ in range(1000):
            record.succeeded(1.0, 1.0)
        assert record.estimate(1.0, 1.0).success > 0.98

    @given(st.lists(st.tuples(st.floats(1, 64), SECONDS, st.booleans()), max_size=60))
    @settings(max_examples=40)
    def test_it_outlives_the_process(self, runs: list[tuple[float, float, bool]]) -> None:
        record = Record()
        for work, seconds, success in runs:
            if success:
                record.succeeded(work, seconds)
            else:
                record.faulted(seconds)

        text = msgspec.json.encode(record.to_kept())
        again = Record.from_kept(msgspec.json.decode(text, type=Kept))

        assert msgspec.json.encode(again.to_kept()) == text
        assert again.runs == record.runs
        before, after = record.estimate(1.0, 10.0), again.estimate(1.0, 10.0)
        assert after.mean == pytest.approx(before.mean, rel=GROWTH**0.5 - 1 + 0.01)
        assert after.success == pytest.approx(before.success, abs=0.001)
        assert after.quantile(0.9) == before.quantile(0.9)

    def test_a_provider_becomes_slow_and_recovers(self) -> None:
        record = record_of([10.0] * 100)
        assert not record.is_slow

        for _ in range(RECENT):
            record.succeeded(1.0, 100.0)
        assert record.is_slow

        for _ in range(RECENT):
            record.succeeded(1.0, 10.0)
        assert not record.is_slow

    def test_nobody_is_slow_of_whom_little_is_known(self) -> None:
        record = record_of([1.0] * (MIN_SAMPLES - RECENT - 1) + [100.0] * RECENT)

        assert not record.is_slow
