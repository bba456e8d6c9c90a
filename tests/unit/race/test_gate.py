"""Places at a provider: never too many, never too fast, in turns, and nobody who may go on is forgotten."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.unit.race.virtual import VirtualClock

from palio.race.gate import LONGEST_PAUSE, LONGEST_RETRY_AFTER, Gate, Priority, Rate


class Job:
    """A job in line that takes its place, unless it does not want it any more."""

    def __init__(
        self,
        account: str = "a",
        number: int = 0,
        priority: Priority = Priority.normal,
        *,
        wants: bool = True,
        served: Callable[["Job"], object] = lambda _: None,
    ) -> None:
        self.account = account
        self.order = (priority, number)
        self.wants = wants
        self.times = 0
        self._served = served

    def offered(self, gate: Gate) -> bool:
        self.times += 1
        if self.wants:
            self._served(self)
        return self.wants


def in_line(gate: Gate, *jobs: Job) -> None:
    for job in jobs:
        gate.enter(job)


def full(clock: VirtualClock, places: int = 1, rate: Rate | None = None) -> Gate:
    gate = Gate("p", places, clock, rate)
    assert all(gate.try_take() for _ in range(places))
    return gate


class TestLine:
    def test_a_free_place_is_offered_at_once(self) -> None:
        gate, job = Gate("p", 1, VirtualClock()), Job()

        gate.enter(job)

        assert (job.times, gate.running, gate.waiting) == (1, 1, 0)

    def test_nobody_overtakes_those_in_line(self) -> None:
        clock = VirtualClock()
        gate = full(clock)
        in_line(gate, Job())
        gate.limited(10)
        gate.release()

        clock.now += 20

        assert not gate.is_free
        assert not gate.try_take()

    def test_of_an_account_the_most_urgent_comes_first_then_the_oldest(self) -> None:
        gate, served = full(VirtualClock()), list[Job]()
        low, late, early, high = (
            Job(number=number, priority=priority, served=served.append)
            for number, priority in [(0, Priority.low), (3, Priority.normal), (2, Priority.normal), (9, Priority.high)]
        )
        in_line(gate, low, late, early, high)

        assert [gate.ahead_of(job) for job in (high, early, late, low)] == [0, 1, 2, 3]
        for _ in range(4):
            gate.release()

        assert served == [high, early, late, low]

    def test_who_left_is_not_asked(self) -> None:
        gate, gone, stays = full(VirtualClock()), Job(number=1), Job(number=2)
        in_line(gate, gone, stays)

        gate.leave(gone)
        gate.leave(gone)
        gate.release()

        assert (gone.times, stays.times) == (0, 1)
        assert gate.ahead_of(gone) is None

    def test_a_place_that_is_not_wanted_goes_to_the_next_and_costs_nothing(self) -> None:
        clock = VirtualClock()
        gate = Gate("p", 1, clock, Rate(2, 60))
        assert gate.try_take()
        unwilling = [Job(number=number, wants=False) for number in range(5)]
        willing = Job(number=9)
        in_line(gate, *unwilling, willing)

        gate.release()

        assert [job.times for job in (*unwilling, willing)] == [1] * 6
        assert (gate.running, gate.waiting) == (1, 0)

    def test_unwanted_places_do_not_use_up_the_turns_of_an_account(self) -> None:
        gate, served = full(VirtualClock()), list[Job]()
        in_line(gate, *(Job("a", number, wants=False) for number in range(10)))
        in_line(gate, *(Job("a", 10 + number, served=served.append) for number in range(3)))
        in_line(gate, *(Job("b", number, served=served.append) for number in range(3)))

        for _ in range(6):
            gate.release()

        assert [job.account for job in served] == ["a", "b"] * 3


class TestRate:
    def test_a_job_waits_for_its_moment_and_then_gets_it(self) -> None:
        clock = VirtualClock()
        gate = full(clock, places=9, rate=Rate(9, 60))
        job = Job()
        gate.release()
        gate.enter(job)

        assert gate.opens_in() == pytest.approx(60)
        clock.pass_time(59.9)
        assert job.times == 0
        clock.pass_time(0.2)
        assert job.times == 1

    @settings(deadline=None)
    @given(
        st.integers(1, 5),
        st.floats(0.5, 20),
        st.lists(st.tuples(st.floats(0, 30), st.integers(1, 8)), min_size=1, max_size=20),
    )
    def test_no_span_of_time_has_more_starts_than_allowed(
        self, starts: int, seconds: float, arrivals: list[tuple[float, int]]
    ) -> None:
        clock = VirtualClock()
        gate, times = Gate("p", 1000, clock, Rate(starts, seconds)), list[float]()
        for pause, number in arrivals:
            clock.pass_time(pause)
            in_line(gate, *(Job(number=index, served=lambda _: times.append(clock.now)) for index in range(number)))
        total = sum(number for _, number in arrivals)
        clock.pass_time((total + 1) * (seconds / starts + seconds))

        assert len(times) == total
        # Starts with as many others between them as are allowed together are at least that time apart.
        assert all(late - early >= seconds * (1 - 1e-9) for early, late in zip(times, times[starts:], strict=False))


class TestLimits:
    def test_nothing_starts_before_the_time_that_the_provider_said(self) -> None:
        clock = VirtualClock()
        gate, job = Gate("p", 4, clock), Job()
        gate.limited(30)
        gate.enter(job)

        clock.pass_time(29.9)
        assert (job.times, gate.is_free, gate.try_take()) == (0, False, False)
        clock.pass_time(0.2)
        assert job.times == 1

    def test_refusals_of_a_burst_count_once(self) -> None:
        clock = VirtualClock()
        gate = full(clock, places=16)

        for _ in range(8):
            gate.limited(None)

        assert gate.limit == 8
        assert gate.opens_in() == pytest.approx(1)

    def test_each_burst_halves_the_places_and_doubles_the_pause_down_and_up_to_a_bound(self) -> None:
        clock = VirtualClock()
        gate, limits, pauses = Gate("p", 8, clock), list[int](), list[float]()
        for _ in range(8):
            gate.limited(None)
            limits.append(gate.limit)
            pauses.append(gate.opens_in())
            clock.pass_time(pauses[-1])

        assert limits == [4, 2, 1, 1, 1, 1, 1, 1]
        assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE])

    def test_a_pause_is_believed_within_reason(self) -> None:
        gate = Gate("p", 8, VirtualClock())
        gate.limited(0)
        assert gate.opens_in() == 0.25

        gate.limited(1e9)
        assert gate.opens_in() == LONGEST_RETRY_AFTER

    def test_success_brings_the_places_back_one_by_one_and_no_more(self) -> None:
        clock = VirtualClock()
        gate = Gate("p", 8, clock)
        gate.limited(1)
        clock.pass_time(2)
        runs = 0
        while gate.limit < 8:
            gate.accepted()
            runs += 1

        # One place for as many runs as there are: 4 + 5 + 6 + 7, about.
        assert 20 <= runs <= 30
        for _ in range(100):
            gate.accepted()
        assert gate.limit == 8

    def test_a_place_that_comes_back_is_offered_at_once(self) -> None:
        clock = VirtualClock()
        gate = full(clock, places=2)
        gate.limited(1)
        clock.pass_time(2)
        gate.release()
        job = Job()
        gate.enter(job)
        assert job.times == 0

        gate.accepted()

        assert job.times == 1


class TestTurns:
    def test_a_crowd_does_not_keep_out_one_who_comes_late(self) -> None:
        gate, served = full(VirtualClock()), list[Job]()
        in_line(gate, *(Job("crowd", number, served=served.append) for number in range(1000)))
        for _ in range(10):
            gate.release()
        in_line(gate, one := Job("one", served=served.append))

        assert gate.ahead_of(one) == 1
        gate.release()
        gate.release()

        assert one in served

    @settings(deadline=None)
    @given(st.integers(1, 3), st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=60))
    def test_between_two_turns_of_one_who_waits_nobody_else_has_more_than_two(
        self, places: int, script: list[tuple[str, int]]
    ) -> None:
        gate = full(VirtualClock(), places)
        number = 0
        since: dict[str, Counter[str]] = {}

        def served(job: Job) -> None:
            for account, others in since.items():
                if account != job.account:
                    others[job.account] += 1
                    assert others[job.account] <= 2
            since[job.account] = Counter()

        for account, releases in script:
            # Whoever gets a place here comes back at once with the next.
            for _ in range(2):
                number += 1
                gate.enter(Job(account, number, served=served))
            since.setdefault(account, Counter())
            for _ in range(releases):
                gate.release()
                for waiting in list(since):
                    if waiting not in gate._lines:
                        del since[waiting]
                if not gate._lines:
                    gate.running = places


class GateMachine(RuleBasedStateMachine):
    """Anything that may happen at a gate, in any order."""

    @initialize(places=st.integers(1, 4), rate=st.none() | st.builds(Rate, st.integers(1, 3), st.floats(0.5, 10)))
    def build(self, places: int, rate: Rate | None) -> None:
        self.clock = VirtualClock()
        self.gate = Gate("p", places, self.clock, rate)
        self.running = 0
        self.number = 0
        self.waiting: list[Job] = []
        self.left: list[Job] = []

    def served(self, job: Job) -> None:
        assert job not in self.left
        assert self.gate.opens_in() <= self.opened_by
        self.running += 1

    @property
    def opened_by(self) -> float:
        # A start that is being made counts among the starts already, so only the time of the provider is seen.
        return float("inf") if self.gate._rate else 0.0

    @rule(account=st.sampled_from("abc"), priority=st.sampled_from(Priority), wants=st.booleans())
    def enter(self, account: str, priority: Priority, wants: bool) -> None:
        self.number += 1
        job = Job(account, self.number, priority, wants=wants, served=self.served)
        self.waiting.append(job)
        self.gate.enter(job)

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        still = [job for job in self.waiting if not job.times]
        if still:
            job = data.draw(st.sampled_from(still))
            self.left.append(job)
            self.waiting.remove(job)
            self.gate.leave(job)

    @rule()
    def take(self) -> None:
        self.running += self.gate.try_take()

    @rule()
    def release(self) -> None:
        if self.running:
            self.running -= 1
            self.gate.release()

    @rule()
    def accept(self) -> None:
        self.gate.accepted()

    @rule(retry_after=st.none() | st.floats(0, 50))
    def limit(self, retry_after: float | None) -> None:
        self.gate.limited(retry_after)

    @rule(seconds=st.floats(0, 30))
    def pass_time(self, seconds: float) -> None:
        self.clock.pass_time(seconds)

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "gate"):
            return
        gate = self.gate
        assert gate.running == self.running <= gate.places
        assert 1 <= gate.limit <= gate.places
        assert gate.waiting == sum(not job.times for job in self.waiting)
        assert all(job.times <= 1 for job in self.waiting)
        assert self.clock.pending <= 1
        assert not any(job.times for job in self.left)
        if gate.waiting and gate.running < gate.limit:
            assert gate.opens_in() > -0.002
            assert self.clock.pending == 1

    def teardown(self) -> None:
        if not hasattr(self, "gate"):
            return
        # With time and places, everybody is served.
        for _ in range(2 * self.number + 50):
            self.clock.pass_time(LONGEST_RETRY_AFTER)
            if self.running:
                self.release()
        assert self.gate.waiting == 0


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
