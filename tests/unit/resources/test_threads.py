"""Work that blocks, off the loop."""

import asyncio
import threading

import pytest

from palio.resources.threads import in_thread


async def test_a_task_that_is_cancelled_twice_waits_for_its_thread():
    began, release = threading.Event(), threading.Event()
    ended: list[bool] = []

    def work() -> None:
        began.set()
        release.wait(10)
        ended.append(True)

    task = asyncio.ensure_future(in_thread(work))
    await asyncio.to_thread(began.wait, 10)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()

    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_work_that_takes_long_is_told_that_nobody_wants_it_any_more():
    began, is_unwanted = threading.Event(), threading.Event()

    def work() -> bool:
        began.set()
        return is_unwanted.wait()

    task = asyncio.ensure_future(in_thread(work, is_unwanted.set))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_the_work_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)
