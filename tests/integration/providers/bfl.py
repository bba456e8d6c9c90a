"""Black Forest Labs' rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.bfl import BlackForestLabs
from tests.standins.server import Says

from palio.providers.base import Lost, Refused, RunFailed
from palio.providers.hosted.signals import Phase


def task(status: str, **members: object) -> Says:
    return Says(200, {"id": "x", "status": status, "result": None, **members})


BFL = Vendor(
    kind="bfl",
    stand_in=BlackForestLabs,
    job=job(engine="flux2", model="pro"),
    can_be_canceled=False,
    seen_in_passing=("polling_url", "Ready"),
    samples=(
        Sample("Pending", Phase.poll, task("Pending", progress=0.3)),
        Sample("Ready without a sample", Phase.poll, task("Ready"), RunFailed),
        Sample("Request Moderated", Phase.poll, task("Request Moderated"), Refused),
        Sample("Content Moderated", Phase.poll, task("Content Moderated"), Refused),
        Sample("Error", Phase.poll, task("Error"), RunFailed),
        Sample("Failed", Phase.poll, task("Failed"), RunFailed),
        Sample("Task not found", Phase.poll, task("Task not found"), Lost),
        Sample("Task not found", Phase.poll, Says(404, {"status": "Task not found"}), Lost),
    ),
)
