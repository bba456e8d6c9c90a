"""Google's Gemini API, whose image models answer with the picture itself. A model that makes none says why with a 200.

Google's Imagen is no longer to be had there. Requests that fail are not billed.

Sources: PyPI `google-genai` 3.6.1; ai.google.dev/gemini-api/docs on image generation, troubleshooting and billing.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from palio.contract.json import Json, JsonObject
from palio.providers.hosted.orders import Order, Request
from palio.providers.hosted.signals import SUCCESS, Meaning, Reply, Signal, Test, has, matches, says
from palio.providers.hosted.synchronous import SynchronousProvider
from palio.providers.wire import MAX_RETRY_AFTER

_MODERATED = r"SAFETY|PROHIBITED_CONTENT|RECITATION|^(BLOCKLIST|SPII|ESCALATION|MODEL_ARMOR)$"

_FINISH = ("candidates", 0, "finishReason")
_DELAY = re.compile(r"(\d{1,9}(\.\d{1,9})?)s")


def _reason(wanted: str) -> Test:
    """Whether the details of an error give this reason."""
    return lambda reply: any(detail.get("reason") == wanted for detail in _details(reply))


class Google(SynchronousProvider):
    """Runs jobs at Google."""

    kind: ClassVar[str] = "google"
    base_url: ClassVar[str] = "https://generativelanguage.googleapis.com/v1beta"
    key_variable: ClassVar[str | None] = "GEMINI_API_KEY"
    enquiry: ClassVar[str | None] = "models?pageSize=1"
    key_header: ClassVar[str] = "x-goog-api-key"
    key_prefix: ClassVar[str] = ""
    signals: ClassVar[Sequence[Signal]] = (
        Signal("picture", Meaning.done, SUCCESS, lambda reply: next(_pictures(reply), None) is not None),
        Signal("prompt blocked", Meaning.refused, SUCCESS, has("promptFeedback", "blockReason")),
        Signal("picture blocked", Meaning.refused, SUCCESS, matches(_MODERATED, *_FINISH)),
        Signal("account limited", Meaning.key_refused, SUCCESS, says("PUP_LIMITED_DISABLED", *_FINISH)),
        Signal("no picture", Meaning.failed, SUCCESS, has(*_FINISH)),
        # What it calls an answer, with nothing in it.
        Signal("no candidates", Meaning.failed, SUCCESS, has("usageMetadata")),
        Signal("API_KEY_INVALID", Meaning.key_refused, {400}, _reason("API_KEY_INVALID")),
        # No billing, where what is free is not to be had.
        Signal("FAILED_PRECONDITION", Meaning.unfunded, {400}, says("FAILED_PRECONDITION", "error", "status")),
        Signal("BILLING_DISABLED", Meaning.unfunded, {403}, _reason("BILLING_DISABLED")),
        # There is no quota at all for a model that has to be paid.
        Signal("quota of 0", Meaning.unfunded, {429}, matches(r"limit: 0\b", "error", "message")),
        Signal("INTERNAL", Meaning.failed, {500}, says("INTERNAL", "error", "status")),
    )

    def submission(self, order: Order) -> Request:
        shape = dict(order.payload)
        prompt, pictures = shape.pop("prompt"), shape.pop("images", [])
        sent = [_part(url) for url in pictures if isinstance(url, str)] if isinstance(pictures, list) else []
        config: JsonObject = {"responseModalities": ["IMAGE"], "imageConfig": shape}
        body: JsonObject = {
            "contents": [{"role": "user", "parts": [{"text": prompt}, *sent]}],
            "generationConfig": config,
        }
        return Request("POST", f"models/{order.model.id}:generateContent", body)

    def pictures(self, reply: Reply) -> Sequence[str]:
        return [f"data:{picture.get('mimeType')};base64,{picture.get('data')}" for picture in _pictures(reply)]

    def pause(self, reply: Reply) -> float | None:
        delays = (_DELAY.fullmatch(str(detail.get("retryDelay"))) for detail in _details(reply))
        asked = next((min(float(delay[1]), MAX_RETRY_AFTER) for delay in delays if delay is not None), None)
        return super().pause(reply) or asked

    def told(self, reply: Reply) -> str:
        why = reply.text("candidates", 0, "finishMessage") or reply.text("promptFeedback", "blockReasonMessage")
        why = why or reply.text(*_FINISH) or reply.text("promptFeedback", "blockReason")
        return f"{self.name}: {self.wire.clean(why)}" if why else super().told(reply)


def _pictures(reply: Reply) -> Iterator[JsonObject]:
    """The pictures of an answer, each with its data in Base64, without those that the model made while it thought."""
    for part in _objects(reply.items("candidates", 0, "content", "parts")):
        inline = part.get("inlineData")
        if isinstance(inline, dict) and inline.get("data") and not part.get("thought"):
            yield inline


def _part(url: str) -> JsonObject:
    """A picture that was made a data URL, as a part of a message."""
    head, _, data = url.removeprefix("data:").partition(",")
    return {"inlineData": {"mimeType": head.removesuffix(";base64"), "data": data}}


def _details(reply: Reply) -> Iterator[JsonObject]:
    return _objects(reply.items("error", "details"))


def _objects(values: Sequence[Json]) -> Iterator[JsonObject]:
    return (value for value in values if isinstance(value, dict))
