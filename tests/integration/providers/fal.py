"""fal's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.fal import Fal
from tests.standins.server import Says

from palio.providers.base import Incapable, Refused, RunFailed, Unfunded
from palio.providers.hosted.signals import Phase

MODERATED = {"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": "content_policy_violation"}]}
TOO_MANY = {"detail": [{"loc": ["body", "num_images"], "msg": "at most 4", "type": "less_than_equal"}]}

FAL = Vendor(
    kind="fal",
    stand_in=Fal,
    job=job(engine="z-image"),
    seen_in_passing=("request_id", "COMPLETED", "images"),
    samples=(
        Sample("IN_QUEUE", Phase.poll, Says(202, {"status": "IN_QUEUE", "queue_position": 3})),
        Sample("IN_PROGRESS", Phase.poll, Says(202, {"status": "IN_PROGRESS", "logs": None})),
        Sample("has_nsfw_concepts", Phase.result, Says(200, {"images": [{}], "has_nsfw_concepts": [True]}), Refused),
        Sample("no images", Phase.result, Says(200, {"images": []}), RunFailed),
        Sample("still in progress", Phase.result, Says(400, {"detail": "Request is still in progress"})),
        Sample("content_policy_violation", Phase.result, Says(422, MODERATED), Refused),
        Sample("content_policy_violation", Phase.submit, Says(422, MODERATED), Refused),
        Sample("locked", Phase.submit, Says(403, {"detail": "User is locked. Reason: Exhausted balance."}), Unfunded),
        Sample(
            "error of the run",
            Phase.result,
            Says(503, {"detail": "gone", "error_type": "runner_disconnected"}),
            RunFailed,
        ),
        Sample("error of the run", Phase.result, Says(504, {"detail": "slow"}, {"X-Fal-Error-Type": "x"}), RunFailed),
        Sample("invalid input", Phase.result, Says(422, TOO_MANY), Incapable),
        Sample("cancel", Phase.cancel, Says(202, {"status": "CANCELLATION_REQUESTED"})),
        Sample("ALREADY_COMPLETED", Phase.cancel, Says(400, {"status": "ALREADY_COMPLETED"})),
    ),
)
