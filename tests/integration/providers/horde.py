"""The AI Horde's rows as they look on the wire."""

from typing import Any

from tests.integration.providers.vendors import Sample, Vendor, job
from tests.standins.horde import Horde
from tests.standins.server import Says

from palio.providers.base import Incapable, KeyRefused, Lost, NotAccepted, RateLimited, Refused, RunFailed, Unfunded
from palio.providers.hosted.signals import Phase


def error(status: int, rc: str, message: str = "no") -> Says:
    return Says(status, {"message": message, "rc": rc})


def check(**members: Any) -> Says:
    said = {"finished": 0, "processing": 0, "waiting": 1, "done": False, "faulted": False, "queue_position": 0}
    return Says(200, {**said, "wait_time": 3, "kudos": 1.0, "is_possible": True, **members})


def status(**members: Any) -> Says:
    generation = {
        "img": "https://x/y.webp",
        "seed": "7",
        "id": "g",
        "censored": False,
        "gen_metadata": [],
        "state": "ok",
    }
    return Says(200, {"done": True, "generations": [{**generation, **members}]})


def marked(type_: str, value: str) -> Says:
    return status(gen_metadata=[{"type": type_, "value": value}])


HORDE = Vendor(
    kind="horde",
    stand_in=Horde,
    job=job(engine="z-image"),
    repeats=True,
    seen_in_passing=("id", "done", "generation"),
    samples=(
        Sample("CorruptPrompt", Phase.submit, error(400, "CorruptPrompt"), Refused),
        Sample("nobody works", Phase.submit, error(400, "MaintenanceMode"), NotAccepted),
        Sample("nobody works", Phase.submit, error(400, "NoValidWorkers"), NotAccepted),
        Sample("nobody works", Phase.submit, error(423, "Locked"), NotAccepted),
        Sample("nobody works", Phase.poll, error(400, "MaintenanceMode")),
        Sample("more than it may ask for", Phase.submit, error(403, "KudosUpfront"), Incapable),
        Sample("more than it may ask for", Phase.submit, error(403, "SharedKeyInsufficientKudos"), Incapable),
        Sample("more than it may ask for", Phase.submit, error(403, "NotTrusted"), Incapable),
        Sample("more than it may ask for", Phase.submit, error(403, "AnonForbidden"), Incapable),
        Sample("no kudos", Phase.submit, error(403, "SharedKeyEmpty"), Unfunded),
        Sample(
            "TimeoutIP", Phase.submit, error(403, "TimeoutIP", "put into timeout for 30 more seconds."), RateLimited
        ),
        Sample("403", Phase.submit, error(403, "SharedKeyExpired"), KeyRefused),
        Sample("401", Phase.submit, error(401, "InvalidAPIKey"), KeyRefused),
        Sample("429", Phase.submit, error(429, "TooManyPrompts"), RateLimited),
        Sample("429", Phase.result, Says(429, {"message": "10 per 1 minute"})),
        Sample("any other 4xx", Phase.submit, error(400, "InvalidSize"), Incapable),
        Sample("any other 4xx", Phase.submit, error(400, "UnsupportedModel"), Incapable),
        Sample("RequestExpired", Phase.poll, error(410, "RequestExpired"), RunFailed),
        Sample("RequestNotFound", Phase.poll, error(404, "RequestNotFound"), Lost),
        Sample("faulted", Phase.poll, check(faulted=True), RunFailed),
        Sample("impossible", Phase.poll, check(is_possible=False), RunFailed),
        Sample("processing", Phase.poll, check(processing=1, waiting=0, is_possible=False)),
        Sample("waiting", Phase.poll, check(queue_position=12)),
        Sample("censored", Phase.result, status(censored=True), Refused),
        Sample("censored", Phase.result, status(state="censored"), Refused),
        Sample("censored", Phase.result, marked("censorship", "csam"), Refused),
        Sample("part left out", Phase.result, marked("lora", "download_failed"), RunFailed),
        Sample("part left out", Phase.result, marked("lora", "baseline_mismatch"), RunFailed),
        Sample("no generation", Phase.result, Says(200, {"done": True, "generations": []}), RunFailed),
        Sample("cancel", Phase.cancel, check()),
    ),
)
