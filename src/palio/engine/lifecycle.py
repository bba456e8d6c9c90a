"""How a document moves on when a job or a step of it did. Pure: the instant is handed in."""

from collections.abc import Mapping
from datetime import datetime

from palio.contract.document import Job, Output, Step, Workflow, copies_in, every_step
from palio.contract.status import FAILED, Status, roll_up

DependsOn = Mapping[str, frozenset[str]]
"""The names of the steps that each step needs."""


def finish(part: Job | Step, status: Status, at: datetime) -> None:
    """Give a job or a step its final status."""
    part.status = status
    part.completed_at = at
    part.estimated_progress_rate = None
    if isinstance(part, Step) and part.output is not None and part.output.images is not None:
        # What was expected and never came is gone; what moderation blocked is still told.
        part.output.images = [blob for blob in part.output.images if blob.available or blob.blocked_reason]


def advance(document: Workflow, depends_on: DependsOn, at: datetime) -> None:
    """Bring the statuses of steps and of the workflow in line with those of their parts.

    The dependants of a step that ended badly are canceled. Whatever starts or ends gets its instant.
    """
    for step in document.steps:
        _advance_step(step, at)
    _cancel_dependants(document, depends_on, at)
    document.status = roll_up(step.status for step in document.steps)
    if document.started_at is None and document.status is not Status.unassigned:
        document.started_at = at
    if document.status.is_final and document.completed_at is None:
        document.completed_at = at


def end(step: Step, status: Status, at: datetime, reason: str) -> None:
    """Give a step, its copies and its jobs the same end as far as they are not over. `reason` is told of jobs."""
    for part in every_step([step]):
        for job in part.jobs or []:
            if not job.status.is_final:
                finish(job, status, at)
                job.reason = job.reason or reason
        if not part.status.is_final:
            finish(part, status, at)


def end_all(document: Workflow, status: Status, at: datetime) -> None:
    """Give everything that is not over the same end: of a canceled workflow, say."""
    for step in document.steps:
        end(step, status, at, status.value)
    document.status = roll_up(step.status for step in document.steps)
    document.completed_at = document.completed_at or at


def reopen(document: Workflow, step: Step, job: Job) -> None:
    """Take back the end of a job that could not be made durable, and whatever else ended with it."""
    around = [outer for outer in every_step(document.steps) if any(part is step for part in every_step([outer]))]
    parts: list[Job | Step | Workflow] = [job, *around, document]
    for part in parts:
        part.status = Status.processing
        part.completed_at = None


def _advance_step(step: Step, at: datetime) -> None:
    if step.status.is_final:
        return
    copies = copies_in(step)
    for copy in copies:
        _advance_step(copy, at)
    if not step.jobs and not copies:
        return
    status = roll_up(copy.status for copy in copies) if copies else _image_step_status(step)
    if status in FAILED and step.output is not None and copies:
        step.output.errors = [_ending_in_full(copy) for copy in copies if copy.status in FAILED]
    if status.is_final:
        finish(step, status, at)
    else:
        step.status = status
    if step.started_at is None and status is not Status.unassigned:
        step.started_at = at


def _image_step_status(step: Step) -> Status:
    jobs = step.jobs or []
    status = roll_up(job.status for job in jobs)
    # A batch with some images missing is still a success; `output.errors` says what is missing.
    if status is Status.failed and any(job.status is Status.succeeded for job in jobs):
        return Status.succeeded
    return status


def _cancel_dependants(document: Workflow, depends_on: DependsOn, at: datetime) -> None:
    ended_badly = {step.name: step for step in document.steps if step.status in FAILED}
    found = bool(ended_badly)
    while found:
        found = False
        for step in document.steps:
            sources = depends_on.get(step.name, frozenset()) & ended_badly.keys()
            if not step.status.is_final and sources:
                step.output = step.output or Output()
                step.output.errors = [f"canceled: {_ending(ended_badly[name])}" for name in sorted(sources)]
                end(step, Status.canceled, at, Status.canceled.value)
                ended_badly[step.name] = step
                found = True


def _ending(step: Step) -> str:
    return f"`{step.name}` {'was' if step.status is Status.canceled else 'has'} {step.status.value}"


def _ending_in_full(step: Step) -> str:
    errors = (step.output.errors if step.output is not None else None) or []
    return f"{_ending(step)}: {errors[0]}" if errors else _ending(step)
