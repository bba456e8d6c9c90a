"""xAI's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.images import error
from tests.standins.server import Says
from tests.standins.xai import BAD, Xai

from palio.providers.base import KeyRefused, Refused, RunFailed, Unfunded
from palio.providers.hosted.signals import Phase

BLOCKED = {"code": BAD, "error": "Generated image rejected by content moderation.", "usage": {"cost_in_usd_ticks": 5}}
AGAINST_THE_RULES = {
    "code": "The caller does not have permission to execute the specified operation",
    "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
}
OVERSPENT = {"code": "personal-team-blocked:spending-limit", "error": "no"}
NO_CREDITS = {"code": "403", "error": "Your newly created team doesn't have any credits or licenses yet."}


def moderated(**picture: object) -> Says:
    return Says(200, {"data": [{"respect_moderation": False, **picture}], "usage": {}})


XAI = Vendor(
    kind="xai",
    stand_in=Xai,
    job=job(engine="grok", seed=None, operation="createImage"),
    can_be_canceled=False,
    answers_with="address",
    seen_in_passing=("data",),
    samples=(
        Sample("respect_moderation is false", Phase.submit, moderated(url=""), Refused),
        Sample("respect_moderation is false", Phase.submit, moderated(url="https://example.org/x.jpg"), Refused),
        Sample("no data", Phase.submit, Says(200, {"data": []}), Refused),
        Sample("moderated", Phase.submit, Says(400, BLOCKED), Refused),
        Sample("moderated", Phase.submit, Says(400, {"code": "imagine:content-moderated", "error": "no"}), Refused),
        Sample("moderated", Phase.submit, Says(400, error("rejected by moderation")), Refused),
        Sample("moderated", Phase.submit, Says(403, AGAINST_THE_RULES), Refused),
        Sample("incorrect key", Phase.submit, Says(400, {"code": BAD, "error": "Incorrect API key"}), KeyRefused),
        Sample("no credits", Phase.submit, Says(403, NO_CREDITS), Unfunded),
        Sample("no credits", Phase.submit, Says(403, OVERSPENT), Unfunded),
        Sample("error of the run", Phase.submit, Says(500, {"code": "500", "error": "internal"}), RunFailed),
    ),
)
