"""InvokeAI's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.invokeai import InvokeAI
from tests.standins.server import Says

from palio.providers.base import Incapable, Lost, NotAccepted, RunFailed
from palio.providers.hosted.signals import Phase

FULL = {"queue_id": "default", "enqueued": 0, "requested": 1, "item_ids": []}
WRONG = {"detail": [{"type": "value_error", "loc": ["body", "batch", "graph"], "msg": "no node l2i"}]}
GONE = {"detail": "Queue item with id 1 not found in queue default"}


def item(status: str, **more: object) -> Says:
    return Says(200, {"item_id": 1, "status": status, **more})


OUT_OF_MEMORY = {"error_type": "OutOfMemoryError", "error_message": "CUDA out of memory", "error_traceback": "..."}

INVOKEAI = Vendor(
    kind="invokeai",
    stand_in=InvokeAI,
    job=job(engine="z-image"),
    seen_in_passing=("item_ids", "completed"),
    samples=(
        Sample("queue is full", Phase.submit, Says(200, FULL), NotAccepted),
        Sample("images are being moved", Phase.submit, Says(409, {"detail": "maintenance"}), NotAccepted),
        Sample("invalid graph", Phase.submit, Says(422, WRONG), Incapable),
        Sample("pending", Phase.poll, item("pending")),
        Sample("in_progress", Phase.poll, item("in_progress")),
        Sample("waiting", Phase.poll, item("waiting")),
        Sample("failed", Phase.poll, item("failed", **OUT_OF_MEMORY), RunFailed),
        Sample("canceled", Phase.poll, item("canceled"), RunFailed),
        Sample("no such item", Phase.poll, Says(404, GONE), Lost),
        Sample("no longer running", Phase.cancel, item("canceled")),
    ),
)
