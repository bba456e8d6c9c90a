"""From what was submitted to what will be done. Pure, but for fresh ids.

A template becomes a document; a step's input becomes jobs, one image each, and the blobs they will make, whose
ids are known before the bytes exist.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from palio.blobs.names import new_blob_id
from palio.contract.cost import cost_of
from palio.contract.document import Blob, Job, Output, Step, Workflow, copies_in, every_step
from palio.contract.identity import new_id
from palio.contract.image.job import ImageJob
from palio.contract.json import JsonObject
from palio.contract.status import Status
from palio.contract.step_template import StepTemplate
from palio.contract.steps import StepInput, jobs_of
from palio.contract.steps.repeat import Allowance
from palio.contract.template import WorkflowTemplate, read_template
from palio.contract.timespan import show_timespan
from palio.errors import BadRequest

Plan: TypeAlias = Mapping[str, Sequence[ImageJob]]
"""The jobs of steps, by the steps' names, as far as they can be known before other steps have run."""

MAX_JOBS = 1000
"""How many jobs a workflow may have."""

_encode = msgspec.json.Encoder().encode


def new_document(template: WorkflowTemplate, at: datetime) -> Workflow:
    """The document of a workflow that was just submitted."""
    return Workflow(
        id=new_id(),
        created_at=at,
        status=Status.unassigned,
        steps=[new_step(step) for step in template.steps],
        metadata=_raw(template.metadata),
        arguments=_raw(template.arguments),
        tags=list(template.tags),
        callbacks=list(template.callbacks),
        tips=template.tips,
        cost=cost_of(template),
        nsfw_level=template.nsfw_level,
        experimental=template.experimental,
        allow_mature_content=template.allow_mature_content,
        ephemeral=template.ephemeral,
        upgrade_mode=template.upgrade_mode,
        currencies=list(template.currencies),
        force_refunded=False,
        external_id=template.external_id,
    )


def plan_ahead(document: Workflow, template: WorkflowTemplate) -> Plan:
    """Give every step that depends on nothing its jobs, so that its owner sees them from the first reply on.

    Raises BadRequest when they are too many.
    """
    planned: dict[str, Sequence[ImageJob]] = {}
    room = MAX_JOBS
    for step, step_template in with_templates(document.steps, template.steps):
        if step_template.input is not None and not step_template.depends_on:
            planned[step.name] = plan(step, step_template.input, step_template.at, room)
            room -= len(planned[step.name])
    return planned


def plan(step: Step, step_input: StepInput, at: str = "", room: int = MAX_JOBS) -> Sequence[ImageJob]:
    """Give a step its jobs and the blobs they will make; returns the jobs' normal form in the same order.

    Raises BadRequest when there is no room for so many jobs. `at` is where the step stands in the request.
    """
    image_jobs = jobs_of(step_input)
    if not image_jobs:
        return ()
    if step.jobs is None:
        if len(image_jobs) > room:
            raise BadRequest.at(at, f"brings the workflow to more than {MAX_JOBS} jobs")
        step.jobs = [Job(id=new_id(), status=Status.unassigned, cost=round(job.work, 3)) for job in image_jobs]
        step.output = Output(
            images=[_expected(job, image_job) for job, image_job in zip(step.jobs, image_jobs, strict=True)]
        )
    return [
        image_job if image_job.seed is not None else msgspec.structs.replace(image_job, seed=seed_of(job.id))
        for job, image_job in zip(step.jobs, image_jobs, strict=True)
    ]


def job_count(document: Workflow) -> int:
    """How many jobs a workflow has so far."""
    return sum(len(step.jobs or []) for step in every_step(document.steps))


def allowance_left(document: Workflow) -> Allowance:
    """What copies may still be made in a workflow."""
    left = Allowance()
    for step in every_step(document.steps):
        for copy in copies_in(step):
            left.copies -= 1
            left.copied -= len(copy.input) + len(copy.metadata)
    return left


def with_templates(steps: Sequence[Step], templates: Sequence[StepTemplate]) -> Iterator[tuple[Step, StepTemplate]]:
    """Steps and their templates, and after each those of the copies that are known."""
    for step, template in zip(steps, templates, strict=True):
        yield step, template
        if template.repeat is not None and template.repeat.copies is not None:
            yield from with_templates(copies_in(step), template.repeat.copies)


def seed_of(job_id: str) -> int:
    """The seed of a job that named none: random, as its id is, and the same at every attempt."""
    return int(job_id[-8:], 16) & 0x7FFF_FFFF


def template_of(document: Workflow) -> WorkflowTemplate:
    """What was submitted, read again from the document of a workflow that an earlier process left."""
    body: JsonObject = {
        "steps": [
            {
                "$type": step.type,
                "name": step.name,
                "priority": step.priority,
                "timeout": step.timeout,
                "retries": step.retries,
                "metadata": msgspec.json.decode(step.metadata),
                "input": msgspec.json.decode(step.input),
            }
            for step in document.steps
        ],
        "arguments": msgspec.json.decode(document.arguments),
        "metadata": msgspec.json.decode(document.metadata),
    }
    return read_template(body)


def new_step(template: StepTemplate) -> Step:
    """A step that has not begun, with its copies if they are known."""
    copies = template.repeat.copies if template.repeat is not None else None
    return Step(
        type=template.type,
        name=template.name,
        priority=template.priority,
        status=Status.unassigned,
        metadata=_raw(template.metadata),
        input=_raw(template.raw_input),
        timeout=show_timespan(template.timeout) if template.timeout is not None else None,
        retries=template.retries,
        output=Output(steps=[new_step(copy) for copy in copies]) if copies is not None else None,
    )


def _expected(job: Job, image_job: ImageJob) -> Blob:
    return Blob(
        type="image",
        id=new_blob_id(image_job.format.extension),
        available=False,
        job_id=job.id,
        width=image_job.width,
        height=image_job.height,
    )


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
