"""What a job that is not over can be expected to do."""

from palio.engine.outlook import NEARLY, Outlook


def test_a_run_of_which_nothing_is_said_is_as_far_as_its_age():
    assert Outlook.of_running(None, None, age=2, expected=8) == Outlook(rate=0.25, ends_in=6)


def test_one_that_takes_longer_than_expected_is_nearly_done():
    assert Outlook.of_running(None, None, age=80, expected=8) == Outlook(rate=NEARLY, ends_in=0)


def test_what_the_provider_says_counts():
    assert Outlook.of_running(0.7, None, age=1, expected=8).rate == 0.7


def test_a_preparation_goes_on_at_the_pace_that_it_had():
    outlook = Outlook.of_preparing(0.25, age=10, preparation=5, expected=8)

    assert outlook == Outlook(rate=0.25, starts_in=30, ends_in=38, is_preparing=True)


def test_one_of_which_nothing_has_come_yet_takes_as_long_as_was_thought():
    assert Outlook.of_preparing(0.0, age=2, preparation=5, expected=8).starts_in == 3


def test_one_that_waits_at_its_provider_says_how_many_are_before_it():
    assert Outlook.of_running(0.0, 3, age=1, expected=8) == Outlook(preceding=3, ends_in=32)
