"""One workflow, from the orchestrator taking it up to its end.

Steps run as soon as the steps they refer to have succeeded, in parallel; a step's jobs run in parallel too. The
document is changed in place and saved whole: every save is a state the workflow really was in.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from palio.contract.document import Job, Step, Workflow, every_step
from palio.contract.instant import now
from palio.contract.status import Status
from palio.contract.steering import read_steering
from palio.contract.step_template import StepTemplate
from palio.contract.template import WorkflowTemplate
from palio.engine.attempt_run import Overtaken
from palio.engine.job_run import JobRun
from palio.engine.lifecycle import advance, end_all
from palio.engine.planning import Plan
from palio.engine.room import Room
from palio.engine.step_run import StepRun
from palio.engine.stopping import stop
from palio.engine.together import together, undisturbed
from palio.store.ledger import Attempt
from palio.store.workflows import Stored

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds before a workflow's end that could not be saved is saved again: at first, doubling, and at most."""


class WorkflowRun:
    """A workflow under way. `job_runs` are its jobs that are, by their ids.

    `planned` are the jobs that its document has already. `announce` is called with its id when it is over and saved,
    perhaps more than once. `earlier` are the attempts of a process that is gone,
    oldest first, if there was one.
    """

    def __init__(
        self,
        room: Room,
        stored: Stored,
        template: WorkflowTemplate,
        planned: Plan,
        announce: Callable[[str], None],
        earlier: Sequence[Attempt] = (),
    ) -> None:
        self.room = room
        self._announce = announce
        self.stored = stored
        self.document: Workflow = stored.document
        self.template = template
        self.planned = planned
        self.earlier: defaultdict[str, list[Attempt]] = defaultdict(list)
        for attempt in earlier:
            self.earlier[attempt.job_id].append(attempt)
        self.steering = read_steering(template.metadata, "metadata")
        self.job_runs: dict[str, JobRun] = {}
        self.cancelling = stored.cancel_requested
        self.is_overtaken = False
        self.is_stopping = False
        self.is_saved = True
        self._task: asyncio.Task[object] | None = None
        self._depends_on = {step.name: step.depends_on for step in template.steps}
        self._over = {step.name: asyncio.Event() for step in template.steps}

    async def to_the_end(self) -> None:
        """Run every step; returns when the workflow is over and saved."""
        self._task = asyncio.current_task()
        self.document.started_at = self.document.started_at or now()
        try:
            await self._stop_what_was_left(of_all=self.cancelling)
            if self.cancelling:
                raise asyncio.CancelledError
            await self._run_steps()
        except asyncio.CancelledError:
            if self.is_stopping or not self.cancelling:
                raise  # The server stops; the next one takes the workflow up from what is saved.
            end_all(self.document, Status.canceled, now())
            self.is_saved = False
        except Exception:
            if self.is_overtaken:
                log.warning("workflow %s is run by another process now and left to it", self.stored.id)
                return
            log.exception("workflow %s broke", self.stored.id)
            end_all(self.document, Status.canceled if self.cancelling else Status.failed, now())
            self.is_saved = False
        if not self.is_saved:
            await self._save_end()

    def cancel(self) -> None:
        """Stop what runs, at its providers too, and end as canceled."""
        if self.cancelling:
            return
        self.cancelling = True
        for job_run in self.job_runs.values():
            job_run.stop_clock()
        if self._task is not None and not self.document.status.is_final:
            self._task.cancel()

    def overtaken(self, reason: str) -> Overtaken:
        """To be raised: from here on nothing of this workflow is changed here."""
        self.is_overtaken = True
        return Overtaken(reason)

    def announce(self) -> None:
        """Let those who wait know that the end is durable."""
        self._announce(self.stored.id)

    def state(self) -> Workflow:
        """The document, brought in line, about to be saved."""
        advance(self.document, self._depends_on, now())
        self.is_saved = True
        return self.document

    async def save(self) -> None:
        """Make the present state durable."""
        await self.room.workflows.save(self.state())

    def change(self) -> None:
        """Something of the document was changed: bring the rest in line. It still has to be saved."""
        advance(self.document, self._depends_on, now())
        self.is_saved = False

    async def _save_end(self) -> None:
        """Save, however often that has to be tried: without it the workflow would seem to run until the next start."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self.save()
            except Exception:
                log.exception("the end of workflow %s could not be saved; trying again in %g s", self.stored.id, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    async def stop_left(self, attempt: Attempt, job: Job) -> None:
        """Stop an attempt of a process that is gone, of which nothing is wanted any more."""
        try:
            if await self.room.ledger.adopt(attempt.id, now()):
                await undisturbed(stop(self, attempt, job, attempt.handle))
        except Exception:
            log.exception("attempt %s of workflow %s could not be stopped", attempt.id, self.stored.id)

    async def _stop_what_was_left(self, *, of_all: bool) -> None:
        """Stop the open attempts of a process that is gone: of all jobs, or of those that are over."""
        for step in every_step(self.document.steps) if self.earlier else ():
            for job in step.jobs or ():
                for attempt in self.earlier.get(job.id, ()) if of_all or job.status.is_final else ():
                    if attempt.is_open:
                        await self.stop_left(attempt, job)

    async def _run_steps(self) -> None:
        pairs = zip(self.document.steps, self.template.steps, strict=True)
        await together([self._run_step(step, template) for step, template in pairs])

    async def _run_step(self, step: Step, template: StepTemplate) -> None:
        for name in template.depends_on:
            await self._over[name].wait()
        try:
            if template.depends_on:
                self.change()  # cancels this step if one that it needs ended badly
            if not step.status.is_final:
                await StepRun(self, step, template).to_the_end()
        finally:
            self._over[step.name].set()
