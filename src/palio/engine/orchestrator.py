"""The orchestrator of one process: it takes workflows off the queue and runs each to its end."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from palio.contract.instant import now
from palio.contract.status import Status
from palio.contract.template import WorkflowTemplate
from palio.engine.announcer import Announcer, within
from palio.engine.lifecycle import end_all
from palio.engine.outlook import Outlook
from palio.engine.planning import Plan, template_of
from palio.engine.room import Room
from palio.engine.stopping import ask_to_stop
from palio.engine.upkeep import Upkeep
from palio.engine.workflow_run import WorkflowRun
from palio.errors import BadRequest, TooBusy
from palio.queue.local import LocalQueue
from palio.store.ledger import Settlement
from palio.store.workflows import Stored

log = logging.getLogger(__name__)

CANCEL_SECONDS = 2.0
"""How long a request to cancel waits to see the workflow over."""

STOP_SECONDS = 20.0
"""How long a server that stops waits for what is paid for and would be lost with it."""


class Orchestrator:
    """Runs workflows. `serve` must be running for anything to happen."""

    def __init__(self, room: Room, upkeep: Upkeep, max_active: int) -> None:
        self.room = room
        self._upkeep = upkeep
        self.announcer = Announcer()
        self._max_active = max_active
        self._queue = LocalQueue()
        self._arriving: dict[str, WorkflowRun] = {}
        self._active: dict[str, WorkflowRun] = {}
        self._left_behind: list[WorkflowRun] = []
        self._entering = 0

    async def take_up(self) -> None:
        """Find what an earlier process left. To be done before anything new is put, or that would run twice."""
        await self._upkeep.begin()
        self._left_behind = await self._find_left_behind()

    async def serve(self) -> None:
        """Run what was taken up and what comes in, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._upkeep.go_on())
            group.create_task(self._stop_strays())
            for run in self._left_behind:
                self._start(run, group)
            self._left_behind = []
            try:
                while True:
                    workflow_id = await self._queue.get()
                    self._start(self._arriving.pop(workflow_id), group)
            finally:
                for run in self._active.values():
                    run.is_stopping = True
                await self._hear_out()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room for one more workflow while it is recorded and put. Raises TooBusy when there is none."""
        if len(self._active) + len(self._arriving) + self._entering >= self._max_active:
            raise TooBusy(f"{self._max_active} workflows are under way; try again when some are done")
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1

    async def put(self, stored: Stored, template: WorkflowTemplate, planned: Plan) -> None:
        """Run a workflow that was just recorded."""
        self._arriving[stored.id] = WorkflowRun(self.room, stored, template, planned, self.announcer.ended)
        await self._queue.put(stored.id)

    async def cancel(self, workflow_id: str) -> None:
        """Stop a workflow whose cancellation is recorded, and wait a little for it to be over."""
        with self.announcer.expect(workflow_id) as ending:
            run = self._active.get(workflow_id) or self._arriving.get(workflow_id)
            if run is None:
                return
            run.cancel()
            await within(CANCEL_SECONDS, ending)

    def outlook(self, workflow_id: str) -> Mapping[str, Outlook]:
        """What to expect of the jobs of a running workflow, by job id."""
        run = self._active.get(workflow_id)
        return {job_id: job_run.outlook for job_id, job_run in run.job_runs.items()} if run is not None else {}

    def _start(self, run: WorkflowRun, group: asyncio.TaskGroup) -> None:
        self._active[run.stored.id] = run
        group.create_task(self._run(run))

    async def _run(self, run: WorkflowRun) -> None:
        workflow_id = run.stored.id
        try:
            await run.to_the_end()
            self.announcer.ended(workflow_id)
        except Exception:
            log.exception("workflow %s could not be saved; it is taken up at the next start", workflow_id)
        finally:
            self._active.pop(workflow_id, None)

    async def _hear_out(self) -> None:
        """Wait a while for answers that tell what was paid for: with this process they would be lost."""
        unheard = self.room.unheard
        if unheard:
            log.info("waiting up to %g s for the answers to %d runs", STOP_SECONDS, len(unheard))
            await unheard.wait(STOP_SECONDS)

    async def _stop_strays(self) -> None:
        """Stop what still runs for workflows that are over: nobody takes these up any more."""
        for attempt in await self.room.ledger.stray():
            try:
                if await self.room.ledger.adopt(attempt.id, now()):
                    status, detail = await ask_to_stop(self.room, attempt, attempt.handle)
                    await self.room.ledger.settle(attempt.id, Settlement(status, detail=detail))
            except Exception:
                log.exception("attempt %s of workflow %s could not be stopped", attempt.id, attempt.workflow_id)

    async def _find_left_behind(self) -> list[WorkflowRun]:
        """The workflows that an earlier process did not bring to their end."""
        runs: list[WorkflowRun] = []
        for stored in await self.room.workflows.unfinished():
            try:
                template = template_of(stored.document)
            except BadRequest as error:
                log.error("workflow %s was accepted by another version and cannot be read: %s", stored.id, error)
                end_all(stored.document, Status.failed, now())
                await self.room.workflows.save(stored.document)
                continue
            attempts = await self.room.ledger.attempts(stored.id)
            runs.append(WorkflowRun(self.room, stored, template, {}, self.announcer.ended, attempts))
        return runs
