"""One workflow, from the orchestrator taking it up to its end.

Steps run as soon as the steps they refer to have succeeded, in parallel; a step's jobs run in parallel too. The
document is changed in place and saved whole: every save is a state the workflow really was in.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine, Sequence

import msgspec

from palio.contract.document import Output, Step, Workflow
from palio.contract.instant import now
from palio.contract.json import Json, JsonObject
from palio.contract.references import PathMissing, Reference, read_path
from palio.contract.status import Status
from palio.contract.steps import StepInput
from palio.contract.steps.echo import EchoInput
from palio.contract.template import StepTemplate, WorkflowTemplate, fill_in
from palio.engine.job_run import JobRun, stop
from palio.engine.lifecycle import advance, end_all, finish
from palio.engine.planning import Plan, plan
from palio.engine.reading import with_urls
from palio.engine.room import Room
from palio.errors import BadRequest
from palio.store.ledger import Attempt
from palio.store.workflows import Stored

log = logging.getLogger(__name__)

DEFAULT_RETRIES = 2
"""How often a failed job is tried again when its step does not say."""

MAX_RETRIES = 10

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds before a workflow's end that could not be saved is saved again: at first, doubling, and at most."""


class WorkflowRun:
    """A workflow under way. `progress` maps job ids to 0..1; it is not durable.

    `planned` are the jobs that its document has already. `earlier` are the attempts of a process that is gone,
    oldest first, if there was one.
    """

    def __init__(
        self,
        room: Room,
        stored: Stored,
        template: WorkflowTemplate,
        planned: Plan,
        earlier: Sequence[Attempt] = (),
    ) -> None:
        self.room = room
        self.stored = stored
        self.document: Workflow = stored.document
        self.progress: dict[str, float] = {}
        self.cancelling = stored.cancel_requested
        self.is_breaking = False
        self._task: asyncio.Task[object] | None = None
        self._template = template
        self._planned = planned
        self._depends_on = {step.name: step.depends_on for step in template.steps}
        self._over = {step.name: asyncio.Event() for step in template.steps}
        self._saved = True
        self._earlier: defaultdict[str, list[Attempt]] = defaultdict(list)
        for attempt in earlier:
            self._earlier[attempt.job_id].append(attempt)

    async def to_the_end(self) -> None:
        """Run every step; returns when the workflow is over and saved."""
        self._task = asyncio.current_task()
        self.document.started_at = self.document.started_at or now()
        try:
            if self.cancelling:
                await self._stop_what_was_left()
                raise asyncio.CancelledError
            await self._run_steps()
        except asyncio.CancelledError:
            if not self.cancelling:
                raise  # The server stops; the next one takes the workflow up from what is saved.
            end_all(self.document, Status.canceled, now())
            self._saved = False
        except Exception:
            log.exception("workflow %s broke", self.stored.id)
            end_all(self.document, Status.canceled if self.cancelling else Status.failed, now())
            self._saved = False
        if not self._saved:
            await self._save_end()

    def cancel(self) -> None:
        """Stop what runs, at its providers too, and end as canceled."""
        if self.cancelling:
            return
        self.cancelling = True
        if self._task is not None and not self.document.status.is_final:
            self._task.cancel()

    def state(self) -> Workflow:
        """The document, brought in line, about to be saved."""
        advance(self.document, self._depends_on, now())
        self._saved = True
        return self.document

    async def save(self) -> None:
        """Make the present state durable."""
        await self.room.workflows.save(self.state())

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

    async def _stop_what_was_left(self) -> None:
        for attempts in self._earlier.values():
            for attempt in attempts:
                if attempt.is_open:
                    await stop(self.room, attempt, attempt.handle)

    async def _run_steps(self) -> None:
        pairs = list(zip(self.document.steps, self._template.steps, strict=True))
        await _together([self._run_step(step, template, index) for index, (step, template) in enumerate(pairs)])

    async def _run_step(self, step: Step, template: StepTemplate, index: int) -> None:
        for name in template.depends_on:
            await self._over[name].wait()
        try:
            if template.depends_on:
                self._change()  # cancels this step if one that it needs ended badly
            if not step.status.is_final:
                await self._do_step(step, template, index)
        finally:
            self._over[step.name].set()

    async def _do_step(self, step: Step, template: StepTemplate, index: int) -> None:
        step.started_at = step.started_at or now()
        try:
            step_input = self._input(template, index)
        except (BadRequest, PathMissing) as error:
            step.output = Output(errors=[str(error)])
            self._finish_step(step, Status.failed)
            return
        if isinstance(step_input, EchoInput):
            step.output = Output(message=step_input.message)
            self._finish_step(step, Status.succeeded)
        else:
            await self._make_images(step, template, step_input)

    async def _make_images(self, step: Step, template: StepTemplate, step_input: StepInput) -> None:
        seconds = (template.timeout or self.room.step_timeout).total_seconds()
        elapsed = (now() - step.started_at).total_seconds() if step.started_at is not None else 0.0
        deadline = asyncio.get_running_loop().time() + max(0.0, seconds - elapsed)
        try:
            async with asyncio.timeout_at(deadline) as limit:
                await _together([run.to_the_end() for run in self._job_runs(step, template, step_input, limit)])
        except TimeoutError:
            self._expire(step)
        if not self._saved:
            await self.save()

    def _expire(self, step: Step) -> None:
        for job in step.jobs or []:
            if not job.status.is_final:
                job.reason = "timeout"
                finish(job, Status.expired, now())
        if not step.status.is_final:
            self._finish_step(step, Status.expired)

    def _job_runs(
        self, step: Step, template: StepTemplate, step_input: StepInput, limit: asyncio.Timeout
    ) -> list[JobRun]:
        image_jobs = self._planned.get(step.name) or plan(step, step_input)
        jobs = step.jobs or []
        blobs = (step.output.images if step.output is not None else None) or []
        retries = DEFAULT_RETRIES if template.retries is None else min(template.retries, MAX_RETRIES)
        return [
            JobRun(self, step, job, image_job, blob, retries, limit, self._earlier[job.id])
            for job, image_job, blob in zip(jobs, image_jobs, blobs, strict=True)
            if not job.status.is_final
        ]

    def _input(self, template: StepTemplate, index: int) -> StepInput:
        if template.input is not None and not template.references:
            return template.input
        arguments: JsonObject = msgspec.json.decode(self.document.arguments)
        return fill_in(template, index, self._look_up, arguments)

    def _look_up(self, reference: Reference) -> Json:
        step = next(step for step in self.document.steps if step.name == reference.source)
        shown = with_urls(step, self.room.blobs.signer, self.room.base_url)
        return read_path(msgspec.json.decode(msgspec.json.encode(shown)), reference.path)

    def _finish_step(self, step: Step, status: Status) -> None:
        finish(step, status, now())
        self._change()

    def _change(self) -> None:
        advance(self.document, self._depends_on, now())
        self._saved = False


async def _together(parts: Sequence[Coroutine[None, None, None]]) -> None:
    if len(parts) == 1:
        # Most workflows have one step and most steps one job: no task of its own for either.
        await parts[0]
        return
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)
