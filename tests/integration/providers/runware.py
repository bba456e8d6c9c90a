"""Runware's rows as they look on the wire."""

from typing import Any

from tests.integration.providers.vendors import ATTEMPT, Sample, Vendor, job
from tests.standins.runware import Runware
from tests.standins.server import Says

from palio.providers.base import (
    Ambiguous,
    Incapable,
    KeyRefused,
    Lost,
    NotAccepted,
    RateLimited,
    Refused,
    RunFailed,
    Unfunded,
)
from palio.providers.hosted.signals import Phase
from palio.providers.runware import task_uuid

TASK = task_uuid(ATTEMPT)


def item(**members: Any) -> Says:
    return Says(200, {"data": [{"taskType": "imageInference", "taskUUID": TASK, **members}]})


def error(code: str, status: int = 400, message: str = "no") -> Says:
    """As Runware tells what is wrong with a task."""
    about = {"taskType": "imageInference", "taskUUID": TASK}
    return Says(status, {"data": [], "errors": [{"code": code, "message": message, **about}]})


RUNWARE = Vendor(
    kind="runware",
    stand_in=Runware,
    job=job(engine="z-image"),
    about=TASK,
    can_be_canceled=False,
    seen_in_passing=("taskUUID", "imageURL"),
    samples=(
        Sample("no such task", Phase.poll, error("taskNotFound"), Lost),
        Sample("moderated", Phase.submit, error("invalidProviderContent"), Refused),
        Sample("moderated", Phase.submit, error("contentModeration", 200), Refused),
        Sample("moderated", Phase.poll, error("providerContentPolicyViolation"), Refused),
        Sample("moderated", Phase.poll, error("promptBlocked"), Refused),
        Sample("upstream", Phase.submit, error("providerInsufficientCredits"), RunFailed),
        Sample("upstream", Phase.poll, error("timeoutProvider"), RunFailed),
        Sample("upstream", Phase.poll, error("failedTaskTimeout", 504), RunFailed),
        Sample("no credits for a run", Phase.poll, error("insufficientCredits", 402), RunFailed),
        Sample("no credits", Phase.submit, error("insufficientCredits", 402), Unfunded),
        Sample("no credits", Phase.submit, error("insufficientCredits", 200), Unfunded),
        Sample("key", Phase.submit, error("invalidApiKey", 200), KeyRefused),
        Sample("key", Phase.poll, error("invalidApiKey", 401)),
        Sample("rate limit", Phase.submit, error("rateLimitExceeded", 200), RateLimited),
        Sample("rate limit", Phase.poll, error("rateLimitExceeded", 429)),
        Sample("no server", Phase.submit, error("noAvailableServer"), NotAccepted),
        Sample("trouble of its own", Phase.poll, error("internalServerError", 500)),
        Sample("trouble of its own", Phase.submit, error("unknownError"), Ambiguous),
        Sample("invalid task", Phase.submit, error("invalidPixels"), Incapable),
        Sample("invalid task", Phase.submit, error("unsupportedParameter", 200), Incapable),
        Sample("invalid task", Phase.poll, error("invalidPixels"), Incapable),
        Sample("no such model", Phase.submit, error("modelNotFound", 404), Incapable),
        Sample("error of a run", Phase.poll, error("inferenceError"), RunFailed),
        Sample("error of a task", Phase.submit, error("processingFailed", 200), RunFailed),
        Sample(
            "NSFWContent", Phase.poll, item(status="success", imageURL="https://x/y.png", NSFWContent=True), Refused
        ),
        Sample("success without an image", Phase.poll, item(status="success"), RunFailed),
        Sample("error", Phase.poll, item(status="error"), RunFailed),
        Sample("processing", Phase.poll, item(status="processing")),
        Sample("queued", Phase.poll, item(status="pending")),
    ),
)
