"""Second attempts: only for a gain, only with money that was saved up, and not when everybody is slow."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.race.virtual import VirtualClock

from palio.contract.steering import Objective
from palio.providers.base import Offer
from palio.race.entry import Task
from palio.race.field import Field
from palio.race.gate import Priority
from palio.race.hedge import MOST_HEDGES, Budget, Lateness, Running, choose_rival, gain
from palio.race.record import Record
from palio.race.score import Contender
from palio.race.stand import Entrant


def contender(
    name: str, seconds: float = 10, price: float = 0.0, *, refund: float = 0.0, wait: float = 0.0
) -> Contender:
    return Contender(Offer(name, seconds, price, refund=refund), Record().estimate(1.0, seconds), wait)


def rich() -> Budget:
    budget = Budget()
    budget.deposit(100.0, 1.0)
    return budget


def chosen(running: Running, *rivals: Contender, budget: Budget | None = None, left: float | None = None) -> str | None:
    rival = choose_rival(running, rivals, Objective.fastest, budget or rich(), left=left)
    return rival and rival.offer.provider


LATE = Running(contender("first", 10, 0.04), 60.0)


class TestChoice:
    def test_a_late_run_is_hedged_with_one_who_is_likely_to_be_earlier(self) -> None:
        assert LATE.is_late
        assert chosen(LATE, contender("fast", 5, 0.01)) == "fast"

    def test_without_rivals_there_is_none(self) -> None:
        assert chosen(LATE) is None

    def test_who_costs_more_than_it_brings_is_not_chosen(self) -> None:
        dear = contender("dear", 5, 50.0)

        assert gain(LATE, dear, Objective.fastest) < 0
        assert chosen(LATE, dear) is None

    def test_nobody_is_chosen_whom_the_budget_does_not_pay(self) -> None:
        assert chosen(LATE, contender("paid", 5, 0.01), budget=Budget()) is None
        assert chosen(LATE, contender("own", 5, 0.0), budget=Budget()) == "own"

    def test_nobody_is_chosen_who_would_not_be_done_by_the_deadline(self) -> None:
        assert chosen(LATE, contender("busy", 5, wait=10), left=12) is None
        assert chosen(LATE, contender("busy", 5, wait=10), left=60) == "busy"

    def test_whom_it_costs_nothing_to_lose_goes_first(self) -> None:
        faster, refunds = contender("faster", 2, 0.01), contender("refunds", 8, 0.01, refund=1.0)
        assert gain(LATE, faster, Objective.fastest) > gain(LATE, refunds, Objective.fastest) > 0

        assert chosen(LATE, faster, refunds) == "refunds"
        assert chosen(LATE, faster, contender("other", 4, 0.01)) == "faster"

    def test_with_little_money_left_only_what_brings_as_much_as_usual_is_had(self) -> None:
        # Given a budget of which most is spent, on hedges that brought ten times their price
        budget = rich()
        for _ in range(100):
            assert budget.is_worth(10.0)
        budget.balance = 1.0

        # Then what brings much less has to wait, and what brings as much does not
        assert not budget.is_worth(1.0)
        assert budget.is_worth(10.0)

    def test_with_much_money_left_whatever_brings_anything_is_had(self) -> None:
        budget = rich()
        budget.balance = MOST_HEDGES * 100.0
        for _ in range(100):
            assert budget.is_worth(10.0)

        assert budget.is_worth(0.01)


class TestBudget:
    def test_it_saves_up_for_twenty_hedges(self) -> None:
        budget = Budget()
        for _ in range(10_000):
            budget.deposit(0.02, 0.05)

        assert budget.balance == pytest.approx(MOST_HEDGES * 0.02)
        assert not budget.allows(0.41)

    def test_what_is_not_there_cannot_be_spent(self) -> None:
        with pytest.raises(ValueError, match="are more than"):
            Budget().withdraw(0.01)

    @given(st.lists(st.tuples(st.sampled_from(["first", "hedge", "not begun"]), st.floats(0, 1), st.floats(0, 1))))
    def test_it_is_never_overdrawn(self, script: list[tuple[str, float, float]]) -> None:
        budget, saved, paid = Budget(), 0.0, list[float]()
        for event, price, share in script:
            if event == "first":
                budget.deposit(price, share)
                saved += price * share
            elif event == "hedge" and budget.allows(price):
                budget.withdraw(price)
                paid.append(price)
            elif event == "not begun" and paid:
                budget.give_back(paid.pop())
            assert budget.balance >= 0
            assert budget.spent == pytest.approx(sum(paid), abs=1e-9)
            assert budget.spent + budget.balance <= saved + 1e-9


class TestLateness:
    @pytest.mark.parametrize(
        ("notes", "common"),
        [("L" * 9, False), ("L" * 10, True), ("L.." * 20, True), ("L..." * 15, False), ("L" * 50 + "." * 40, False)],
    )
    def test_more_than_three_in_ten_of_the_latest_runs(self, notes: str, common: bool) -> None:
        lateness = Lateness()
        for note in notes:
            lateness.note(late=note == "L")

        assert lateness.is_common is common


class TestField:
    def field(self) -> tuple[Field, Task, list[Offer]]:
        field = Field([Entrant("first", 99), Entrant("second", 1)], VirtualClock(), Random(0))
        task = Task("a", 1.0, (Priority.normal, 1), Objective.fastest, engine="e", hedge=0.05)
        return field, task, [Offer("first", 10, 0.0), Offer("second", 5, 0.0)]

    def test_a_free_rival_with_a_place_is_found(self) -> None:
        field, task, offers = self.field()
        entry = field.started(*field.contenders(offers[:1], 1.0), task)
        field.clock.pass_time(60)  # type: ignore[attr-defined]

        rival = field.rival(entry, offers[1:])
        assert rival is not None

        assert field.gate("second").try_take()
        assert field.rival(entry, offers[1:]) is None

    def test_when_everybody_is_late_nobody_is_hedged(self) -> None:
        field, task, offers = self.field()
        entries = [field.started(*field.contenders(offers[:1], 1.0), task) for _ in range(10)]
        field.clock.pass_time(60)  # type: ignore[attr-defined]
        for entry in entries:
            entry.became_late()
            entry.became_late()

        assert field.rival(entries[0], offers[1:]) is None
