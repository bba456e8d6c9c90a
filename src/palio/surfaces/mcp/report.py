"""What a model reads about a workflow: how it stands, what it made, what went wrong, and what to call next."""

import json
from collections.abc import Iterator

from palio.contract.document import Blob, Job, Page, Step, Workflow, copies_in, every_step
from palio.contract.json import Json, JsonObject
from palio.contract.status import FAILED
from palio.surfaces.mcp.addresses import blob_address
from palio.surfaces.mcp.arguments import DEFAULT_WAIT
from palio.surfaces.mcp.catalog import Action

MAX_TOLD = 50
"""Lines about steps, images or errors; what is beyond is in the structured content."""

LONG_TEXT = 20_000
"""Characters of a text in a document from which on it is an image and not words."""

STAND_IN = "sketch"


def describe(workflow: Workflow) -> str:
    """A workflow in a few lines."""
    if workflow.id is None:
        return f"Valid. It would cost {workflow.cost.total} Buzz; nothing was submitted."
    lines = [f"Workflow {workflow.id}: {workflow.status}, {workflow.cost.total} Buzz."]
    details = [line for step in every_step(workflow.steps) for line in _step(step)]
    lines += _at_most(details)
    if not workflow.status.is_final:
        lines.append(_next(workflow))
    if any(job.provider == STAND_IN for step in every_step(workflow.steps) for job in step.jobs or ()):
        lines.append("sketch is a built-in stand-in that composes clip art; no image model made this.")
    return "\n".join(lines)


def describe_page(page: Page) -> str:
    """A page of workflows, a line each."""
    lines = [
        f"{workflow.id}  {workflow.status}  {workflow.created_at:%Y-%m-%d %H:%M:%S}Z  "
        + ", ".join(_kind(step) for step in workflow.steps[:5])
        for workflow in page.items
    ]  # fmt: skip
    if not lines:
        return "No workflows."
    return "\n".join([*_at_most(lines), *([f'There are more: send cursor "{page.next}".'] if page.next else [])])


def describe_cancellation(workflow: Workflow, was_over: bool, deleted: bool) -> str:
    """What came of a cancellation."""
    said = f"Workflow {workflow.id} was {'over already: ' if was_over else ''}{workflow.status}"
    if deleted:
        return f"{said}, and is deleted now."
    if not workflow.status.is_final:
        return (
            f"Workflow {workflow.id} is told to stop; it is {workflow.status} still. {_call(workflow)} shows its end."
        )
    return f"{said}."


def describe_problem(detail: str, errors: dict[str, list[str]]) -> str:
    """A refusal: the sentence, and then every field that is at fault."""
    fields = [f"- {path or 'arguments'}: {message}" for path, told in errors.items() for message in told]
    if len(fields) == 1:
        return f"Refused. {fields[0][2:]}"
    return "\n".join([f"Refused. {detail}" if not fields else "Refused.", *_at_most(fields)])


def step_images(workflow: Workflow) -> list[Blob]:
    """The images of a workflow that are there."""
    return [blob for step in every_step(workflow.steps) for blob in _images(step) if blob.available and blob.url]


def done_share(workflow: Workflow) -> float:
    """How much of a workflow is done, from 0 to 1."""
    if workflow.status.is_final:
        return 1.0
    shares = [1.0 if step.status.is_final else step.estimated_progress_rate or 0.0 for step in workflow.steps]
    return sum(shares) / len(shares)


def shortened(value: Json) -> Json:
    """A document with the images that were sent in it, as text, left out: no model reads them so."""
    if isinstance(value, str):
        is_image = len(value) > LONG_TEXT or (value.startswith("data:") and len(value) > 200)
        return f"{value[:40]}... ({len(value)} characters)" if is_image else value
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, dict):
        return shortened_object(value)
    return value


def shortened_object(value: JsonObject) -> JsonObject:
    """As `shortened`."""
    return {name: shortened(item) for name, item in value.items()}


def _kind(step: Step) -> str:
    count = sum(len(_images(each)) for each in every_step([step]))
    return f"{step.type} ({count} images)" if count else step.type


def _step(step: Step) -> Iterator[str]:
    makers = ", ".join(dict.fromkeys(job.provider for job in step.jobs or () if job.provider))
    count = len(copies_in(step))
    yield (
        f"{step.name} ({step.type}): {step.status}"
        + (f", {count} {'step' if count == 1 else 'steps'}" if count else "")
        + (f", by {makers}" if makers else "")
    )
    for blob in _images(step):
        if step.status.is_final or blob.available:
            yield f"  {_image(blob)}"
    if step.output and step.output.message:
        yield f"  {step.output.message}"
    for error in (step.output.errors or ()) if step.output else ():
        yield f"  {error}"
    for job in step.jobs or ():
        if job.status in FAILED:
            yield f"  {_reason(job)}"


def _image(blob: Blob) -> str:
    if not blob.available or not blob.url:
        return f"image {blob.id}: not available" + (f" ({blob.blocked_reason})" if blob.blocked_reason else "")
    return f"{blob_address(blob.id)}  {blob.width}x{blob.height}  {blob.url}"


def _images(step: Step) -> list[Blob]:
    return list(step.output.images or ()) if step.output else []


def _reason(job: Job) -> str:
    attempts = [attempt for attempt in job.attempts or () if attempt.detail]
    detail = f" ({attempts[-1].provider}: {attempts[-1].detail})" if attempts else ""
    return f"job {job.id}: {job.blocked_reason or job.reason or job.status}{detail}"


def _next(workflow: Workflow) -> str:
    share = done_share(workflow)
    told = f"{share:.0%} done. " if share else ""
    return f"{told}It goes on. For its end call {_call(workflow)}; to stop it, {Action.cancel}."


def _call(workflow: Workflow) -> str:
    return f"{Action.get} {json.dumps({'workflowId': workflow.id, 'wait': DEFAULT_WAIT})}"


def _at_most(lines: list[str]) -> list[str]:
    rest = len(lines) - MAX_TOLD
    return lines if rest <= 0 else [*lines[:MAX_TOLD], f"... and {rest} more"]
