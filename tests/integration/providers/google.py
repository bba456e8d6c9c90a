"""Google's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor
from tests.standins.google import Google, blocked, candidate, error, key_error
from tests.standins.server import Says

from palio.contract.image.job import ImageJob, Operation
from palio.providers.base import (
    Ambiguous,
    Incapable,
    KeyRefused,
    NotAccepted,
    RateLimited,
    Refused,
    RunFailed,
    Unfunded,
)
from palio.providers.hosted.signals import Phase

JOB = ImageJob(
    engine="google",
    family="gemini",
    model="nano-banana-2",
    operation=Operation.create,
    prompt="a tin robot",
    width=1360,
    height=768,
    aspect="16:9",
    seed=None,
)
EXHAUSTED = "You exceeded your current quota, please check your plan."
NO_QUOTA = f"{EXHAUSTED} * Quota exceeded for metric: requests, limit: 0, model: gemini-3.1-flash-image"

GOOGLE = Vendor(
    kind="google",
    stand_in=Google,
    job=JOB,
    answers_with="picture",
    can_be_canceled=False,
    seen_in_passing=("picture",),
    samples=(
        *(Sample("prompt blocked", Phase.submit, blocked(why), Refused) for why in ("SAFETY", "IMAGE_SAFETY", "OTHER")),
        *(
            Sample("picture blocked", Phase.submit, candidate(why), Refused)
            for why in ("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "PROHIBITED_CONTENT", "IMAGE_RECITATION", "SPII")
        ),
        Sample("account limited", Phase.submit, candidate("PUP_LIMITED_DISABLED"), KeyRefused),
        Sample("no picture", Phase.submit, candidate("NO_IMAGE"), RunFailed),
        Sample("no picture", Phase.submit, candidate("IMAGE_OTHER"), RunFailed),
        Sample("no picture", Phase.submit, candidate("STOP", [{"text": "I would rather talk."}]), RunFailed),
        Sample("no candidates", Phase.submit, Says(200, {"usageMetadata": {"promptTokenCount": 4}}), RunFailed),
        Sample("API_KEY_INVALID", Phase.submit, key_error(), KeyRefused),
        Sample("FAILED_PRECONDITION", Phase.submit, error(400, "FAILED_PRECONDITION", "x"), Unfunded),
        Sample("BILLING_DISABLED", Phase.submit, error(403, "x", "x", reason="BILLING_DISABLED"), Unfunded),
        Sample("quota of 0", Phase.submit, error(429, "RESOURCE_EXHAUSTED", NO_QUOTA), Unfunded),
        Sample("INTERNAL", Phase.submit, error(500, "INTERNAL", "x"), RunFailed),
        # What the rows of HTTP say of Google's other answers.
        Sample("402", Phase.submit, error(402, "RESOURCE_EXHAUSTED", "x"), Unfunded),
        Sample("403", Phase.submit, error(403, "PERMISSION_DENIED", "x"), KeyRefused),
        Sample("404", Phase.submit, error(404, "NOT_FOUND", "x"), Incapable),
        Sample("429", Phase.submit, error(429, "RESOURCE_EXHAUSTED", EXHAUSTED), RateLimited),
        Sample("408, 425 or 503", Phase.submit, error(503, "UNAVAILABLE", "x"), NotAccepted),
        Sample("any other 4xx", Phase.submit, error(400, "INVALID_ARGUMENT", "x"), Incapable),
        Sample("any other 5xx", Phase.submit, error(504, "DEADLINE_EXCEEDED", "x"), Ambiguous),
        Sample("no answer that is known", Phase.submit, Says(200, {"candidates": []}), Ambiguous),
    ),
)
