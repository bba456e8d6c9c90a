"""Black Forest Labs. A task is asked about where the answer to its submission says; it cannot be stopped.

Sources: docs.bfl.ai on errors and on generating images; npm `@ai-sdk/black-forest-labs` 1.0.33; github
black-forest-labs/skills.
"""

from collections.abc import Sequence
from time import time
from typing import ClassVar

import httpx

from palio.providers.base import Progress
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, has, says

USD_OF_CREDIT = 0.01


def _is_ready(reply: Reply) -> bool:
    return reply.text("status") == "Ready" and bool(reply.text("result", "sample"))


class BlackForestLabs(QueueProvider):
    """Runs jobs at Black Forest Labs."""

    kind: ClassVar[str] = "bfl"
    base_url: ClassVar[str] = "https://api.bfl.ai/v1"
    key_variable: ClassVar[str | None] = "BFL_API_KEY"
    enquiry: ClassVar[str | None] = "credits"
    key_header: ClassVar[str] = "x-key"
    key_prefix: ClassVar[str] = ""
    hosts: ClassVar[tuple[str, ...]] = ("bfl.ai",)
    signals: ClassVar[Sequence[Signal]] = (
        Signal("polling_url", Meaning.accepted, SUCCESS, has("polling_url"), {Phase.submit}),
        Signal("Pending", Meaning.running, SUCCESS, says("Pending", "status"), {Phase.poll}),
        Signal("Ready", Meaning.done, SUCCESS, _is_ready, {Phase.poll}),
        Signal("Ready without a sample", Meaning.failed, SUCCESS, says("Ready", "status"), {Phase.poll}),
        Signal("Request Moderated", Meaning.refused, SUCCESS, says("Request Moderated", "status"), {Phase.poll}),
        Signal("Content Moderated", Meaning.refused, SUCCESS, says("Content Moderated", "status"), {Phase.poll}),
        Signal("Error", Meaning.failed, SUCCESS, says("Error", "status"), {Phase.poll}),
        Signal("Failed", Meaning.failed, SUCCESS, says("Failed", "status"), {Phase.poll}),
        # Also of one that has expired.
        Signal("Task not found", Meaning.lost, range(200, 500), says("Task not found", "status"), {Phase.poll}),
    )

    def submission(self, order: Order) -> Request:
        return Request("POST", order.model.id, order.payload)

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        id_, url = reply.text("id"), reply.text("polling_url")
        credits = reply.number("cost")
        cost = None if credits is None else credits * USD_OF_CREDIT
        return Run(id_, order.model.id, time(), {"polling": url}, cost) if id_ and url else None

    def question(self, run: Run) -> Request:
        url = httpx.URL(run.urls["polling"])
        return Request("GET", str(url if "id" in url.params else url.copy_add_param("id", run.id)))

    def progress(self, reply: Reply) -> Progress:
        return Progress(min(max(reply.number("progress") or 0.0, 0.0), 1.0))

    def pictures(self, reply: Reply) -> Sequence[str]:
        return [reply.text("result", "sample")]
