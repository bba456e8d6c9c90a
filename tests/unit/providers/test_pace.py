"""When a run is asked about again."""

from random import Random

from palio.providers.hosted.pace import LONGEST, LONGEST_ASKED_FOR, SHORTEST, gap


def test_a_gap_grows_with_the_time_that_a_run_takes_and_is_bounded():
    gaps = [gap(elapsed, None, Random(1)) for elapsed in (0, 5, 20, 100, 10_000)]
    assert gaps == sorted(gaps)
    assert SHORTEST <= gaps[0] <= SHORTEST * 1.2
    assert LONGEST <= gaps[-1] <= LONGEST * 1.2


def test_runs_that_began_together_do_not_ask_together():
    random = Random(2)
    assert len({gap(3, None, random) for _ in range(10)}) == 10


def test_what_the_vendor_asks_for_is_given_within_reason():
    assert gap(0, 7, Random(1)) == 7
    assert gap(0, 86_400, Random(1)) == LONGEST_ASKED_FOR
    assert gap(100, 0.01, Random(1)) >= LONGEST


def test_a_clock_that_was_set_back_does_not_matter():
    assert gap(-3600, None, Random(1)) >= SHORTEST


def test_many_runs_share_what_may_be_asked():
    assert 9.0 <= gap(2.0, None, Random(1), least=9.0) <= 9.0 * 1.2
    assert gap(60.0, None, Random(1), least=0.5) == gap(60.0, None, Random(1))
