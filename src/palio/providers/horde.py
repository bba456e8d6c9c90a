"""AI Horde: machines of volunteers, for kudos in place of money.

A request waits until one of them takes it, which is told without limit (`check`); what came of it is asked for once,
because that is (`status`, ten times a minute). A request that nobody can take now goes on waiting, so it is taken back.

Sources: github Haidra-Org/AI-Horde, `horde/exceptions.py`, `horde/apis/models/stable_v2.py` and
`horde/apis/v2/stable.py`; PyPI `horde-sdk` 0.18.0.
"""

import asyncio
import base64
import io
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from time import time
from typing import ClassVar

from PIL import Image

from palio import __version__
from palio.contract.image.job import ImageJob
from palio.contract.json import JsonObject
from palio.providers.base import Assignment, Handle, Made, Progress, ProviderError, RunFailed
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import (
    ANY_STATUS,
    FOLLOWING,
    SUCCESS,
    Meaning,
    Phase,
    Reply,
    Signal,
    Test,
    has,
    matches,
)

NEGATIVE = "###"
"""What parts a prompt from what is not wanted."""
CLIENT = f"Palio:{__version__}:unknown"
"""Name, version and contact, as the Horde wants to know of who asks."""
_SECONDS = re.compile(r"for (\d{1,6}) more seconds")
_LEFT_OUT = ("download_failed", "parse_failed", "baseline_mismatch")


def _rc(pattern: str) -> Test:
    """Whether the return code of an error, which is one word, matches."""
    return matches(f"^({pattern})$", "rc")


def _values(reply: Reply) -> list[str]:
    """What is said of a picture: that it was censored, or that a LoRA could not be had."""
    entries = range(len(reply.items("generations", 0, "gen_metadata")))
    return [reply.text("generations", 0, "gen_metadata", entry, "value") for entry in entries]


def _is_censored(reply: Reply) -> bool:
    is_marked = reply.at("generations", 0, "censored") is True or reply.text("generations", 0, "state") == "censored"
    return is_marked or any(value in ("csam", "nsfw") for value in _values(reply))


def _lacks_a_part(reply: Reply) -> bool:
    return any(value in _LEFT_OUT for value in _values(reply))


def _counts(name: str) -> Test:
    return lambda reply: (reply.number(name) or 0.0) > 0


class Horde(QueueProvider):
    """Runs jobs on the AI Horde."""

    kind: ClassVar[str] = "horde"
    base_url: ClassVar[str] = "https://aihorde.net/api/v2"
    key_variable: ClassVar[str | None] = "AI_HORDE_API_KEY"
    key_header: ClassVar[str] = "apikey"
    key_prefix: ClassVar[str] = ""
    costs_nothing: ClassVar[bool] = True
    # A picture may come within the answer.
    max_answer_bytes: ClassVar[int] = 64 * 1024 * 1024
    signals: ClassVar[Sequence[Signal]] = (
        Signal("id", Meaning.accepted, SUCCESS, has("id"), {Phase.submit}),
        Signal("CorruptPrompt", Meaning.refused, ANY_STATUS, _rc("CorruptPrompt"), {Phase.submit}),
        Signal("nobody works", Meaning.overloaded, ANY_STATUS, _rc("NoValidWorkers|MaintenanceMode|Locked")),
        # Of this request: a large one wants kudos, others wait for their turn without.
        Signal(
            "more than it may ask for",
            Meaning.invalid,
            {403},
            _rc("KudosUpfront|SharedKeyInsufficientKudos|NotTrusted|AnonForbidden"),
            {Phase.submit},
        ),
        Signal("no kudos", Meaning.unfunded, {403}, _rc("SharedKeyEmpty")),
        Signal("TimeoutIP", Meaning.rate_limited, {403}, _rc("TimeoutIP|TooManyNewIPs|TooManySameIPs")),
        Signal("RequestExpired", Meaning.failed, {404, 410}, _rc("RequestExpired"), FOLLOWING),
        Signal("RequestNotFound", Meaning.lost, {404, 410}, _rc("RequestNotFound")),
        Signal("done", Meaning.done, SUCCESS, has("done"), {Phase.poll}),
        Signal("faulted", Meaning.failed, SUCCESS, has("faulted"), {Phase.poll}),
        Signal("processing", Meaning.running, SUCCESS, _counts("processing"), {Phase.poll}),
        Signal("impossible", Meaning.failed, SUCCESS, lambda reply: reply.at("is_possible") is False, {Phase.poll}),
        Signal(
            "waiting", Meaning.queued, SUCCESS, lambda reply: reply.number("queue_position") is not None, {Phase.poll}
        ),
        Signal("censored", Meaning.refused, SUCCESS, _is_censored, {Phase.result}),
        # It was made without a part of what was asked, and is another picture.
        Signal("part left out", Meaning.failed, SUCCESS, _lacks_a_part, {Phase.result}),
        Signal("generation", Meaning.done, SUCCESS, has("generations", 0, "img"), {Phase.result}),
        Signal("no generation", Meaning.failed, SUCCESS, lambda reply: reply.at("done") is True, {Phase.result}),
        Signal("cancel", Meaning.canceled, SUCCESS, phases={Phase.cancel}),
    )

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        if NEGATIVE in job.prompt or NEGATIVE in job.negative_prompt:
            return f"takes no prompt with {NEGATIVE} in it, which begins what is not wanted"
        return None

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        job = assignment.job
        body = super().payload(found, assignment, pictures)
        if job.negative_prompt:
            body["prompt"] = f"{job.prompt} {NEGATIVE} {job.negative_prompt}"
        if isinstance(params := body.get("params"), dict):
            body["params"] = _as_the_horde_has_them(params)
        return body | {"models": [found.model.id]}

    async def sent_picture(self, data: bytes) -> str:
        return await asyncio.to_thread(_webp, data)

    def submission(self, order: Order) -> Request:
        return Request("POST", "generate/async", order.payload, {"Client-Agent": CLIENT})

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        return Run(reply.text("id"), order.model.id, time())

    def question(self, run: Run) -> Request:
        return Request("GET", f"generate/check/{run.id}", headers={"Client-Agent": CLIENT})

    def progress(self, reply: Reply) -> Progress:
        is_queued = not _counts("processing")(reply)
        return Progress(0.0, int(reply.number("queue_position") or 0) if is_queued else None)

    def collection(self, run: Run, reply: Reply) -> Request | None:
        return Request("GET", f"generate/status/{run.id}", headers={"Client-Agent": CLIENT})

    def pictures(self, reply: Reply) -> Sequence[str]:
        picture = reply.text("generations", 0, "img")
        if not picture:
            return []
        return [picture if picture.startswith(("http://", "https://")) else f"data:image/webp;base64,{picture}"]

    def cost(self, run: Run, reply: Reply) -> float | None:
        return self.account.price or 0.0

    def pause(self, reply: Reply) -> float | None:
        seconds = _SECONDS.search(reply.text("message"))
        return super().pause(reply) or (float(seconds[1]) if seconds else None)

    def cancellation(self, run: Run) -> Request | None:
        return Request("DELETE", f"generate/status/{run.id}", headers={"Client-Agent": CLIENT})

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        try:
            async with aclosing(super().watch(handle, assignment)) as events:  # type: ignore[type-var]
                async for event in events:
                    yield event
        except RunFailed:
            # What nobody can do now would wait on, and cost its kudos when somebody can.
            with suppress(ProviderError):
                await self.cancel(handle)
            raise


def _as_the_horde_has_them(params: JsonObject) -> JsonObject:
    """Members of a request from those of the catalog, whose samplers say which spacing of noise they mean."""
    told = dict(params)
    if isinstance(sampler := params.get("sampler_name"), str):
        told["sampler_name"], _, noise = sampler.partition(" ")
        told["karras"] = noise == "karras"
    # A seed may be a text there, and has to be written as one.
    if "seed" in params:
        told["seed"] = str(params["seed"])
    return told


def _webp(data: bytes) -> str:
    """A picture as the Horde takes it: WebP, without loss, as Base64."""
    with Image.open(io.BytesIO(data)) as image:
        out = io.BytesIO()
        image.convert("RGB").save(out, "WEBP", lossless=True, method=0)
    return base64.b64encode(out.getvalue()).decode()
