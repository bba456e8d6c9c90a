"""Those who wait for a workflow's end hear of it once, and are let go when the server stops."""

import asyncio

from palio.engine.announcer import Announcer, give_up, within


async def test_everyone_who_waits_for_a_workflow_hears_of_its_end_and_nobody_else_does() -> None:
    announcer = Announcer()
    with announcer.expect("a") as first, announcer.expect("a") as second, announcer.expect("b") as other:
        announcer.ended("a")

        assert await first
        assert await second
        assert not other.done()


async def test_an_end_that_comes_before_the_wait_is_not_missed_by_who_listened() -> None:
    announcer = Announcer()
    with announcer.expect("a") as ending:
        announcer.ended("a")
        announcer.ended("a")

        assert await within(0, ending)


async def test_a_wait_ends_when_its_time_is_up() -> None:
    announcer = Announcer()
    with announcer.expect("a") as ending:
        assert not await within(0.01, ending)
        # Then an end that comes late is no error
        announcer.ended("a")


async def test_stopping_lets_everyone_go_also_who_comes_later() -> None:
    announcer = Announcer()
    with announcer.expect("a") as waiting:
        announcer.close()

        assert not await within(60, waiting)
    with announcer.expect("a") as late:
        assert not await within(60, late)


async def test_nothing_is_kept_of_who_no_longer_waits() -> None:
    announcer = Announcer()
    for number in range(10):
        with announcer.expect(str(number)) as ending:
            give_up(ending)
    with announcer.expect("a"), announcer.expect("a"):
        announcer.ended("a")

    assert announcer._waiting == {}


async def test_a_cancelled_wait_leaves_no_timer_behind() -> None:
    announcer = Announcer()
    with announcer.expect("a") as ending:
        waiting = asyncio.ensure_future(within(0.01, ending))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0.02)

        assert ending.cancelled()
        announcer.ended("a")
