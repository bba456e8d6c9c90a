"""Hugging Face's rows as they look on the wire."""

import base64

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.huggingface import HuggingFace
from tests.standins.images import error
from tests.standins.server import Says, png

from palio.providers.base import NotAccepted, Refused, RunFailed, Unfunded
from palio.providers.hosted.signals import Phase

FLAGGED = {"images": [{"url": "https://example.org/x.png"}], "has_nsfw_concepts": [True]}
MODERATED = {"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": "content_policy_violation"}]}
LOADING = {"error": "Model is currently loading", "estimated_time": 20.5}
NO_CREDITS = {"error": "You have exceeded your monthly included credits for Inference Providers."}

HUGGINGFACE = Vendor(
    kind="huggingface",
    stand_in=HuggingFace,
    job=job(engine="z-image"),
    can_be_canceled=False,
    answers_with="address",
    seen_in_passing=("images",),
    samples=(
        Sample("image", Phase.submit, Says(200, png(), {"Content-Type": "image/png"})),
        Sample("data", Phase.submit, Says(200, {"data": [{"b64_json": base64.b64encode(png()).decode()}]})),
        Sample("has_nsfw_concepts", Phase.submit, Says(200, FLAGGED), Refused),
        Sample("no images", Phase.submit, Says(200, {"images": []}), RunFailed),
        Sample("data without a picture", Phase.submit, Says(200, {"data": []}), RunFailed),
        Sample("moderated", Phase.submit, Says(422, MODERATED), Refused),
        Sample("moderated", Phase.submit, Says(400, error("NSFW content detected")), Refused),
        Sample("loading", Phase.submit, Says(503, LOADING), NotAccepted),
        Sample("402", Phase.submit, Says(402, NO_CREDITS), Unfunded),
        Sample("error of the run", Phase.submit, Says(500, {"error": "CUDA out of memory"}), RunFailed),
    ),
)
