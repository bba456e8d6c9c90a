"""OpenAI's rows, and those of servers that answer as it does, as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.images import error
from tests.standins.openai import OpenAI
from tests.standins.openai_compatible import OpenAICompatible
from tests.standins.server import Says

from palio.providers.base import Refused, RunFailed, Unfunded
from palio.providers.hosted.signals import Phase

SERVES = {"gpt-image-2": {"family": "qwen", "members": ["2.0"], "always": {"promptExtend": [True]}}}
"""What an operator says that a model is for."""

OPENAI = Vendor(
    kind="openai",
    stand_in=OpenAI,
    job=job(engine="qwen", model="2.0", width=1024, height=1024),
    can_be_canceled=False,
    answers_with="picture",
    table={"models": SERVES},
    seen_in_passing=("data",),
    samples=(
        Sample("data without a picture", Phase.submit, Says(200, {"data": []}), RunFailed),
        Sample("moderation_blocked", Phase.submit, Says(400, error("no", "moderation_blocked")), Refused),
        Sample("moderation_blocked", Phase.submit, Says(400, error("no", "content_policy_violation")), Refused),
        Sample("insufficient_quota", Phase.submit, Says(429, error("no", "insufficient_quota")), Unfunded),
        Sample("insufficient_quota", Phase.submit, Says(400, error("no", "billing_hard_limit_reached")), Unfunded),
        Sample("insufficient_quota", Phase.submit, Says(429, error("no", "billing_not_active")), Unfunded),
        Sample("error of the run", Phase.submit, Says(500, error("The server had an error")), RunFailed),
    ),
)

OPENAI_COMPATIBLE = Vendor(
    kind="openai-compatible",
    stand_in=OpenAICompatible,
    job=job(engine="z-image"),
    can_be_canceled=False,
    repeats=True,
    answers_with="picture",
    seen_in_passing=("data",),
    samples=(
        Sample("data without a picture", Phase.submit, Says(200, {"data": [{"b64_json": None}]}), RunFailed),
        Sample("failed", Phase.submit, Says(500, {"detail": "Image generation failed: CUDA out of memory"}), RunFailed),
        Sample("error of the run", Phase.submit, Says(500, error("engine is dead")), RunFailed),
    ),
)
