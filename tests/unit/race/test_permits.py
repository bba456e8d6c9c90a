"""Places at providers: never more out than there are, none lost, and nobody who waits is passed over."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.race.permits import Permits, take_first


async def let_others_run() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


class TestOneProvider:
    async def test_places_are_taken_until_there_are_none_and_again_when_given_back(self) -> None:
        permits = Permits("p", 2)

        assert [permits.try_take() for _ in range(3)] == [True, True, False]
        permits.release()
        assert [permits.try_take() for _ in range(2)] == [True, False]

    async def test_first_come_first_served(self) -> None:
        permits = Permits("p", 1)
        served: list[int] = []

        async def job(number: int) -> None:
            await take_first([permits])
            served.append(number)
            await asyncio.sleep(0)
            permits.release()

        await asyncio.gather(*(job(number) for number in range(10)))

        assert served == list(range(10))

    async def test_nobody_overtakes_those_who_wait(self) -> None:
        permits = Permits("p", 1)
        assert permits.try_take()
        waiting = asyncio.ensure_future(take_first([permits]))
        await let_others_run()

        permits.release()

        # The place was promised before the one who waits could run.
        assert not permits.try_take()
        assert await waiting is permits

    async def test_who_waits_is_counted(self) -> None:
        permits = Permits("p", 1)
        permits.try_take()
        waiting = [asyncio.ensure_future(take_first([permits])) for _ in range(3)]
        await let_others_run()
        assert permits.waiting == 3

        waiting[1].cancel()
        await let_others_run()

        assert permits.waiting == 2
        for task in waiting:
            task.cancel()


class TestSeveralProviders:
    async def test_the_best_that_is_free_is_taken(self) -> None:
        best, second = Permits("best", 1), Permits("second", 1)

        assert await take_first([best, second]) is best
        assert await take_first([best, second]) is second

    async def test_whoever_is_free_first_serves_one_who_waits_for_several(self) -> None:
        best, second = Permits("best", 1), Permits("second", 1)
        best.try_take()
        second.try_take()
        waiting = asyncio.ensure_future(take_first([best, second]))
        await let_others_run()

        second.release()
        best.release()

        assert await waiting is second
        # Then the other place is free, and nobody stands in line
        assert (best.waiting, second.waiting) == (0, 0)
        assert best.try_take()


class TestCancelledWaiting:
    async def test_it_leaves_the_line(self) -> None:
        permits = Permits("p", 1)
        permits.try_take()
        waiting = asyncio.ensure_future(take_first([permits]))
        await let_others_run()

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        permits.release()
        assert permits.try_take()

    async def test_a_place_that_was_just_promised_goes_to_the_next(self) -> None:
        permits = Permits("p", 1)
        permits.try_take()
        first, second = (asyncio.ensure_future(take_first([permits])) for _ in range(2))
        await let_others_run()

        permits.release()
        first.cancel()

        assert await second is permits
        assert first.cancelled()


class Race:
    """Jobs that take places at some of the providers, for as many turns as they are told, or give up waiting."""

    def __init__(self, sizes: list[int]) -> None:
        self.permits = [Permits(str(number), size) for number, size in enumerate(sizes)]
        self.out: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.served = 0

    async def job(self, wanted: list[int], turns: int) -> None:
        place = await take_first([self.permits[number % len(self.permits)] for number in wanted])
        try:
            self.out[place.provider] += 1
            self.most[place.provider] = max(self.most[place.provider], self.out[place.provider])
            for _ in range(turns):
                await asyncio.sleep(0)
            self.served += 1
        finally:
            self.out[place.provider] -= 1
            place.release()


JOB = st.tuples(
    st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True), st.integers(0, 4), st.none() | st.integers(0, 6)
)


@settings(deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.lists(JOB, max_size=25))
def test_whatever_jobs_come_and_give_up_places_are_neither_exceeded_nor_lost(
    sizes: list[int], jobs: list[tuple[list[int], int, int | None]]
) -> None:
    async def run() -> None:
        race = Race(sizes)
        tasks = [asyncio.ensure_future(race.job(wanted, turns)) for wanted, turns, _ in jobs]
        for turn in range(8):
            for task, (_, _, gives_up_at) in zip(tasks, jobs, strict=True):
                if gives_up_at == turn:
                    task.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)

        # Never more out than there are places, and who did not give up was served
        assert all(race.most[permits.provider] <= size for permits, size in zip(race.permits, sizes, strict=True))
        assert all(
            outcome is None or gives_up_at is not None
            for outcome, (*_, gives_up_at) in zip(outcomes, jobs, strict=True)
        )
        # Then every place is free again
        for permits, size in zip(race.permits, sizes, strict=True):
            assert [permits.try_take() for _ in range(size + 1)] == [True] * size + [False]
            assert permits.waiting == 0

    asyncio.run(run())
