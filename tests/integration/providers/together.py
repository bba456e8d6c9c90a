"""Together's rows as they look on the wire."""

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.images import error
from tests.standins.server import Says
from tests.standins.together import Together

from palio.providers.base import Incapable, Refused, RunFailed
from palio.providers.hosted.signals import Phase

TOGETHER = Vendor(
    kind="together",
    stand_in=Together,
    job=job(engine="flux2", model="pro"),
    can_be_canceled=False,
    answers_with="address",
    seen_in_passing=("data",),
    samples=(
        Sample("data without a picture", Phase.submit, Says(200, {"data": []}), RunFailed),
        Sample("data without a picture", Phase.submit, Says(200, {"data": [{"url": None}]}), RunFailed),
        Sample("moderated", Phase.submit, Says(422, error("NSFW content detected in the image.")), Refused),
        Sample("403, too long", Phase.submit, Says(403, error("token count exceeds the context length")), Incapable),
        Sample("error of the run", Phase.submit, Says(500, error("Internal server error")), RunFailed),
    ),
)
