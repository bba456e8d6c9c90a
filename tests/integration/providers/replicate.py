"""Replicate's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.replicate import Replicate
from tests.standins.server import Says

from palio.providers.base import Incapable, Lost, Refused, RunFailed
from palio.providers.hosted.signals import Phase


def prediction(status: str, **members: object) -> Says:
    return Says(200, {"id": "x", "status": status, "output": None, "error": None, **members})


def failed(error: str) -> Says:
    return prediction("failed", error=error)


REPLICATE = Vendor(
    kind="replicate",
    stand_in=Replicate,
    job=job(engine="z-image"),
    seen_in_passing=("id", "succeeded"),
    samples=(
        Sample("starting", Phase.poll, prediction("starting")),
        Sample("processing", Phase.poll, prediction("processing", logs=" 50%|#####     | 5/10")),
        Sample("output removed", Phase.poll, prediction("succeeded"), Lost),
        Sample("output empty", Phase.poll, prediction("succeeded", output=[]), Refused),
        Sample("failed, moderated", Phase.poll, failed("NSFW content detected. Try another prompt."), Refused),
        Sample("failed, moderated", Phase.poll, failed("The input was flagged as sensitive (E005)"), Refused),
        Sample("failed, moderated", Phase.poll, failed("All generated images contained NSFW content"), Refused),
        Sample("failed, bad input", Phase.poll, failed("Input validation error: width is too large"), Incapable),
        Sample("failed", Phase.poll, failed("CUDA out of memory"), RunFailed),
        Sample("canceled", Phase.poll, prediction("canceled"), RunFailed),
        Sample("aborted", Phase.poll, prediction("aborted"), RunFailed),
        Sample("cancel", Phase.cancel, prediction("canceled")),
    ),
)
