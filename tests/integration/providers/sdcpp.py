"""stable-diffusion.cpp's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.sdcpp import EXPIRED, NOT_FOUND, StableDiffusionCpp
from tests.standins.server import Says

from palio.providers.base import Incapable, Lost, RunFailed
from palio.providers.hosted.signals import Phase


def told(status: str, **more: object) -> Says:
    return Says(200, {"id": "job_1", "status": status, "queue_position": 0, "result": None, "error": None, **more})


SDCPP = Vendor(
    kind="sdcpp",
    stand_in=StableDiffusionCpp,
    job=job(engine="z-image"),
    seen_in_passing=("accepted", "completed"),
    repeats=True,
    samples=(
        Sample("queued", Phase.poll, told("queued", queue_position=2)),
        Sample("generating", Phase.poll, told("generating")),
        Sample("failed", Phase.poll, told("failed", error={"code": "x", "message": "no memory"}), RunFailed),
        Sample("cancelled", Phase.poll, told("cancelled", error={"code": "cancelled", "message": "x"}), RunFailed),
        Sample("job not found", Phase.poll, Says(404, NOT_FOUND), Lost),
        Sample("job expired", Phase.poll, Says(410, EXPIRED), Lost),
        Sample("cancelled", Phase.cancel, told("cancelled")),
        Sample("any other 4xx", Phase.submit, Says(400, {"error": "invalid generation parameters"}), Incapable),
    ),
)
