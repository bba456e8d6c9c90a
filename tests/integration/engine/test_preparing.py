"""A run that is prepared first, such as by weights that are on their way."""

from pathlib import Path

from tests.integration.engine.painter import Painter
from tests.integration.engine.running import ACCOUNT, Engine, engine, image, jobs, soon

from palio.contract.document import Workflow
from palio.contract.status import Status
from palio.engine.reading import as_read


async def read(running: Engine, workflow_id: str) -> Workflow:
    """A workflow as its owner reads it at this moment."""
    document = (await running.service.get(ACCOUNT, workflow_id, wait=0)).document
    outlook = running.orchestrator.outlook(workflow_id)
    return as_read(document, running.blobs.signer, "http://palio.test", outlook=outlook, hide_mature=False)


async def test_it_is_read_as_preparing_with_its_progress_and_as_processing_once_it_runs(tmp_path: Path):
    painter = Painter()
    painter.prepares = [0.25]
    painter.gate.clear()
    async with engine(tmp_path, painter) as running:
        # When its provider says that it is being prepared
        workflow_id = await running.submit(image())
        await soon(lambda: any(each.is_preparing for each in running.orchestrator.outlook(workflow_id).values()))

        # Then it is preparing, as its step and workflow are, and its attempt is under way
        document = await read(running, workflow_id)
        [job] = jobs(document)
        assert {document.status, document.steps[0].status, job.status} == {Status.preparing}
        assert (job.estimated_progress_rate, document.steps[0].estimated_progress_rate) == (0.25, 0.25)
        assert [attempt.status for attempt in job.attempts] == ["started"]

        # And when it runs, it is processing
        painter.preparation_gate.set()
        await soon(lambda: painter.running == 1 and not running.orchestrator.outlook(workflow_id)[job.id].is_preparing)
        document = await read(running, workflow_id)
        assert {document.status, document.steps[0].status, jobs(document)[0].status} == {Status.processing}
        assert jobs(document)[0].estimated_progress_rate == 0.5

        painter.gate.set()
        assert (await running.end_of(workflow_id)).status is Status.succeeded


async def test_what_is_stored_does_not_change_with_it(tmp_path: Path):
    painter = Painter()
    painter.prepares = [0.1, 0.9]
    async with engine(tmp_path, painter) as running:
        workflow_id = await running.submit(image())
        await soon(lambda: any(each.is_preparing for each in running.orchestrator.outlook(workflow_id).values()))

        stored = await running.load(workflow_id)

        assert jobs(stored)[0].status is Status.processing
        painter.preparation_gate.set()
        await running.end_of(workflow_id)


async def test_a_job_that_is_canceled_while_it_is_prepared_is_canceled_at_its_provider(tmp_path: Path):
    painter = Painter()
    painter.prepares = [0.5]
    async with engine(tmp_path, painter) as running:
        workflow_id = await running.submit(image())
        await soon(lambda: any(each.is_preparing for each in running.orchestrator.outlook(workflow_id).values()))

        await running.cancel(workflow_id)

        assert (await running.end_of(workflow_id)).status is Status.canceled
        assert painter.canceled == ["painter-1"]
