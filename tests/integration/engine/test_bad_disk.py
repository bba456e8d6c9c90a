"""A store that cannot write for a while, and a process that stops: nothing is lost, stuck or paid for twice."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.integration.engine.painter import Painter, noise
from tests.integration.engine.running import Engine, echo, engine, image, soon

from palio.contract.document import Output
from palio.contract.instant import now
from palio.contract.status import Status
from palio.engine.retention import sweep, sweep_for_ever
from palio.store.ledger import AttemptStatus
from palio.store.statement import Statement


def run(palio: Engine, sql: str) -> None:
    palio.store.database.apply(lambda transaction: transaction.run(Statement(text(sql)), {}))


@contextmanager
def refused(palio: Engine, change: str) -> Iterator[None]:
    """The database refuses one kind of change while the block runs, as it does when the disk is full."""
    run(palio, f"CREATE TRIGGER full BEFORE {change} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
    try:
        yield
    finally:
        run(palio, "DROP TRIGGER full")


async def test_an_end_that_could_not_be_saved_is_saved_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("palio.engine.workflow_run.FIRST_PAUSE", 0.01)
    async with engine(tmp_path) as palio:
        with refused(palio, "UPDATE OF state ON workflows WHEN NEW.status = 'succeeded'"):
            workflow_id = await palio.submit(echo("hi"))
            await soon(lambda: "trying again" in caplog.text)

        document = await palio.end_of(workflow_id)

    assert document.status is Status.succeeded


async def test_a_run_whose_handle_could_not_be_kept_is_followed_and_not_started_again(tmp_path: Path) -> None:
    painter = Painter(resumable=True)
    async with engine(tmp_path, painter) as palio:
        with refused(palio, "UPDATE OF handle ON attempts WHEN NEW.status = 'accepted'"):
            document = await palio.run(image())

    assert document.status is Status.succeeded
    assert painter.runs == 1


async def test_when_one_job_cannot_go_on_the_providers_of_the_others_are_told(tmp_path: Path) -> None:
    # Given two jobs of a step, one running, the other not to be recorded
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        with refused(palio, "INSERT ON attempts WHEN (SELECT count(*) FROM attempts) = 1"):
            workflow_id = await palio.submit(image(quantity=2))
            document = await palio.end_of(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert document.status is Status.failed
    assert painter.canceled == ["painter-1"]
    assert attempt.status is AttemptStatus.canceled


async def test_a_claim_cut_off_by_the_end_of_the_server_is_no_start(tmp_path: Path) -> None:
    # Given a server that stops while the claim of a paid run is on its way to the disk
    async with engine(tmp_path, Painter()) as palio:
        recorded = await palio.record(image())
        with palio.busy_disk():
            await palio.orchestrator.put(*recorded)
            await asyncio.sleep(0.05)
            stopping = asyncio.ensure_future(palio.stop())
            await asyncio.sleep(0.05)
        await stopping

    # When the next one finds it
    painter = Painter()
    async with engine(tmp_path, painter) as palio:
        document = await palio.end_of(recorded[0].id)

    # Then it is run, as the provider never heard of it
    assert document.status is Status.succeeded
    assert painter.runs == 1


async def test_a_run_that_was_taken_up_is_stopped_though_it_still_waits_for_a_place(tmp_path: Path) -> None:
    # Given two runs of a process that is gone, at a provider that may have only one at a time by now
    before = Painter(resumable=True)
    before.gate.clear()
    async with engine(tmp_path, before) as palio:
        ids = [await palio.submit(image()) for _ in range(2)]
        await soon(lambda: before.running == 2)
    after = Painter(resumable=True, concurrency=1)
    after.gate.clear()

    # When both are canceled
    async with engine(tmp_path, after) as palio:
        await soon(lambda: after.running == 1)
        for workflow_id in reversed(ids):
            await palio.cancel(workflow_id)
            await palio.end_of(workflow_id)
        attempts = [attempt for workflow_id in ids for attempt in await palio.attempts(workflow_id)]

    # Then the provider was told of both
    assert sorted(after.canceled) == ["painter-1", "painter-2"]
    assert not any(attempt.is_open for attempt in attempts)


async def test_a_sweep_that_fails_does_not_end_what_runs_beside_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine(tmp_path) as palio:
        run(
            palio,
            "INSERT INTO blobs (id, account, media_type, size, created_at, expires_at)"
            " VALUES ('abcd.png', 'ann', 'image/png', 1, 0, 0)",
        )
        retention = palio.orchestrator.room.retention
        with refused(palio, "DELETE ON blobs"):
            sweeping = asyncio.ensure_future(sweep_for_ever(palio.store, palio.blobs, retention))
            await soon(lambda: "the next sweep tries again" in caplog.text)

        assert not sweeping.done()
        sweeping.cancel()


@pytest.mark.parametrize("end", ["stop", "cancel"])
async def test_an_image_that_has_come_is_kept_though_its_bytes_are_still_being_written(
    tmp_path: Path, end: str
) -> None:
    # Given an image, large enough for a thread, that a paid run came to
    painter = Painter(at_end=[noise(1500)])
    async with engine(tmp_path, painter) as palio:
        painter.gate.clear()
        workflow_id = await palio.submit(image())
        await soon(lambda: painter.running == 1)
        painter.gate.set()
        await soon(lambda: painter.running == 0)

        # When the server stops, or the owner cancels, before it is stored
        assert (await palio.load(workflow_id)).status is Status.processing
        if end == "cancel":
            await palio.cancel(workflow_id)

    # Then it is there, as it is paid for
    async with engine(tmp_path, Painter()) as palio:
        document = await palio.end_of(workflow_id)
        (blob,) = (document.steps[0].output or Output()).images or []
        assert document.status is Status.succeeded
        assert await palio.blobs.read(blob.id) is not None


async def test_an_image_that_is_prolonged_while_a_sweep_goes_on_stays(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter()) as palio:
        await palio.run(*(image(quantity=4) for _ in range(5)))
        retention = palio.orchestrator.room.retention
        later = now() + 2 * retention
        last = (await palio.store.files.expired(later))[-1]

        sweeping = asyncio.ensure_future(sweep(palio.store, palio.blobs, retention, later))
        while len(await palio.store.files.expired(later)) == 20:  # noqa: ASYNC110 - a sweep sets no event
            await asyncio.sleep(0)
        await palio.store.files.prolong(last, later + retention)
        await sweeping

        assert await palio.blobs.read(last) is not None
        assert await palio.store.files.load(last) is not None
        assert await palio.store.files.expired(later) == []
