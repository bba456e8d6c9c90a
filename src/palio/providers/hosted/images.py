"""The images API that OpenAI began and others took over: an answer whose `data` holds each picture or says where it is.

Sources: PyPI `openai` 3.57.0 and `together` 3.1.1, their types and how they read errors and pauses.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from palio.contract.json import Json
from palio.providers.hosted.orders import Order, Request
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, has
from palio.providers.hosted.synchronous import SynchronousProvider
from palio.providers.wire import MAX_RETRY_AFTER


def _shown(reply: Reply) -> Iterator[str]:
    for picture in reply.items("data"):
        url, base64 = _text(picture, "url"), _text(picture, "b64_json")
        if url:
            yield url
        elif base64:
            yield f"data:application/octet-stream;base64,{base64}"


def _text(value: Json, member: str) -> str:
    text = value.get(member) if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def _shows_one(reply: Reply) -> bool:
    return next(_shown(reply), None) is not None


PICTURE: Final = Signal("data", Meaning.done, SUCCESS, _shows_one, {Phase.submit})
NO_PICTURE: Final = Signal(
    "data without a picture",
    Meaning.failed,
    SUCCESS,
    lambda reply: isinstance(reply.at("data"), list),
    {Phase.submit},
)
FAILED: Final = Signal("error of the run", Meaning.failed, {500}, has("error"), {Phase.submit})
"""The vendor's own word that it came to nothing; who only stands in front of it has another form of it."""


class ImagesProvider(SynchronousProvider):
    """Runs jobs at a vendor with this API, whose rows are usually among its signals."""

    def submission(self, order: Order) -> Request:
        return Request("POST", "images/generations", {"model": order.model.id, **order.payload})

    def pictures(self, reply: Reply) -> Sequence[str]:
        return list(_shown(reply))

    def pause(self, reply: Reply) -> float | None:
        milliseconds = reply.headers.get("retry-after-ms", "")
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", milliseconds, re.ASCII):
            return min(float(milliseconds) / 1000, MAX_RETRY_AFTER)
        return super().pause(reply)
