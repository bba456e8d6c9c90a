"""What is old is forgotten, bytes and records."""

from datetime import timedelta
from pathlib import Path

from tests.integration.engine.painter import Painter
from tests.integration.engine.running import engine, image

from palio.contract.instant import now
from palio.engine.retention import sweep

MONTH = timedelta(days=30)


async def test_images_and_workflows_go_when_their_time_has_passed_and_not_before(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter()) as palio:
        document = await palio.run(image(quantity=3))
        output = document.steps[0].output
        assert output is not None
        ids = [blob.id for blob in output.images or []]

        await sweep(palio.store, palio.blobs, MONTH, now() + MONTH - timedelta(minutes=1))
        assert all([await palio.blobs.read(blob_id) is not None for blob_id in ids])
        assert (await palio.load(document.id or "")).id == document.id

        await sweep(palio.store, palio.blobs, MONTH, now() + MONTH + timedelta(minutes=1))
        assert [await palio.blobs.read(blob_id) for blob_id in ids] == [None] * 3
        assert [await palio.store.files.load(blob_id) for blob_id in ids] == [None] * 3
        assert await palio.store.workflows.load(document.id or "", "ann") is None


async def test_what_runs_is_kept_however_old(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image())

        await sweep(palio.store, palio.blobs, MONTH, now() + 3 * MONTH)

        assert (await palio.load(workflow_id)).id == workflow_id


async def test_more_than_fit_in_one_sweep_all_go(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter()) as palio:
        for _ in range(6):
            await palio.run(image(quantity=4))

        await sweep(palio.store, palio.blobs, MONTH, now() + 2 * MONTH)

        assert await palio.store.files.expired(now() + 9 * MONTH) == []
        assert [*(tmp_path / "blobs").glob("*/*")] == []
