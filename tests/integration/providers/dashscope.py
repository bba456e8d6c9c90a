"""DashScope's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.dashscope import DashScope, error, told
from tests.standins.server import Says

from palio.providers.base import (
    Ambiguous,
    Incapable,
    KeyRefused,
    Lost,
    NotAccepted,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unfunded,
)
from palio.providers.hosted.signals import Phase

CALL = job(engine="sdcpp", ecosystem="zImage", model="turbo", operation="createImage")
"""A job of a model that answers with where the picture is."""
MODERATED = "Output data may contain inappropriate content."


def task(status: str, **members: object) -> Says:
    return told({"task_id": "t", "task_status": status, **members})


def refused(row: str, says: Says, ends: type[ProviderError]) -> tuple[Sample, Sample]:
    """What is said of a request means the same whichever way the model is run."""
    return Sample(row, Phase.submit, says, ends), Sample(row, Phase.submit, says, ends, job=CALL)


DASHSCOPE = Vendor(
    kind="dashscope",
    stand_in=DashScope,
    job=job(engine="qwen", model="plus", operation="createImage"),
    can_be_canceled=False,
    seen_in_passing=("task_id", "picture", "SUCCEEDED"),
    samples=(
        Sample("PENDING", Phase.poll, task("PENDING")),
        Sample("SUSPENDED", Phase.poll, task("SUSPENDED")),
        Sample("RUNNING", Phase.poll, task("RUNNING")),
        Sample("FAILED, moderated", Phase.poll, task("FAILED", code="DataInspectionFailed", message="x"), Refused),
        Sample(
            "FAILED, moderated",
            Phase.poll,
            task("SUCCEEDED", results=[{"code": "DataInspectionFailed", "message": MODERATED}]),
            Refused,
        ),
        Sample("FAILED, moderated", Phase.poll, task("FAILED", code="IPInfringementSuspect", message="x"), Refused),
        Sample("FAILED, bad input", Phase.poll, task("FAILED", code="InvalidParameter", message="x"), Incapable),
        Sample("FAILED", Phase.poll, task("FAILED", code="InternalError.Algo", message="x"), RunFailed),
        Sample("SUCCEEDED without a picture", Phase.poll, task("SUCCEEDED", results=[]), RunFailed),
        Sample("CANCELED", Phase.poll, task("CANCELED"), RunFailed),
        Sample("UNKNOWN", Phase.poll, task("UNKNOWN"), Lost),
        Sample("canceled", Phase.cancel, Says(200, {"request_id": "r"})),
        Sample("UnsupportedOperation", Phase.cancel, error(400, "UnsupportedOperation", "x"), Incapable),
        Sample("UnsupportedOperation", Phase.cancel, error(200, "UnsupportedOperation", "x"), Incapable),
        *refused("DataInspectionFailed", error(400, "DataInspectionFailed", "x"), Refused),
        *refused("DataInspectionFailed", error(200, "DataInspectionFailed", "x"), Refused),
        *refused("DataInspectionFailed", error(400, "IPInfringementSuspect", "x"), Refused),
        *refused("Arrearage", error(400, "Arrearage", "x"), Unfunded),
        *refused("Arrearage", error(403, "AllocationQuota.FreeTierOnly", "x"), Unfunded),
        *refused("no access to the model", error(403, "Model.AccessDenied", "x"), Incapable),
        *refused("InvalidApiKey", error(200, "InvalidApiKey", "x"), KeyRefused),
        *refused("InvalidApiKey", error(403, "AccessDenied.Unpurchased", "x"), KeyRefused),
        *refused("Throttling", error(429, "Throttling.RateQuota", "x"), RateLimited),
        *refused("Throttling", error(200, "Throttling", "x"), RateLimited),
        *refused("ModelUnavailable", error(503, "ModelUnavailable", "x"), NotAccepted),
        *refused("RequestTimeOut", error(408, "RequestTimeOut", "x"), Ambiguous),
        *refused("InternalError", error(500, "InternalError.Algo", "x"), RunFailed),
        *refused("Invalid", error(400, "InvalidParameter", "x"), Incapable),
        *refused("Invalid", error(404, "ModelNotFound", "x"), Incapable),
        *refused("another code", error(200, "SomethingNew", "x"), RunFailed),
        # What is said of a question says nothing of the task.
        Sample("no answer that is known", Phase.poll, error(200, "Throttling.RateQuota", "x")),
        Sample("any other 5xx", Phase.poll, error(500, "InternalError", "x")),
        Sample("401", Phase.poll, error(401, "InvalidApiKey", "x")),
    ),
)
