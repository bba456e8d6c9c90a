"""Replicate. A prediction is created at a model, or at a version of one where it has no endpoint of its own.

A prediction that has failed says so in words only: moderation and bad input are told by what stands in its error. One
that goes on for too long is stopped by Replicate itself (`Cancel-After`), which costs nothing before it has started.

Sources: PyPI `replicate` 1.0.7; replicate.com/docs on predictions, their lifecycle, deadlines and rate limits.
"""

import re
from collections.abc import Sequence
from time import time
from typing import ClassVar

from palio.contract.json import JsonObject
from palio.providers.base import Progress
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.provider import MAX_SENT_BYTES
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, Test, has, matches, says

_MODERATED = r"nsfw|flagged as sensitive|content policy|\bE005\b"
_PERCENT = re.compile(r"(\d{1,3})%\|")
_RESETS = re.compile(r"resets in ~?(\d{1,5})\s*s")


def _failed(pattern: str) -> Test:
    said = matches(pattern, "error")
    return lambda reply: reply.text("status") == "failed" and said(reply)


def _succeeded(reply: Reply) -> bool:
    return reply.text("status") == "succeeded"


class Replicate(QueueProvider):
    """Runs jobs on Replicate."""

    kind: ClassVar[str] = "replicate"
    base_url: ClassVar[str] = "https://api.replicate.com/v1"
    key_variable: ClassVar[str | None] = "REPLICATE_API_TOKEN"
    enquiry: ClassVar[str | None] = "account"
    # Of 3,000 a minute that an account may make, creating apart.
    questions_a_second: ClassVar[float] = 40.0
    # A prediction is shown with its input, and so with the pictures that were sent, as Base64.
    max_answer_bytes: ClassVar[int] = 2 * MAX_SENT_BYTES
    signals: ClassVar[Sequence[Signal]] = (
        Signal("id", Meaning.accepted, SUCCESS, has("id"), {Phase.submit}),
        Signal("starting", Meaning.queued, SUCCESS, says("starting", "status"), {Phase.poll}),
        Signal("processing", Meaning.running, SUCCESS, says("processing", "status"), {Phase.poll}),
        Signal(
            "succeeded", Meaning.done, SUCCESS, lambda reply: _succeeded(reply) and has("output")(reply), {Phase.poll}
        ),
        # After an hour what was made is removed.
        Signal(
            "output removed",
            Meaning.lost,
            SUCCESS,
            lambda reply: _succeeded(reply) and reply.at("output") is None,
            {Phase.poll},
        ),
        Signal("output empty", Meaning.refused, SUCCESS, _succeeded, {Phase.poll}),
        Signal("failed, moderated", Meaning.refused, SUCCESS, _failed(_MODERATED), {Phase.poll}),
        Signal("failed, bad input", Meaning.invalid, SUCCESS, _failed("^input validation error"), {Phase.poll}),
        Signal("failed", Meaning.failed, SUCCESS, says("failed", "status"), {Phase.poll}),
        Signal("canceled", Meaning.canceled, SUCCESS, says("canceled", "status"), {Phase.poll}),
        Signal("aborted", Meaning.canceled, SUCCESS, says("aborted", "status"), {Phase.poll}),
        Signal("cancel", Meaning.canceled, SUCCESS, phases={Phase.cancel}),
    )

    def submission(self, order: Order) -> Request:
        model, _, version = order.model.id.partition(":")
        headers = {"Cancel-After": f"{int(self.account.limits.deadline)}s"}
        body: JsonObject = {"input": order.payload}
        if version:
            return Request("POST", "predictions", {**body, "version": version}, headers)
        return Request("POST", f"models/{model}/predictions", body, headers)

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        return Run(id_, order.model.id, time()) if (id_ := reply.text("id")) else None

    def question(self, run: Run) -> Request:
        return Request("GET", f"predictions/{run.id}")

    def progress(self, reply: Reply) -> Progress:
        percents = _PERCENT.findall(reply.text("logs")[-4096:])
        return Progress(min(int(percents[-1]), 100) / 100 if percents else 0.0)

    def pictures(self, reply: Reply) -> Sequence[str]:
        output = reply.at("output")
        return [url for url in (output if isinstance(output, list) else [output]) if isinstance(url, str)]

    def cancellation(self, run: Run) -> Request | None:
        return Request("POST", f"predictions/{run.id}/cancel")

    def told(self, reply: Reply) -> str:
        error = reply.text("error")
        return f"{self.name}: {self.wire.clean(error)}" if error else super().told(reply)

    def pause(self, reply: Reply) -> float | None:
        resets = _RESETS.search(reply.text("detail"))
        return super().pause(reply) or (float(resets[1]) if resets else None)
