"""The claim race as owners see it: who may claim at once, and how long the others wait."""

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from palio.contract.steering import Objective
from palio.providers.base import Offer
from palio.race.record import Record
from palio.race.score import TERMS, UNKNOWN_PRICE, Contender, Start, line_up, utility

CHEAPEST, BALANCED, FASTEST = Objective.cheapest, Objective.balanced, Objective.fastest


def known(seconds: float, runs: int = 400) -> Record:
    """The record of a provider that is well known, so that chance plays hardly any part."""
    record = Record()
    for _ in range(runs):
        record.succeeded(1.0, seconds)
    return record


def contender(
    name: str,
    seconds: float = 10.0,
    price: float | None = 0.0,
    *,
    wait: float = 0.0,
    preparation: float = 0.0,
    quality: float = 0.0,
    refund: float = 0.0,
    is_slow: bool = False,
) -> Contender:
    offer = Offer(name, seconds, price, preparation=preparation, refund=refund)
    return Contender(offer, known(seconds).estimate(1.0, seconds), wait, quality, is_slow)


def starts(
    *contenders: Contender, objective: Objective = BALANCED, deadline: float | None = None, seed: int = 0
) -> dict[str, float]:
    lined_up = line_up(contenders, objective, Random(seed), deadline)
    return {start.offer.provider: start.after for start in lined_up}


class TestExamples:
    def test_an_idle_machine_of_ones_own_goes_first_and_the_paid_api_waits_for_what_it_costs_more(self) -> None:
        order = starts(contender("own", 20, 0.0), contender("paid", 5, 0.04))

        # 0.04 USD are worth 40 seconds, of which it wins 15 back.
        assert list(order) == ["own", "paid"]
        assert order["own"] == 0
        assert order["paid"] == pytest.approx(25, abs=3)

    def test_the_paid_api_goes_first_when_the_wait_for_ones_own_is_worth_more_than_its_price(self) -> None:
        assert next(iter(starts(contender("own", 20, 0.0, wait=60), contender("paid", 5, 0.04)))) == "paid"

    def test_the_fastest_goes_first_where_time_is_worth_more(self) -> None:
        assert next(iter(starts(contender("own", 20, 0.0), contender("paid", 5, 0.04), objective=FASTEST))) == "paid"

    def test_a_model_that_has_to_be_loaded_counts_as_time(self) -> None:
        assert list(starts(contender("cold", 5, preparation=30), contender("warm", 10))) == ["warm", "cold"]

    def test_a_deadline_overrides_the_price(self) -> None:
        order = starts(contender("own", 100, 0.0), contender("paid", 5, 0.04), objective=CHEAPEST, deadline=30)

        assert list(order) == ["paid", "own"]
        assert order["paid"] == 0

    def test_where_nobody_makes_the_deadline_the_fastest_goes_first(self) -> None:
        order = starts(contender("own", 100, 0.0), contender("paid", 50, 0.04), objective=CHEAPEST, deadline=5)

        assert list(order) == ["paid", "own"]

    def test_the_cheapest_are_asked_in_turns(self) -> None:
        order = starts(
            contender("c", price=0.03), contender("a", price=0.01), contender("b", price=0.02), objective=CHEAPEST
        )

        assert order == {"a": 0, "b": 600, "c": 1200}

    def test_turns_do_not_cost_the_deadline(self) -> None:
        contenders = [
            contender(name, 10, price) for name, price in [("a", 0.01), ("b", 0.02), ("c", 0.03), ("d", 0.04)]
        ]
        order = starts(*contenders, objective=CHEAPEST, deadline=60)

        assert next(iter(order)) == "a"
        for other in contenders[1:]:
            late = other.estimate.quantile(0.9)
            assert order[other.offer.provider] + late == pytest.approx(60)

    def test_a_price_that_is_not_known_is_not_free(self) -> None:
        order = starts(
            contender("dearer", price=UNKNOWN_PRICE + 0.01),
            contender("unknown", price=None),
            contender("cheaper", price=UNKNOWN_PRICE - 0.01),
        )

        assert list(order) == ["cheaper", "unknown", "dearer"]

    def test_an_operator_may_prefer_the_images_of_a_provider(self) -> None:
        assert next(iter(starts(contender("plain"), contender("fine", price=0.01, quality=0.02)))) == "fine"

    def test_who_fails_often_pays_for_it(self) -> None:
        shaky = known(10)
        for _ in range(100):
            shaky.faulted(10)
        risky = Contender(Offer("risky", 10, 0.02), shaky.estimate(1.0, 10))

        assert list(starts(risky, contender("safe", 10, 0.02))) == ["safe", "risky"]

    def test_who_is_alone_waits_for_nobody(self) -> None:
        assert starts(contender("only", 100, 5.0, is_slow=True), deadline=1) == {"only": 0}


class TestProbation:
    def test_a_slow_provider_gets_a_small_share(self) -> None:
        first = [
            next(iter(starts(contender("slow", is_slow=True), contender("other", price=0.02), seed=seed)))
            for seed in range(500)
        ]

        assert 20 <= first.count("slow") <= 90

    def test_nobody_waits_for_a_slow_one_that_would_have_been_the_best(self) -> None:
        for seed in range(50):
            order = starts(contender("slow", is_slow=True), contender("other", price=0.02), seed=seed)
            assert min(order.values()) == 0

    def test_where_all_are_slow_none_is_held_back(self) -> None:
        for seed in range(50):
            order = starts(contender("a", is_slow=True), contender("b", price=0.01, is_slow=True), seed=seed)
            assert min(order.values()) == 0


CONTENDERS = st.lists(
    st.builds(
        contender,
        st.text("abcdef", min_size=1, max_size=3),
        st.floats(0.01, 1000),
        st.none() | st.floats(0, 2),
        wait=st.floats(0, 1000),
        preparation=st.floats(0, 100),
        quality=st.floats(-0.1, 0.1),
        refund=st.floats(0, 1),
        is_slow=st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda contender: contender.offer.provider,
)


@given(CONTENDERS, st.sampled_from(Objective), st.none() | st.floats(-10, 2000), st.integers(0, 99))
def test_somebody_may_always_claim_at_once_and_nobody_waits_for_ever(
    contenders: list[Contender], objective: Objective, deadline: float | None, seed: int
) -> None:
    lined_up = line_up(contenders, objective, Random(seed), deadline)

    assert {id(start.contender) for start in lined_up} == set(map(id, contenders))
    assert lined_up[0].after == 0
    delays = [start.after for start in lined_up]
    assert delays == sorted(delays)
    turns = len(contenders) - 1 if objective is CHEAPEST else 1
    assert all(0 <= delay <= turns * TERMS[objective].longest_head_start for delay in delays)


@given(CONTENDERS, st.sampled_from([BALANCED, FASTEST]))
def test_without_doubt_the_order_is_that_of_what_each_costs_all_told(
    contenders: list[Contender], objective: Objective
) -> None:
    sure = [Contender(each.offer, each.estimate, each.wait, each.quality) for each in contenders]
    lined_up = line_up(sure, objective, Certain())

    costs = [utility(start.contender, TERMS[objective]) for start in lined_up]
    assert costs == sorted(costs) or all(start.after == lined_up[-1].after for start in out_of_order(lined_up, costs))


def out_of_order(lined_up: list[Start], costs: list[float]) -> list[Start]:
    """Those that come before somebody better: at the longest head start the order does not matter any more."""
    return [start for index, start in enumerate(lined_up) if costs[index] > min(costs[index:])]


class Certain(Random):
    """No chance at all: what is drawn is what is expected."""

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu

    def betavariate(self, alpha: float, beta: float) -> float:
        return alpha / (alpha + beta)


@given(st.floats(0, 2), st.floats(0, 2), st.sampled_from(Objective), st.floats(0, 1))
def test_who_asks_for_more_is_never_the_better_for_it(
    price: float, more: float, objective: Objective, refund: float
) -> None:
    assume(more > 0)
    cheap = contender("a", price=price, refund=refund)
    dear = contender("a", price=price + more, refund=refund)

    assert utility(cheap, TERMS[objective]) <= utility(dear, TERMS[objective])
