"""ByteDance's Ark: BytePlus ModelArk, and Volcengine in China. The answer to a submission says where the picture is.

Only pictures that were made are billed, so a run that Ark itself calls failed costs nothing. A picture that moderation
stopped comes as an error in place of it, in an answer that is otherwise good.

Sources: docs.byteplus.com/en/docs/ModelArk/1666945 on images and /1299023 on errors; PyPI `byteplus-python-sdk-v2`
3.0.63.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from palio.providers.hosted.orders import Order, Request
from palio.providers.hosted.signals import SUCCESS, Meaning, Reply, Signal, Test, has
from palio.providers.hosted.synchronous import SynchronousProvider
from palio.providers.wire import MAX_ANSWER_BYTES

_PICTURE = ("data", 0)


def _code(pattern: str) -> Test:
    """Whether the error of a request, or that of its picture, has a code like this."""
    compiled = re.compile(pattern)
    return lambda reply: any(compiled.search(reply.text(*path, "error", "code")) for path in ((), _PICTURE))


class Ark(SynchronousProvider):
    """Runs jobs on Ark."""

    kind: ClassVar[str] = "ark"
    base_url: ClassVar[str] = "https://ark.ap-southeast.bytepluses.com/api/v3"
    key_variable: ClassVar[str | None] = "ARK_API_KEY"
    enquiry: ClassVar[str | None] = "models"
    answer_seconds: ClassVar[float] = 300.0
    max_answer_bytes: ClassVar[int] = MAX_ANSWER_BYTES
    signals: ClassVar[Sequence[Signal]] = (
        Signal("picture", Meaning.done, SUCCESS, has(*_PICTURE, "url")),
        Signal("moderated", Meaning.refused, range(200, 500), _code("SensitiveContent|RiskDetection|PolicyViolation")),
        Signal("picture failed", Meaning.failed, SUCCESS, has(*_PICTURE, "error")),
        Signal("failed", Meaning.failed, SUCCESS, has("error")),
        Signal("account overdue", Meaning.unfunded, range(400, 500), _code("Overdue")),
        Signal("server overloaded", Meaning.overloaded, {429, 500, 503}, _code("^ServerOverloaded$")),
        # Said by who made nothing, not by a gateway before it.
        Signal("internal error", Meaning.failed, {500}, _code("^Internal")),
    )

    def submission(self, order: Order) -> Request:
        return Request("POST", "images/generations", {"model": order.model.id, **order.payload})

    def pictures(self, reply: Reply) -> Sequence[str]:
        return [reply.text(*_PICTURE, "url")]

    def told(self, reply: Reply) -> str:
        error = reply.text(*_PICTURE, "error", "message")
        return f"{self.name}: {self.wire.clean(error)}" if error else super().told(reply)
