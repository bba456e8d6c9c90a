"""Civitai's rows as they look on the wire."""

from typing import Any

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.civitai import Civitai, problem
from tests.standins.server import Says

from palio.providers.base import Incapable, KeyRefused, Lost, Refused, RunFailed, Unfunded
from palio.providers.hosted.signals import Phase

SHOWN = {"type": "image", "id": "x.png", "available": True, "url": "https://example.org/x.png"}


def workflow(status: str, image: dict[str, Any] | None = None, **job: object) -> Says:
    """A workflow whose step has this status, an image, and a job that says this."""
    output = {"output": {"images": [image]}} if image is not None else {}
    step = {"$type": "imageGen", "name": "$0", "status": status, "jobs": [{"id": "j", "status": status, **job}]}
    return Says(200, {"id": "5418-1", "status": status, "steps": [{**step, **output}]})


def failed(reason: str) -> Says:
    """A workflow that failed, and why."""
    return workflow("failed", reason=reason)


CIVITAI = Vendor(
    kind="civitai",
    stand_in=Civitai,
    job=job(engine="z-image"),
    seen_in_passing=("id", "succeeded"),
    samples=(
        Sample("400 about money", Phase.submit, problem(400, "Insufficient funds in your Buzz account"), Unfunded),
        Sample("400 about money", Phase.submit, problem(400, "Payment failed"), Unfunded),
        Sample(
            "400 about content",
            Phase.submit,
            problem(400, "The prompt needs mature content, but the workflow does not allow mature content"),
            Refused,
        ),
        Sample("any other 4xx", Phase.submit, problem(400, "steps[0].input.width: must be at most 2048"), Incapable),
        Sample(
            "403 about content", Phase.submit, Says(403, "Mature content is not allowed with this currency"), Refused
        ),
        Sample("403 about permission", Phase.submit, Says(403, "You are not allowed to submit work"), KeyRefused),
        Sample("403 with a string", Phase.submit, Says(403, "Insufficient Buzz"), Unfunded),
        Sample("403 about money", Phase.submit, problem(403, "You have insufficient Buzz"), Unfunded),
        Sample("unassigned", Phase.poll, workflow("unassigned")),
        Sample("preparing", Phase.poll, workflow("preparing")),
        Sample("scheduled", Phase.poll, workflow("scheduled")),
        Sample("processing", Phase.poll, workflow("processing")),
        Sample("blocked", Phase.poll, failed("blocked"), Refused),
        Sample("blocked", Phase.poll, workflow("failed", blockedReason="minor"), Refused),
        Sample(
            "blocked",
            Phase.poll,
            workflow("succeeded", {**SHOWN, "available": False, "blockedReason": "siteRestricted"}),
            Refused,
        ),
        Sample(
            "succeeded, withheld",
            Phase.poll,
            workflow("succeeded", {**SHOWN, "available": False, "nsfwLevel": "x"}),
            Refused,
        ),
        Sample("succeeded, not there yet", Phase.poll, workflow("succeeded", {**SHOWN, "available": False})),
        Sample("succeeded, no image", Phase.poll, workflow("succeeded"), RunFailed),
        Sample("failed", Phase.poll, failed("no_provider_available"), RunFailed),
        Sample("expired", Phase.poll, workflow("expired", reason="timeout"), RunFailed),
        Sample("canceled", Phase.poll, workflow("canceled", reason="canceled"), RunFailed),
        Sample("404 of a workflow", Phase.poll, problem(404, "There is no such workflow."), Lost),
        Sample("cancel", Phase.cancel, Says(204, b"")),
    ),
)
