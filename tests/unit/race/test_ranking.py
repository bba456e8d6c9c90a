"""Who may have a job first: the cheapest by price and time, those that failed at it last, stand-ins only alone."""

from hypothesis import given
from hypothesis import strategies as st

from palio.providers.base import Offer
from palio.race.ranking import SECOND_IN_USD, UNKNOWN_PRICE, rank


def names(*offers: Offer, tried: tuple[str, ...] = (), stand_ins: tuple[str, ...] = ()) -> list[str]:
    return [offer.provider for offer in rank(offers, tried=tried, stand_ins=stand_ins)]


def test_cheap_and_fast_come_first() -> None:
    assert names(Offer("dear", 1, 0.04), Offer("cheap", 1, 0.01)) == ["cheap", "dear"]
    assert names(Offer("slow", 9, 0.01), Offer("fast", 1, 0.01)) == ["fast", "slow"]


def test_time_is_worth_money() -> None:
    seconds_for_a_cent = 0.01 / SECOND_IN_USD

    assert names(Offer("cheap", seconds_for_a_cent + 1, 0.01), Offer("fast", 0, 0.02)) == ["fast", "cheap"]
    assert names(Offer("cheap", seconds_for_a_cent - 1, 0.01), Offer("fast", 0, 0.02)) == ["cheap", "fast"]


def test_an_unknown_price_is_not_free() -> None:
    cheaper, dearer = Offer("cheaper", 1, UNKNOWN_PRICE - 0.01), Offer("dearer", 1, UNKNOWN_PRICE + 0.01)

    assert names(dearer, Offer("unknown", 1, None), cheaper) == ["cheaper", "unknown", "dearer"]


def test_equal_offers_are_in_the_same_order_whatever_order_they_came_in() -> None:
    a, b, c = (Offer(name, 1, 0.01) for name in "abc")

    assert names(a, b, c) == names(c, b, a) == ["a", "b", "c"]


def test_providers_that_failed_at_the_job_come_last_however_cheap() -> None:
    assert names(Offer("failed", 0, 0), Offer("dear", 99, 9), tried=("failed",)) == ["dear", "failed"]


def test_stand_ins_count_only_if_nobody_else_offers() -> None:
    sketch, real = Offer("sketch", 0, 0), Offer("real", 99, 9)

    assert names(sketch, real, stand_ins=("sketch",)) == ["real"]
    assert names(sketch, real, stand_ins=("sketch",), tried=("real",)) == ["real"]
    assert names(sketch, stand_ins=("sketch",)) == ["sketch"]


def test_no_offers_make_no_order() -> None:
    assert names() == []


OFFERS = st.lists(
    st.builds(
        Offer,
        provider=st.text("abcdef", min_size=1, max_size=3),
        seconds=st.floats(0, 1e6),
        price=st.none() | st.floats(0, 1e3),
    ),
    unique_by=lambda offer: offer.provider,
)


@given(OFFERS, st.sets(st.text("abcdef", min_size=1, max_size=1)), st.sets(st.text("abcdef", min_size=1, max_size=1)))
def test_every_order_is_of_the_offers_made_and_the_best_is_never_worse_than_another(
    offers: list[Offer], tried: set[str], stand_ins: set[str]
) -> None:
    ranked = rank(offers, tried=tried, stand_ins=stand_ins)

    assert set(ranked) <= set(offers)
    assert bool(ranked) == bool(offers)
    assert [offer.provider in tried for offer in ranked] == sorted(offer.provider in tried for offer in ranked)
    if ranked:
        worth = (ranked[0].price if ranked[0].price is not None else UNKNOWN_PRICE) + SECOND_IN_USD * ranked[0].seconds
        assert all(
            worth <= (other.price if other.price is not None else UNKNOWN_PRICE) + SECOND_IN_USD * other.seconds
            for other in ranked
            if (other.provider in tried) == (ranked[0].provider in tried)
        )
