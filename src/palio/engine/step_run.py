"""One step, from the end of what it depends on to its own."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from palio.contract.document import Output, Step
from palio.contract.image.job import ImageJob
from palio.contract.instant import now, to_micros
from palio.contract.json import Json, JsonObject
from palio.contract.references import PathMissing, Reference, read_path
from palio.contract.status import Status
from palio.contract.steering import Steering, read_steering
from palio.contract.step_template import StepTemplate, fill_in
from palio.contract.steps import StepInput
from palio.contract.steps.echo import EchoInput
from palio.engine.job_run import JobRun
from palio.engine.lifecycle import finish
from palio.engine.planning import plan
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


@dataclass(slots=True)
class StepRun:
    """A step on its way; the steps that it depends on have succeeded."""

    run: "WorkflowRun"
    step: Step
    template: StepTemplate

    async def to_the_end(self) -> None:
        """Do what the step says until it is over."""
        self.step.started_at = self.step.started_at or now()
        try:
            step_input = self._input()
        except (BadRequest, PathMissing) as error:
            self.step.output = Output(errors=[str(error)])
            self._finish(Status.failed)
            return
        if isinstance(step_input, EchoInput):
            self.step.output = Output(message=step_input.message)
            self._finish(Status.succeeded)
        else:
            await self._make_images(step_input)

    async def _make_images(self, step_input: StepInput) -> None:
        try:
            async with asyncio.timeout_at(self._deadline()) as limit:
                await together([run.to_the_end() for run in self._job_runs(step_input, limit)])
        except TimeoutError:
            self._expire()
        if not self.run.is_saved:
            await self.run.save()

    def _deadline(self) -> float:
        """When the step's time is up, on the loop's clock."""
        seconds = (self.template.timeout or self.run.room.step_timeout).total_seconds()
        started_at = self.step.started_at
        elapsed = (now() - started_at).total_seconds() if started_at is not None else 0.0
        return asyncio.get_running_loop().time() + max(0.0, seconds - elapsed)

    def _expire(self) -> None:
        for job in self.step.jobs or []:
            if not job.status.is_final:
                job.reason = "timeout"
                finish(job, Status.expired, now())
        if not self.step.status.is_final:
            self._finish(Status.expired)

    def _job_runs(self, step_input: StepInput, limit: asyncio.Timeout) -> list[JobRun]:
        step, template = self.step, self.template
        image_jobs = self.run.planned.get(step.name) or plan(step, step_input)
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
                task=self._task(image_job, steering),
                earlier=self.run.earlier[job.id],
            )
            for job, image_job, blob in zip(jobs, image_jobs, blobs, strict=True)
            if not job.status.is_final
        ]

    def _task(self, image_job: ImageJob, steering: Steering) -> Task:
        """How the race sees a job of this step."""
        run, rules = self.run, self.run.room.rules
        deadline: float | None = None
        if steering.deadline is not None:
            left = steering.deadline - (now() - run.document.created_at).total_seconds()
            deadline = run.room.field.clock.time() + left
        return Task(
            account=run.stored.account,
            work=image_job.work,
            order=(Priority[self.template.priority], to_micros(run.document.created_at)),
            objective=steering.objective or rules.objective,
            engine=image_job.engine,
            deadline=deadline,
            hedge=rules.hedge_of(steering, image_job.engine),
        )

    def _input(self) -> StepInput:
        if self.template.input is not None and not self.template.references:
            return self.template.input
        arguments: JsonObject = msgspec.json.decode(self.run.document.arguments)
        return fill_in(self.template, self._look_up, arguments)

    def _look_up(self, reference: Reference) -> Json:
        step = next(step for step in self.run.document.steps if step.name == reference.source)
        shown = with_urls(step, self.run.room.blobs.signer, self.run.room.base_url)
        return read_path(msgspec.json.decode(msgspec.json.encode(shown)), reference.path)

    def _finish(self, status: Status) -> None:
        finish(self.step, status, now())
        self.run.change()
