"""Ark's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.ark import Ark, error, picture_error
from tests.standins.server import Says

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

MODERATED = "The request failed because the output image may contain sensitive information."

ARK = Vendor(
    kind="ark",
    stand_in=Ark,
    job=job(engine="seedream", version="v4"),
    answers_with="address",
    can_be_canceled=False,
    seen_in_passing=("picture",),
    samples=(
        Sample("moderated", Phase.submit, error(400, "InputTextSensitiveContentDetected", "x"), Refused),
        Sample("moderated", Phase.submit, error(400, "SensitiveContentDetected.Violence", "x"), Refused),
        Sample("moderated", Phase.submit, error(400, "OutputImageRiskDetection", "x"), Refused),
        Sample("moderated", Phase.submit, picture_error("OutputImageSensitiveContentDetected", MODERATED), Refused),
        Sample("picture failed", Phase.submit, picture_error("InternalServiceError", "x"), RunFailed),
        Sample(
            "failed", Phase.submit, Says(200, {"data": [], "error": {"code": "BadThing", "message": "x"}}), RunFailed
        ),
        Sample("account overdue", Phase.submit, error(403, "AccountOverdueError", "x"), Unfunded),
        Sample("account overdue", Phase.submit, error(403, "OperationDenied.ServiceOverdue", "x"), Unfunded),
        Sample("server overloaded", Phase.submit, error(429, "ServerOverloaded", "x"), NotAccepted),
        Sample("internal error", Phase.submit, error(500, "InternalServiceError", "x"), RunFailed),
        # What the rows of HTTP say of Ark's other codes.
        Sample("401", Phase.submit, error(401, "AuthenticationError", "x"), KeyRefused),
        Sample("403", Phase.submit, error(403, "AccessDenied", "x"), KeyRefused),
        Sample("404", Phase.submit, error(404, "ModelNotOpen", "x"), Incapable),
        Sample("429", Phase.submit, error(429, "ModelAccountIpmRateLimitExceeded", "x"), RateLimited),
        Sample("429", Phase.submit, error(429, "QuotaExceeded", "x"), RateLimited),
        Sample("any other 4xx", Phase.submit, error(400, "InvalidParameter.Size", "x"), Incapable),
        Sample("any other 5xx", Phase.submit, Says(502, {"error": "upstream"}), Ambiguous),
        # Nobody says that nothing was made.
        Sample("no answer that is known", Phase.submit, Says(200, {"data": []}), Ambiguous),
    ),
)
