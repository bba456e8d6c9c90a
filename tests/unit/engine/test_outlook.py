"""What a job that is not over can be expected to do."""

from palio.engine.outlook import NEARLY, Outlook


def test_a_run_of_which_nothing_is_said_is_as_far_as_its_age():
    assert Outlook.of_running(None, None, age=2, expected=8) == Outlook(rate=0.25, ends_in=6)


def test_one_that_takes_longer_than_expected_is_nearly_done():
    assert Outlook.of_running(None, None, age=80, expected=8) == Outlook(rate=NEARLY, ends_in=0)


def test_what_the_provider_says_counts():
    assert Outlook.of_running(0.7, None, age=1, expected=8).rate == 0.7


def test_one_that_waits_at_its_provider_says_how_many_are_before_it():
    assert Outlook.of_running(0.0, 3, age=1, expected=8) == Outlook(preceding=3, ends_in=32)
