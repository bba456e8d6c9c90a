"""Runware. Tasks go in an array to one address; each has a UUID that Palio chose, by which its end is asked for.

What is wrong with a task stands in `errors`, beside `data` and with any status: the code says what it is, and one that
the question met is told like one that the run ended with. Palio's id also makes a lost answer harmless: `getResponse`
knows what is under way, `getTaskDetails` all that ever was.

Sources: PyPI `runware` 0.5.24; npm `@runware/sdk-js` 1.3.2 on the codes; runware.ai/docs on errors, task polling and
task details.
"""

from collections.abc import Mapping, Sequence
from time import time
from typing import ClassVar
from uuid import UUID

from palio.contract.json import Json
from palio.providers.base import Ambiguous, Handle
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import (
    ANY_STATUS,
    SUCCESS,
    Meaning,
    Phase,
    Reply,
    Signal,
    Test,
    matches,
    row_in,
)

_ENDED = (Meaning.failed, Meaning.refused, Meaning.invalid)
_WAITING = ("queued", "pending", "scheduled", "waiting")


def _code(pattern: str) -> Test:
    return matches(pattern, "errors", 0, "code")


def _has_error(reply: Reply) -> bool:
    return bool(reply.items("errors"))


def _item(reply: Reply) -> Mapping[str, Json]:
    """What is said of the task that was asked about; nothing if it is not mentioned."""
    items = (item for item in reply.items("data") if isinstance(item, dict))
    return next((item for item in items if item.get("taskUUID") == reply.about), {})


def _is(*statuses: str) -> Test:
    return lambda reply: _item(reply).get("status") in statuses


def _has_image(reply: Reply) -> bool:
    return bool(_item(reply).get("imageURL"))


class Runware(QueueProvider):
    """Runs jobs on Runware."""

    kind: ClassVar[str] = "runware"
    base_url: ClassVar[str] = "https://api.runware.ai"
    key_variable: ClassVar[str | None] = "RUNWARE_API_KEY"
    knows_our_id: ClassVar[bool] = True
    signals: ClassVar[Sequence[Signal]] = (
        Signal(
            "no such task",
            Meaning.lost,
            ANY_STATUS,
            _code(r"^(task(NotFound|Expired|FailedOrNotFound)|(invalid|unknown)TaskUUID)$"),
            {Phase.poll},
        ),
        Signal(
            "moderated",
            Meaning.refused,
            ANY_STATUS,
            _code(r"providerContent$|contentPolicy|contentModeration|sensitive|nsfw|unsafe|blocked|^moderation"),
        ),
        # Whoever stands behind Runware failed, for lack of money there too.
        Signal("upstream", Meaning.failed, ANY_STATUS, _code(r"^(provider|thirdParty)|^timeoutProvider$|^failedTask")),
        Signal("no credits for a run", Meaning.failed, ANY_STATUS, _code(r"insufficientCredits"), {Phase.poll}),
        Signal("no credits", Meaning.unfunded, ANY_STATUS, _code(r"insufficientCredits|quotaExceeded|paymentRequired")),
        Signal(
            "key",
            Meaning.key_refused,
            ANY_STATUS,
            _code(r"apiKey|^auth|unauthorized|forbidden|permission|tokenExpired|suspended|organizationDisabled"),
        ),
        Signal("rate limit", Meaning.rate_limited, ANY_STATUS, _code(r"rateLimit")),
        Signal(
            "no server",
            Meaning.overloaded,
            ANY_STATUS,
            _code(r"noAvailableServer|^(service|server)Unavailable|^model(Unavailable|NotReady)"),
            {Phase.submit},
        ),
        Signal(
            "trouble of its own",
            Meaning.unanswered,
            ANY_STATUS,
            _code(r"^(internalServer|standard|unknown|undefined|default)Error$|^unrecognizedResponse"),
        ),
        Signal(
            "invalid task",
            Meaning.invalid,
            ANY_STATUS,
            _code(r"^(invalid|missing|unsupported|unknown|incompatible|mismatch|duplicate|value|array|max|validation)"),
        ),
        Signal("no such model", Meaning.invalid, ANY_STATUS, _code(r"^model(NotFound|Disabled|Ownership)")),
        Signal("error of a run", Meaning.failed, range(200, 500), _has_error, {Phase.poll}),
        Signal("error of a task", Meaning.failed, SUCCESS, _has_error, {Phase.submit}),
        Signal("taskUUID", Meaning.accepted, SUCCESS, lambda reply: bool(_item(reply)), {Phase.submit}),
        Signal(
            "NSFWContent",
            Meaning.refused,
            SUCCESS,
            lambda reply: _item(reply).get("NSFWContent") is True,
            {Phase.poll},
        ),
        Signal("imageURL", Meaning.done, SUCCESS, _has_image, {Phase.poll}),
        Signal("success without an image", Meaning.failed, SUCCESS, _is("success"), {Phase.poll}),
        Signal("error", Meaning.failed, SUCCESS, _is("error"), {Phase.poll}),
        Signal("processing", Meaning.running, SUCCESS, _is("processing"), {Phase.poll}),
        Signal("queued", Meaning.queued, SUCCESS, _is(*_WAITING), {Phase.poll}),
    )

    def submission(self, order: Order) -> Request:
        id_ = task_uuid(order.attempt_id)
        return _request(
            {
                "taskType": "imageInference",
                "taskUUID": id_,
                "deliveryMethod": "async",
                "numberResults": 1,
                "outputType": "URL",
                "includeCost": True,
                "model": order.model.id,
                **order.payload,
            }
        )

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        return Run(task_uuid(order.attempt_id), order.model.id, time())

    def question(self, run: Run) -> Request:
        return _about("getResponse", run.id)

    def pictures(self, reply: Reply) -> Sequence[str]:
        url = _item(reply).get("imageURL")
        return [url] if isinstance(url, str) else []

    def cost(self, run: Run, reply: Reply) -> float | None:
        cost = _item(reply).get("cost")
        return float(cost) if isinstance(cost, (int, float)) and not isinstance(cost, bool) else None

    def told(self, reply: Reply) -> str:
        message = reply.text("errors", 0, "message")
        return f"{self.name}: {self.wire.clean(message)}" if message else super().told(reply)

    async def find(self, attempt_id: str) -> Handle | None:
        id_ = task_uuid(attempt_id)
        reply = await self.exchange(_about("getResponse", id_))
        is_over = reply.text("errors", 0, "taskUUID") == id_ and self._meaning(reply) in _ENDED
        if _item(reply) or is_over:
            return Run(id_, "", time()).handle
        if self._meaning(reply) is not Meaning.lost:
            raise Ambiguous(self.told(reply))
        # What is over may be forgotten there, and was paid all the same.
        details = await self.exchange(_about("getTaskDetails", id_))
        if self._meaning(details) is not Meaning.lost:
            raise Ambiguous(f"{self.name} had the task, and does not hand out what became of it")
        return None

    def _meaning(self, reply: Reply) -> Meaning:
        return row_in(self.signals, Phase.poll, reply).meaning


def _request(task: dict[str, Json]) -> Request:
    return Request("POST", "v1", [task], about=str(task["taskUUID"]))


def _about(task_type: str, id_: str) -> Request:
    return _request({"taskType": task_type, "taskUUID": id_})


def task_uuid(attempt_id: str) -> str:
    """An attempt's id as Runware wants a task's, which is a UUID of version 4: six of its bits say so."""
    return str(UUID(hex=attempt_id, version=4))
