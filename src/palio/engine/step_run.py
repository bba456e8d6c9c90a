"""One step, from the end of what it depends on to its own."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from palio.contract.document import Output, Step
from palio.contract.image.job import ImageJob
from palio.contract.instant import now, to_micros
from palio.contract.json import Json
from palio.contract.references import PathMissing, Reference, read_path
from palio.contract.status import Status
from palio.contract.steering import Steering, read_steering
from palio.contract.step_template import ARGUMENTS, Repeat, Scope, StepTemplate, fan_out, fill_in
from palio.contract.steps import StepInput
from palio.contract.steps.echo import EchoInput
from palio.contract.steps.repeat import Loop, count_items
from palio.engine.job_run import JobRun
from palio.engine.lifecycle import end, finish
from palio.engine.planning import MAX_JOBS, allowance_left, job_count, new_step, plan
from palio.engine.reading import with_urls
from palio.engine.together import together
from palio.errors import BadRequest
from palio.race.entry import Task
from palio.race.gate import Priority

if TYPE_CHECKING:
    from palio.engine.workflow_run import WorkflowRun

DEFAULT_RETRIES = 2
"""How often a failed job is tried again when its step does not say."""

MAX_RETRIES = 10

NEVER = float("inf")


@dataclass(slots=True)
class StepRun:
    """A step on its way; the steps that it depends on have succeeded.

    `until` is when the time of the step in which it is repeated is up, on the loop's clock. `sources` are the steps
    that were looked up, shared by all copies.
    """

    run: "WorkflowRun"
    step: Step
    template: StepTemplate
    until: float = NEVER
    sources: dict[str, Json] = field(default_factory=dict)

    async def to_the_end(self) -> None:
        """Do what the step says until it is over."""
        self.step.started_at = self.step.started_at or now()
        try:
            work = self._work()
        except BadRequest as error:
            self.step.output = Output(errors=[str(error)])
            self._finish(Status.failed)
            return
        await work

    def _work(self) -> Coroutine[None, None, None]:
        """What there is to do, now that every reference leads to a value. Raises BadRequest if that is no use."""
        if self.template.repeat is not None:
            return self._repeat(self._copies(self.template.repeat))
        step_input = fill_in(self.template, self._look_up, self.run.template.arguments)
        if isinstance(step_input, EchoInput):
            return self._say(step_input.message)
        return self._make_images(self._image_jobs(step_input))

    async def _say(self, message: str) -> None:
        self.step.output = Output(message=message)
        self._finish(Status.succeeded)

    async def _repeat(self, copies: Sequence["StepRun"]) -> None:
        await together([copy.to_the_end() for copy in copies if not copy.step.status.is_final])
        if not copies:  # Otherwise the step is over with its last copy.
            self._finish(Status.succeeded)

    async def _make_images(self, image_jobs: Sequence[ImageJob]) -> None:
        deadline = self._deadline(self.template.timeout or self.run.room.step_timeout)
        try:
            async with asyncio.timeout_at(deadline) as limit:
                await together([run.to_the_end() for run in self._job_runs(image_jobs, limit)])
        except TimeoutError:
            if not limit.expired():
                raise
            end(self.step, Status.expired, now(), "timeout")
            self.run.change()
        if not self.run.is_saved:
            await self.run.save()

    def _deadline(self, timeout: timedelta | None) -> float:
        """When the step's time is up, on the loop's clock; a step in a repeat has no more time than that."""
        if timeout is None or self.step.started_at is None:
            return self.until
        elapsed = now() - self.step.started_at
        left = max(0.0, (timeout - elapsed).total_seconds())
        return min(self.until, asyncio.get_running_loop().time() + left)

    def _job_runs(self, image_jobs: Sequence[ImageJob], limit: asyncio.Timeout) -> list[JobRun]:
        step, template = self.step, self.template
        jobs = step.jobs or []
        blobs = (step.output.images if step.output is not None else None) or []
        retries = DEFAULT_RETRIES if template.retries is None else min(template.retries, MAX_RETRIES)
        steering = read_steering(template.metadata, "metadata").over(self.run.steering)
        return [
            JobRun(
                run=self.run,
                step=step,
                job=job,
                image_job=image_job,
                blob=blob,
                retries=retries,
                limit=limit,
                steering=steering,
                task=self._task(image_job, steering, index),
                earlier=self.run.earlier[job.id],
            )
            for index, (job, image_job, blob) in enumerate(zip(jobs, image_jobs, blobs, strict=True))
            if not job.status.is_final
        ]

    def _task(self, image_job: ImageJob, steering: Steering, index: int) -> Task:
        """How the race sees the job at `index` of this step."""
        run, rules = self.run, self.run.room.rules
        deadline: float | None = None
        if steering.deadline is not None:
            left = steering.deadline - (now() - run.document.created_at).total_seconds()
            deadline = run.room.field.clock.time() + left
        return Task(
            account=run.stored.account,
            work=image_job.work,
            order=(Priority[self.template.priority], to_micros(run.document.created_at) + index),
            objective=steering.objective or rules.objective,
            engine=image_job.engine,
            deadline=deadline,
            hedge=rules.hedge_of(steering, image_job.engine),
        )

    def _copies(self, repeat: Repeat) -> list["StepRun"]:
        """The copies to run. Those that an earlier process made are taken up as they are."""
        workflow = self.run.template
        names = [step.name for step in workflow.steps]
        made = self.step.output.steps if self.step.output is not None else None
        if made is None:
            scope = Scope(names, workflow.arguments, self.step.name, allowance_left(self.run.document))
            templates = fan_out(self.template, self._item_count(repeat.loop), scope)
            made = [new_step(template) for template in templates]
            self.step.output = Output(steps=made)
        else:
            templates = fan_out(self.template, len(made), Scope(names, workflow.arguments, self.step.name))
        until = self._deadline(self.template.timeout)
        pairs = zip(made, templates, strict=True)
        return [StepRun(self.run, copy, template, until, self.sources) for copy, template in pairs]

    def _item_count(self, loop: Loop) -> int:
        at = f"{self.template.at}.input.for"
        try:
            found = self._look_up(Reference(("for",), loop.source, loop.path))
        except PathMissing as missing:
            raise BadRequest.at(at, str(missing)) from None
        return count_items(found, loop, at)

    def _image_jobs(self, step_input: StepInput) -> Sequence[ImageJob]:
        planned = self.run.planned.get(self.step.name)
        if planned is not None:
            return planned
        return plan(self.step, step_input, self.template.at, MAX_JOBS - job_count(self.run.document))

    def _look_up(self, reference: Reference) -> Json:
        if reference.source == ARGUMENTS:
            return read_path(self.run.template.arguments, reference.path)
        if reference.source not in self.sources:
            step = next(step for step in self.run.document.steps if step.name == reference.source)
            shown = with_urls(step, self.run.room.blobs.signer, self.run.room.base_url)
            self.sources[reference.source] = msgspec.json.decode(msgspec.json.encode(shown))
        return read_path(self.sources[reference.source], reference.path)

    def _finish(self, status: Status) -> None:
        finish(self.step, status, now())
        self.run.change()
