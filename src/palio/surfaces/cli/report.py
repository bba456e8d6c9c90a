"""What a person reads about workflows: short, whole, in columns."""

from collections.abc import Iterator

from palio.contract.document import Blob, Job, Page, Step, Workflow, copies_in
from palio.contract.status import FAILED
from palio.surfaces.cli.columns import columns


def describe(workflow: Workflow) -> str:
    """A workflow with its steps, what they made and by whom, and what went wrong."""
    lines = [f"{workflow.id or '(not submitted)'}  {workflow.status}  {_cost(workflow)}"]
    lines += [f"  {line}" for step in workflow.steps for line in _step(step)]
    return "\n".join(lines)


def describe_page(page: Page) -> str:
    """One line per workflow, and how to see more."""
    rows = [
        (
            workflow.id or "",
            str(workflow.status),
            f"{workflow.created_at:%Y-%m-%d %H:%M:%S}",
            ", ".join(step.type for step in workflow.steps),
            " ".join(workflow.tags),
        )
        for workflow in page.items
    ]
    return columns([("ID", "STATUS", "CREATED", "STEPS", "TAGS"), *rows]) if rows else "No workflows."


def makers(step: Step) -> dict[str, str]:
    """Which provider made each blob, by blob id."""
    jobs = {job.id: job.provider or "unknown" for job in step.jobs or []}
    return {blob.id: jobs.get(blob.job_id or "", "unknown") for blob in _images(step)}


def troubles(step: Step) -> list[str]:
    """Why a step, or a part of it, did not work."""
    errors = list(step.output.errors or []) if step.output else []
    reasons = [f"job {job.id}: {reason}" for job in step.jobs or [] if (reason := _reason(job))]
    return [*errors, *reasons]


def _step(step: Step) -> Iterator[str]:
    yield f"{step.name}  {step.type}  {step.status}"
    yield from (f"  {_job(job)}" for job in step.jobs or [])
    yield from (f"  {_image(blob)}" for blob in _images(step))
    yield from (f"  {line}" for line in troubles(step))
    if step.output and step.output.message:
        yield f"  {step.output.message}"
    for copy in copies_in(step):
        yield from (f"  {line}" for line in _step(copy))


def _images(step: Step) -> list[Blob]:
    return list(step.output.images or []) if step.output else []


def _job(job: Job) -> str:
    provider = f" on {job.provider}" if job.provider else ""
    tries = len(job.attempts or [])
    return f"job {job.id}: {job.status}{provider}" + (f", {tries} attempts" if tries > 1 else "")


def _reason(job: Job) -> str | None:
    if job.status not in FAILED:
        return None
    return job.blocked_reason or job.reason


def _image(blob: Blob) -> str:
    if not blob.available or not blob.url:
        return f"image {blob.id}: not available" + (f" ({blob.blocked_reason})" if blob.blocked_reason else "")
    return f"image {blob.url}"


def _cost(workflow: Workflow) -> str:
    return f"{workflow.cost.total} Buzz"
