"""Ends that cross each other: places come back, providers are told, and every attempt ends, whatever meets what."""

import asyncio
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter
from tests.integration.engine.running import Engine, engine, image, soon
from tests.integration.engine.test_bad_disk import refused, run
from tests.integration.engine.test_hedging import HEDGED, gone_slow, hedged_pair, rival, saved_up, settled

from palio.contract.json import JsonObject
from palio.contract.status import Status
from palio.providers.base import RunFailed
from palio.store.ledger import AttemptStatus

S = Status


def only(provider: str) -> JsonObject:
    """A step for one provider."""
    return image() | {"metadata": {"palio": {"providers": [provider]}}}


def places(palio: Engine) -> dict[str, int]:
    """How many places are taken, by provider."""
    race = palio.orchestrator.room.field
    return {name: race.gate(name).running for name in palio.orchestrator.room.providers}


def closed(name: str = "painter", **options: bool) -> Painter:
    painter = Painter(name, **options)  # type: ignore[arg-type]
    painter.gate.clear()
    return painter


async def test_a_cancel_that_meets_a_settlement_leaves_no_place_taken(tmp_path: Path) -> None:
    first, second = closed("first"), closed("second")
    async with engine(tmp_path, first, second) as palio:
        workflow_id = await palio.submit(only("first"), only("second"))
        await soon(lambda: first.running == second.running == 1)
        with palio.busy_disk():
            first.gate.set()
            await soon(lambda: first.running == 0)
            canceling = asyncio.ensure_future(palio.orchestrator.cancel(workflow_id))
            await asyncio.sleep(0.05)
        await canceling
        await palio.end_of(workflow_id)

        await soon(lambda: places(palio) == {"first": 0, "second": 0})
        assert sorted(attempt.status for attempt in await palio.attempts(workflow_id)) == ["canceled", "succeeded"]


async def test_of_a_pair_the_one_that_fails_while_the_other_settles_takes_nothing_with_it(tmp_path: Path) -> None:
    slow, other = gone_slow(), rival()
    async with engine(tmp_path, slow, other) as palio:
        workflow_id = await hedged_pair(palio, slow, other)
        slow.will_end_with(RunFailed("no"))
        other.pause = 0
        with palio.busy_disk():
            slow.gate.set()
            await soon(lambda: slow.running == 0)
            other.gate.set()
            await soon(lambda: other.running == 0)
        document = await settled(palio, workflow_id)

        assert document.status is S.succeeded
        await soon(lambda: places(palio) == {"slow": 0, "other": 0})


async def test_a_pair_that_is_called_off_while_it_is_taken_up_is_called_off_whole(tmp_path: Path) -> None:
    slow, other = gone_slow(resumable=True), rival(resumable=True)
    async with engine(tmp_path, slow, other) as palio:
        workflow_id = await hedged_pair(palio, slow, other)

    again = [gone_slow(resumable=True, concurrency=1), rival(resumable=True)]
    async with engine(tmp_path, *again, serve=False) as palio:
        palio.orchestrator.room.field.gate("slow").take_over()  # busy with another run
        palio.serve()
        await soon(lambda: palio.orchestrator.room.field.gate("slow").waiting == 1)
        await palio.cancel(workflow_id)
        await palio.end_of(workflow_id)
        attempts = await palio.attempts(workflow_id)

    assert [attempt.is_open for attempt in attempts] == [False, False]
    assert [len(painter.canceled) for painter in again] == [1, 1]


async def test_a_pair_of_which_one_cannot_be_taken_up_is_stopped(tmp_path: Path) -> None:
    slow, other = gone_slow(resumable=True), rival(resumable=True)
    async with engine(tmp_path, slow, other) as palio:
        workflow_id = await hedged_pair(palio, slow, other)

    again = [gone_slow(resumable=True), rival(resumable=True)]
    async with engine(tmp_path, *again, serve=False) as palio:
        with refused(palio, "UPDATE OF holder ON attempts WHEN NEW.hedge"):
            palio.serve()
            await palio.end_of(workflow_id)

        await soon(lambda: places(palio) == {"slow": 0, "other": 0})
    assert len(again[0].canceled) == 1


async def test_an_end_that_cannot_be_recorded_stops_the_other_of_the_pair(tmp_path: Path) -> None:
    slow, other = gone_slow(), rival()
    async with engine(tmp_path, slow, other) as palio:
        workflow_id = await hedged_pair(palio, slow, other)
        slow.will_end_with(RunFailed("no"))
        with refused(palio, "UPDATE OF status ON attempts WHEN NEW.status = 'failed'"):
            slow.gate.set()
            await palio.end_of(workflow_id)

        await soon(lambda: places(palio) == {"slow": 0, "other": 0})
    assert len(other.canceled) == 1


async def test_a_step_whose_end_cannot_be_saved_stops_what_the_other_steps_run(tmp_path: Path) -> None:
    first, second = closed("first"), closed("second")
    async with engine(tmp_path, first, second) as palio:
        workflow_id = await palio.submit(only("first") | {"timeout": "00:00:01"}, only("second"))
        await soon(lambda: first.running == second.running == 1)
        with refused(palio, "UPDATE OF state ON workflows WHEN NEW.state LIKE '%expired%'"):
            await soon(lambda: bool(second.canceled))
        await palio.end_of(workflow_id)

    assert second.canceled == ["second-1"]


async def test_whatever_goes_wrong_while_an_image_is_kept_it_is_paid_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = Painter()
    async with engine(tmp_path, painter) as palio:

        def out_of_memory(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(palio.blobs, "_finish_and_put", out_of_memory)
        document = await palio.run(image(retries=5))

    assert (document.status, painter.runs) == (S.failed, 1)


async def test_a_stop_of_the_server_lets_a_cancel_be_told_and_recorded(tmp_path: Path) -> None:
    class Slow(Painter):
        async def cancel(self, handle: str) -> None:
            self.asked_for.append(handle)
            await asyncio.sleep(0.3)
            await super().cancel(handle)

    painter = Slow(resumable=True)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image())
        await soon(lambda: painter.running == 1)
        canceling = asyncio.ensure_future(palio.cancel(workflow_id))
        await soon(lambda: bool(painter.asked_for))
        await palio.stop()
        await canceling
        [attempt] = await palio.attempts(workflow_id)

    assert (painter.canceled, attempt.status) == (["painter-1"], AttemptStatus.canceled)
    async with engine(tmp_path, Painter()) as palio:
        assert (await palio.end_of(workflow_id)).status is S.canceled


async def test_what_a_gone_process_left_of_a_workflow_that_is_over_is_stopped(tmp_path: Path) -> None:
    painter = closed(resumable=True)
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image())
        await soon(lambda: painter.running == 1)
        await palio.stop()
        # Given a process that saved the end and was gone before it could stop what had lost
        run(palio, "UPDATE workflows SET completed_at = 1, status = 'succeeded'")

    again = closed(resumable=True)
    async with engine(tmp_path, again) as palio:
        await soon(lambda: bool(again.canceled))
        async with asyncio.timeout(5):
            while (await palio.attempts(workflow_id))[0].is_open:  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.01)

    assert again.canceled == ["painter-1"]


async def test_the_time_without_a_server_is_not_taken_for_running_time(tmp_path: Path) -> None:
    painter = Painter(free=True)
    async with engine(tmp_path, painter) as palio:
        for _ in range(5):
            await palio.run(image())
        painter.gate.clear()
        workflow_id = await palio.submit(image())
        await soon(lambda: painter.running == 1)
        await palio.stop()
        run(palio, "UPDATE attempts SET started_at = started_at - 28800000000 WHERE status = 'claimed'")

    async with engine(tmp_path, Painter(free=True)) as palio:
        await palio.end_of(workflow_id)
        [record] = palio.orchestrator.room.field.records.values()

    assert record.estimate(1, 1).mean < 60


async def test_a_hedge_is_not_begun_while_the_image_is_being_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = gone_slow(), rival()
    async with engine(tmp_path, slow, other) as palio:
        await saved_up(palio, slow)
        keep, runs = palio.blobs.keep, other.runs

        async def keep_slowly(*arguments: object, **options: object) -> object:
            await asyncio.sleep(0.4)
            return await keep(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(palio.blobs, "keep", keep_slowly)
        slow.gate.set()
        for _ in range(3):
            await palio.run(image(), **HEDGED)

    assert other.runs == runs
