"""A breaker opens on faults, stays open for longer each time, and lets one trial through at a time."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.race.breaker import CONSECUTIVE, FIRST_PAUSE, LAST_PAUSE, Breaker, BreakerState


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(CONSECUTIVE):
        breaker.faulted(at, Random(0))
    return breaker


def trial_of(breaker: Breaker) -> float:
    """The instant at which the trial has begun."""
    assert breaker.allows(breaker.opens_at)
    assert breaker.started()
    return breaker.opens_at


def outcomes(breaker: Breaker, text: str) -> BreakerState:
    for letter in text:
        if letter == "x":
            breaker.faulted(0.0, Random(0))
        else:
            breaker.succeeded()
    return breaker.state


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ("xx", "closed"),
        ("xxx", "open"),
        ("xx.xx.", "closed"),
        ("xx.xx.xx.", "closed"),
        ("xx.xx.xx.x", "open"),
        (".x.x.x.x.x", "closed"),
        ("x.x.x.x.xx", "open"),
        ("." * 20 + "xx.xx.xx.xx.xx", "closed"),
        ("." * 20 + "xx.xx.xx.xx.xx.xx", "open"),
    ],
)
def test_three_faults_in_a_row_or_more_than_half_of_at_least_ten_open_it(runs: str, state: str) -> None:
    assert outcomes(Breaker(), runs) == state


@given(st.integers(0, 2**32))
def test_it_stays_open_for_twice_as_long_after_each_trial_that_fails_up_to_a_bound(seed: int) -> None:
    random, breaker, at = Random(seed), opened(), 0.0
    for opening in range(1, 15):
        at = trial_of(breaker)
        breaker.faulted(at, random)
        pause = min(LAST_PAUSE, FIRST_PAUSE * 2**opening)
        assert 0.5 * pause <= breaker.opens_at - at <= 1.5 * pause + 1e-6
        assert not breaker.allows(at)


def test_one_trial_runs_at_a_time() -> None:
    breaker = opened()
    assert not breaker.allows(breaker.opens_at - 0.01)

    at = trial_of(breaker)

    assert breaker.state is BreakerState.half_open
    assert not breaker.allows(at + 1e6)
    breaker.abandoned_trial()
    assert breaker.allows(at)


def test_success_closes_it_and_forgets_what_was() -> None:
    breaker = opened()
    trial_of(breaker)

    breaker.succeeded()

    assert breaker.state is BreakerState.closed
    assert not breaker.started()
    assert outcomes(breaker, "xx.") == "closed"
    assert outcomes(breaker, "xxx") == "open"
    assert 0.5 * FIRST_PAUSE <= breaker.opens_at <= 1.5 * FIRST_PAUSE


def test_runs_that_began_before_do_not_fail_the_trial() -> None:
    breaker = opened()
    at = trial_of(breaker)

    breaker.faulted(at, Random(0), is_trial=False)

    assert breaker.state is BreakerState.half_open
    assert not breaker.allows(at + 1e6)


@given(st.lists(st.sampled_from(["start", "x", "X", ".", "abandon"]), max_size=80))
def test_in_whatever_order_things_happen_there_is_at_most_one_trial(script: list[str]) -> None:
    breaker, at = Breaker(), 0.0
    trial = False
    for event in script:
        at += 7
        if event == "start" and breaker.allows(at):
            is_trial = breaker.started()
            assert not (is_trial and trial)
            trial = trial or is_trial
        elif event == "X":
            breaker.faulted(at, Random(1), is_trial=False)
        elif event == "x" and (trial or breaker.state is BreakerState.closed):
            breaker.faulted(at, Random(1))
            trial = False
        elif event == ".":
            breaker.succeeded()
            trial = False
        elif event == "abandon" and trial:
            breaker.abandoned_trial()
            trial = False
        if not trial:
            assert breaker.allows(at + 1000)
