"""Virtual time."""

from palio.race.simulation.clock import VirtualClock


def test_calls_are_made_in_the_order_of_their_instants():
    clock, seen = VirtualClock(), []
    for when in (3.0, 1.0, 2.0):
        clock.call_at(when, lambda: seen.append(clock.time()))
    clock.run()
    assert seen == [1.0, 2.0, 3.0]


def test_calls_of_one_instant_keep_their_order():
    clock, seen = VirtualClock(), []
    for number in range(5):
        clock.call_at(1.0, lambda number=number: seen.append(number))
    clock.run()
    assert seen == [0, 1, 2, 3, 4]


def test_a_call_that_was_called_off_is_not_made():
    clock, seen = VirtualClock(), []
    clock.call_at(1.0, lambda: seen.append(1)).cancel()
    clock.run()
    assert seen == []


def test_time_does_not_go_back():
    clock, seen = VirtualClock(), []
    clock.call_at(5.0, lambda: clock.call_at(1.0, lambda: seen.append(clock.time())))
    clock.run()
    assert seen == [5.0]
