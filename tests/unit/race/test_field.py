"""Jobs, providers and whatever happens to them: places, trials and wins add up, and nobody waits for ever."""

from collections import Counter
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.unit.race.virtual import VirtualClock

from palio.contract.steering import Steering
from palio.providers.base import (
    KeyRefused,
    NotAccepted,
    Offer,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unable,
    Unfunded,
    Why,
)
from palio.race.breaker import BreakerState
from palio.race.contest import Contest
from palio.race.entry import Entry, Task
from palio.race.field import Field
from palio.race.gate import Priority
from palio.race.score import Start
from palio.race.stand import DISABLED_SECONDS, Entrant


class Race:
    """A field, and jobs that run there until a test ends them."""

    def __init__(self, *entrants: Entrant, seed: int = 0) -> None:
        self.clock = VirtualClock()
        self.field = Field(entrants, self.clock, Random(seed))
        self.offers = [Offer(entrant.name, 10.0, 0.0, "m") for entrant in entrants]
        self.entries: list[Entry] = []
        self.wins: Counter[int] = Counter()
        self.number = 0

    def job(self, account: str = "a", *offers: Offer) -> Contest:
        """A job that takes a place now, or stands in line for one."""
        self.number += 1
        number, task = self.number, Task(account, 1.0, (Priority.normal, self.number))

        def won(start: Start) -> None:
            self.wins[number] += 1
            assert not self.field.barred_for(start.offer) or self.is_trial(start.offer)
            self.entries.append(self.field.started(start.contender, task))

        contenders = self.field.contenders(offers or self.offers, 1.0)
        contest = self.field.contest(self.field.line_up(contenders, task), task, won)
        start = contest.try_now()
        if start is None:
            contest.enter()
        else:
            won(start)
        return contest

    def is_trial(self, offer: Offer) -> bool:
        """Whether the provider is being tried, which the job that has just won is about to do."""
        return self.breaker(offer.provider) is not BreakerState.closed or self.field._stands[offer.provider].disabled

    def breaker(self, provider: str, model: str = "m") -> BreakerState:
        breaker = self.field._stands[provider].breakers.get(model)
        return BreakerState.closed if breaker is None else breaker.state

    def fail(self, error: ProviderError) -> None:
        self.entries.pop(0).failed(error)

    def succeed(self) -> None:
        self.entries.pop(0).succeeded(0.01)

    def open_breaker(self) -> None:
        for _ in range(3):
            self.job()
            self.fail(RunFailed("broke"))


class TestEntry:
    @pytest.mark.parametrize("first", ["succeeded", "failed", "timed_out", "abandoned"])
    def test_it_is_closed_once_and_returns_its_place_once(self, first: str) -> None:
        race = Race(Entrant("p", 3))
        for _ in range(3):
            race.job()
        entry = race.entries[0]

        for way in [first, "succeeded", "failed", "timed_out", "abandoned"]:
            arguments = {"succeeded": (0.5,), "failed": (RunFailed("no"),)}.get(way, ())
            getattr(entry, way)(*arguments)
        entry.free_place()

        record = race.field.record(race.offers[0])
        assert race.field.gate("p").running == 2
        assert record.successes + record.faults == (first != "abandoned")
        assert next(iter(race.field.standings())).stand.spent == (0.5 if first == "succeeded" else 0)

    @pytest.mark.parametrize(("told", "spent"), [(0.5, 0.5), (0.0, 0.0), (None, 0.01)])
    def test_what_a_provider_does_not_tell_it_cost_is_what_it_offered(self, told: float | None, spent: float) -> None:
        race = Race(Entrant("p", 1))
        race.offers = [Offer("p", 10.0, 0.01, "m")]
        race.job()

        race.entries[0].succeeded(told)

        assert next(iter(race.field.standings())).stand.spent == spent

    def test_its_place_may_be_free_before_its_end_is_known(self) -> None:
        race = Race(Entrant("p", 1))
        race.job()
        race.job()

        race.entries[0].free_place()
        assert len(race.entries) == 2

        race.entries[0].succeeded(None)
        assert race.field.gate("p").running == 1

    def test_a_rate_limit_is_no_fault_and_whoever_is_next_waits_as_well(self) -> None:
        race = Race(Entrant("p", 1))
        race.job()
        race.job()

        race.fail(RateLimited("slow down", retry_after=20))

        assert race.entries == []
        assert race.field.record(race.offers[0]).faults == 0
        assert race.field._stands["p"].breakers == {}
        race.clock.pass_time(19)
        assert race.entries == []
        race.clock.pass_time(2)
        assert len(race.entries) == 1

    def test_the_fault_that_opens_a_breaker_lets_nobody_in(self) -> None:
        race = Race(Entrant("p", 1))
        for _ in range(5):
            race.job()

        for _ in range(3):
            race.fail(NotAccepted("down"))

        assert race.breaker("p") is BreakerState.open
        assert race.entries == []

    @pytest.mark.parametrize("error", [Unfunded("no money"), KeyRefused("no")], ids=["money", "key"])
    def test_without_money_or_key_nobody_else_is_let_in(self, error: ProviderError) -> None:
        race = Race(Entrant("p", 1))
        race.job()
        race.job()

        race.fail(error)

        assert race.entries == []
        assert race.field.barred_for(race.offers[0]) == DISABLED_SECONDS
        answers = race.field.sift(race.offers, Steering())
        assert answers == ([], [Unable("p", str(error), Why.disabled)])

    def test_a_refusal_shows_that_the_provider_is_there(self) -> None:
        race = Race(Entrant("p", 1))
        race.open_breaker()
        race.clock.pass_time(60)
        race.job()

        race.fail(Refused("no"))

        assert race.breaker("p") is BreakerState.closed


class TestTrials:
    def test_when_a_breaker_half_opens_one_job_tries_and_the_others_wait(self) -> None:
        race = Race(Entrant("p", 5))
        race.open_breaker()
        for _ in range(5):
            race.job()

        race.clock.pass_time(60)
        assert len(race.entries) == 1

        race.succeed()
        race.clock.pass_time(2)
        assert len(race.entries) == 4

    def test_a_job_that_won_the_trial_has_it_though_it_has_not_begun(self) -> None:
        race = Race(Entrant("p", 5))
        race.open_breaker()
        race.clock.pass_time(60)
        task = Task("a", 1.0, (Priority.normal, 99))
        starts = race.field.line_up(race.field.contenders(race.offers, 1.0), task)

        tries = [race.field.contest(starts, task, lambda _: None).try_now() for _ in range(3)]

        assert [start is not None for start in tries] == [True, False, False]
        # Who won and never began is not waited for longer than a moment.
        race.clock.pass_time(2)
        assert race.field.contest(starts, task, lambda _: None).try_now() is not None

    def test_an_abandoned_trial_is_given_to_the_next(self) -> None:
        race = Race(Entrant("p", 5))
        race.open_breaker()
        race.job()
        race.job()
        race.clock.pass_time(60)

        race.entries.pop(0).abandoned()
        race.clock.pass_time(2)

        assert len(race.entries) == 1

    def test_waiting_for_a_long_trial_is_neither_busy_nor_does_it_grow(self) -> None:
        race = Race(Entrant("p", 5))
        race.open_breaker()
        for _ in range(11):
            race.job()
        race.clock.pass_time(60)
        assert len(race.entries) == 1
        before = race.clock.fired

        race.clock.pass_time(100)

        assert race.clock.fired - before <= 10 * 101
        assert race.clock.pending == 10

    def test_one_job_finds_out_whether_an_account_is_in_order_again(self) -> None:
        race = Race(Entrant("p", 5))
        race.job()
        race.fail(Unfunded("no money"))
        for _ in range(3):
            race.job()

        race.clock.pass_time(DISABLED_SECONDS + 5)
        assert len(race.entries) == 1
        race.fail(Unfunded("still none"))
        race.clock.pass_time(DISABLED_SECONDS - 10)
        assert race.entries == []

        race.clock.pass_time(20)
        race.succeed()
        race.clock.pass_time(DISABLED_SECONDS)
        assert race.wins.total() == 4
        assert not race.field._stands["p"].disabled


class TestHeadStarts:
    def test_a_dear_provider_waits_and_then_steps_in(self) -> None:
        race = Race(Entrant("own", 1), Entrant("paid", 1))
        race.offers = [Offer("own", 10, 0.0, "m"), Offer("paid", 10, 0.02, "m")]
        race.job()
        race.job()
        assert [entry.contender.offer.provider for entry in race.entries] == ["own"]

        race.clock.pass_time(60)

        assert [entry.contender.offer.provider for entry in race.entries] == ["own", "paid"]

    def test_who_has_left_wins_nothing(self) -> None:
        race = Race(Entrant("p", 1))
        race.job()
        contest = race.job()
        assert contest.ahead() == 0

        contest.leave()
        race.succeed()

        assert (race.entries, contest.ahead(), race.clock.pending) == ([], None, 0)


class TestSifting:
    OFFERS = (Offer("own", 1, 0.0), Offer("paid", 1, 0.04), Offer("unknown", 1, None))

    def sifted(self, steering: Steering) -> tuple[list[str], dict[str, Why]]:
        race = Race(*(Entrant(name, 1) for name in ("own", "paid", "unknown")))
        offers, declined = race.field.sift([*self.OFFERS, Unable("other", "no")], steering)
        return [offer.provider for offer in offers], {unable.provider: unable.why for unable in declined}

    def test_the_owner_decides_whom_to_ask(self) -> None:
        assert self.sifted(Steering(providers=frozenset({"own", "paid"}), exclude=frozenset({"own"}))) == (
            ["paid"],
            {"own": Why.excluded, "unknown": Why.excluded, "other": Why.cannot},
        )

    def test_a_price_that_is_not_known_is_over_every_limit(self) -> None:
        assert self.sifted(Steering(max_price=0.03)) == (
            ["own"],
            {"paid": Why.too_expensive, "unknown": Why.too_expensive, "other": Why.cannot},
        )

    def test_stand_ins_are_for_jobs_that_nobody_else_would_take(self) -> None:
        race = Race(Entrant("real", 1), Entrant("sketch", 1, stand_in=True))

        assert [offer.provider for offer in race.field.sift(race.offers, Steering())[0]] == ["real"]
        without = race.field.sift(race.offers, Steering(exclude=frozenset({"real"})))[0]
        assert [offer.provider for offer in without] == ["sketch"]


ERRORS: list[ProviderError] = [
    RunFailed("broke"),
    NotAccepted("down"),
    RateLimited("later"),
    RateLimited("later", 5.0),
    Refused("no"),
    Unfunded("no money"),
]


class FieldMachine(RuleBasedStateMachine):
    """Anything that may happen to jobs and providers, in any order."""

    @initialize(places=st.lists(st.integers(1, 3), min_size=1, max_size=3), seed=st.integers(0, 1000))
    def build(self, places: list[int], seed: int) -> None:
        self.race = Race(*(Entrant(f"p{index}", number) for index, number in enumerate(places)), seed=seed)
        self.race.offers = [
            Offer(offer.provider, 5.0, 0.01 * index, "m") for index, offer in enumerate(self.race.offers)
        ]
        self.contests: dict[int, Contest] = {}
        self.left: dict[int, int] = {}

    @rule(account=st.sampled_from("abc"), some=st.sets(st.integers(0, 2)))
    def submit(self, account: str, some: set[int]) -> None:
        race = self.race
        offers = [offer for index, offer in enumerate(race.offers) if index in some]
        contest = race.job(account, *offers)
        self.contests[race.number] = contest

    @rule(data=st.data())
    def cancel_waiting(self, data: st.DataObject) -> None:
        waiting = [number for number in self.contests if not self.race.wins[number] and number not in self.left]
        if waiting:
            number = data.draw(st.sampled_from(waiting))
            self.left[number] = 0
            self.contests[number].leave()

    @rule(data=st.data(), how=st.sampled_from(["succeeded", "failed", "timed out", "abandoned", "freed"]))
    def end(self, data: st.DataObject, how: str) -> None:
        if not self.race.entries:
            return
        entry = data.draw(st.sampled_from(self.race.entries))
        if how == "freed":
            entry.free_place()
            return
        self.race.entries.remove(entry)
        if how == "succeeded":
            entry.succeeded(0.01)
        elif how == "failed":
            entry.failed(data.draw(st.sampled_from(ERRORS)))
        elif how == "timed out":
            entry.timed_out()
        else:
            entry.abandoned()

    @rule(seconds=st.floats(0, 100))
    def pass_time(self, seconds: float) -> None:
        self.race.clock.pass_time(seconds)

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "race"):
            return
        race = self.race
        assert all(number <= 1 for number in race.wins.values())
        assert not any(race.wins[number] for number in self.left)
        held = Counter(entry.contender.offer.provider for entry in race.entries if entry._has_place)
        trials = Counter(
            entry.contender.offer.provider
            for entry in race.entries
            if entry._is_trial and race.breaker(entry.contender.offer.provider) is BreakerState.half_open
        )
        for offer in race.offers:
            assert race.field.gate(offer.provider).running == held[offer.provider]
            assert trials[offer.provider] <= 1
        # One call for each contender of a job that waits, and one for each gate.
        waiting = sum(not contest.is_over for contest in self.contests.values())
        assert race.clock.pending <= (waiting + 1) * len(race.offers)
        assert all(contest.is_over == bool(race.wins[n] or n in self.left) for n, contest in self.contests.items())

    def teardown(self) -> None:
        if not hasattr(self, "race"):
            return
        race = self.race
        for _ in range(2 * race.number + 10):
            while race.entries:
                race.succeed()
            race.clock.pass_time(700)
        assert all(race.wins[number] or number in self.left for number in self.contests)
        assert race.clock.pending == 0
        assert all(race.field.gate(offer.provider).running == 0 for offer in race.offers)


TestFieldMachine = FieldMachine.TestCase
TestFieldMachine.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)


def test_how_long_a_run_was_prepared_says_nothing_of_how_long_runs_take():
    race = Race(Entrant("local", 1))
    race.job()
    [entry] = race.entries

    # When what it needs first takes a thousand seconds, and the run itself four
    race.clock.pass_time(500)
    entry.prepares()
    race.clock.pass_time(500)
    entry.prepares()
    race.clock.pass_time(4)

    # Then it is four seconds old
    assert entry.running.age == 4
