"""fal.ai: the queue API, with the base address of its queue.

A job is submitted to a model's endpoint; the answer names the addresses where its status, its result and its end are
to be had, and those are used as they come, save that a proxy stays in between: they are not made from the
endpoint's. A failed run is COMPLETED as well;
what was wrong is in the status or in the answer in place of the result.

Sources: PyPI `fal-client` 1.0.3; npm `@fal-ai/client` 1.10.1; fal.ai/docs on the queue, on cancelling and on errors.
"""

from collections.abc import Sequence
from time import time
from typing import ClassVar

from palio.providers.base import Progress
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import (
    FOLLOWING,
    SUCCESS,
    Meaning,
    Phase,
    Reply,
    Signal,
    has,
    matches,
    says,
)

_MODERATED = "content_policy_violation"


def _is_moderated(reply: Reply) -> bool:
    types = [detail.get("type") for detail in reply.items("detail") if isinstance(detail, dict)]
    return _MODERATED in (*types, _error_type(reply))


def _error_type(reply: Reply) -> str:
    """The kind of trouble with a runner, which fal tells in the body and in a header."""
    return reply.text("error_type") or reply.headers.get("X-Fal-Error-Type", "")


def _is_of_the_run(reply: Reply) -> bool:
    """Whether an error in place of a result is the run's; fal's front door has none of these when it is in trouble."""
    return bool(_error_type(reply) or reply.at("detail"))


def _is_flagged(reply: Reply) -> bool:
    """The safety checker's word on the picture, which is black then."""
    return reply.at("has_nsfw_concepts", 0) is True


class Fal(QueueProvider):
    """Runs jobs on fal.ai."""

    kind: ClassVar[str] = "fal"
    base_url: ClassVar[str] = "https://queue.fal.run"
    key_variable: ClassVar[str | None] = "FAL_KEY"
    key_prefix: ClassVar[str] = "Key "
    signals: ClassVar[Sequence[Signal]] = (
        Signal("request_id", Meaning.accepted, SUCCESS, has("request_id"), {Phase.submit}),
        Signal("IN_QUEUE", Meaning.queued, SUCCESS, says("IN_QUEUE", "status"), {Phase.poll}),
        Signal("IN_PROGRESS", Meaning.running, SUCCESS, says("IN_PROGRESS", "status"), {Phase.poll}),
        # Anything wrong with a run that is over is told in full in place of its result.
        Signal("COMPLETED", Meaning.done, SUCCESS, says("COMPLETED", "status"), {Phase.poll}),
        Signal("has_nsfw_concepts", Meaning.refused, SUCCESS, _is_flagged, {Phase.result}),
        Signal("images", Meaning.done, SUCCESS, has("images"), {Phase.result}),
        Signal("no images", Meaning.failed, SUCCESS, lambda reply: isinstance(reply.json, dict), {Phase.result}),
        Signal("still in progress", Meaning.running, {400, 404}, matches("still in progress", "detail"), FOLLOWING),
        Signal("content_policy_violation", Meaning.refused, range(400, 500), _is_moderated),
        Signal("invalid input", Meaning.invalid, {422}, has("detail", 0), {Phase.result}),
        Signal("locked", Meaning.unfunded, {403}, matches("user is locked|exhausted balance|top_?up", "detail")),
        # 5xx are not billed. Those with a type or a detail are the run's own end.
        Signal("error of the run", Meaning.failed, range(500, 600), _is_of_the_run, {Phase.result}),
        Signal("cancel", Meaning.canceled, SUCCESS, phases={Phase.cancel}),
        Signal("ALREADY_COMPLETED", Meaning.done, {400}, says("ALREADY_COMPLETED", "status"), {Phase.cancel}),
    )

    def submission(self, order: Order) -> Request:
        # Without this the queue tries a broken runner ten times before it says so; others can do the job meanwhile.
        return Request("POST", order.model.id, order.payload, {"X-Fal-No-Retry": "1"})

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        urls = {name: self._address(reply.text(f"{name}_url")) for name in ("status", "response", "cancel")}
        return Run(reply.text("request_id"), order.model.id, time(), urls)

    def question(self, run: Run) -> Request:
        return Request("GET", run.urls["status"])

    def progress(self, reply: Reply) -> Progress:
        position = reply.number("queue_position")
        return Progress(0.0, None if position is None else int(position))

    def collection(self, run: Run, reply: Reply) -> Request | None:
        return Request("GET", run.urls["response"])

    def pictures(self, reply: Reply) -> Sequence[str]:
        return [url for index in range(len(reply.items("images"))) if (url := reply.text("images", index, "url"))]

    def cancellation(self, run: Run) -> Request | None:
        if url := run.urls["cancel"]:
            return Request("PUT", url)
        owner, app, *_ = run.model.split("/")
        return Request("PUT", f"{owner}/{app}/requests/{run.id}/cancel")

    def _address(self, url: str) -> str:
        """An address as it is to be asked: one at fal's own queue through the proxy, if one is configured.

        Empty if it is none that may be asked.
        """
        if url.startswith(f"{self.base_url}/"):
            url = self.account.base_url.rstrip("/") + url.removeprefix(self.base_url)
        return url if self.may_be_asked(url) else ""
