"""xAI, which makes Grok Imagine. The answer to a submission says where the picture is, and what it cost.

Moderation has three forms: an error, an answer without pictures, and a picture that says of itself that it does not
pass. Edits are JSON, as nowhere else with this API.

Sources: PyPI `xai-sdk` 1.21.0, its types; npm `@ai-sdk/xai` 3.0.138; docs.x.ai on generating images; github vercel/ai
19168 and 19185, Wei-Shaw/sub2api 4301 on errors.
"""

from collections.abc import Sequence
from typing import ClassVar

from palio.contract.json import Json, JsonObject
from palio.providers.base import Assignment
from palio.providers.catalog.fitting import Fit
from palio.providers.hosted.images import FAILED, PICTURE, ImagesProvider
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, Test, matches

TICKS_OF_USD = 1e10

_MODERATED = "moderat|usage guidelines|safety_check"
_NO_MONEY = "credit|licen[cs]e|spending.limit"


def _error(pattern: str) -> Test:
    """Whether an error says something: its text or its code, in either of the two shapes that errors have."""
    tests = [matches(pattern, *path) for path in (("error",), ("error", "message"), ("code",), ("error", "code"))]
    return lambda reply: any(test(reply) for test in tests)


def _is_blocked(reply: Reply) -> bool:
    return reply.at("data", 0, "respect_moderation") is False


class XAI(ImagesProvider):
    """Runs jobs at xAI."""

    kind: ClassVar[str] = "xai"
    base_url: ClassVar[str] = "https://api.x.ai/v1"
    key_variable: ClassVar[str | None] = "XAI_API_KEY"
    enquiry: ClassVar[str | None] = "models"
    signals: ClassVar[Sequence[Signal]] = (
        Signal("respect_moderation is false", Meaning.refused, SUCCESS, _is_blocked, {Phase.submit}),
        PICTURE,
        Signal("no data", Meaning.refused, SUCCESS, lambda reply: isinstance(reply.at("data"), list), {Phase.submit}),
        # What was made and then blocked is billed all the same. A prompt that is against the rules gets 403, which
        # elsewhere means the key.
        Signal("moderated", Meaning.refused, range(400, 500), _error(_MODERATED), {Phase.submit}),
        Signal("incorrect key", Meaning.key_refused, {400}, _error("incorrect api key"), {Phase.submit}),
        Signal("no credits", Meaning.unfunded, {403, 429}, _error(_NO_MONEY), {Phase.submit}),
        FAILED,
    )

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        edited: list[Json] = [{"type": "image_url", "url": picture} for picture in pictures]
        body = super().payload(found, assignment, ())
        if len(edited) == 1:
            return {**body, "image": edited[0]}
        return {**body, "images": edited} if edited else body

    def submission(self, order: Order) -> Request:
        url = "images/edits" if order.payload.keys() & {"image", "images"} else "images/generations"
        return Request("POST", url, {"model": order.model.id, **order.payload})

    def cost(self, run: Run, reply: Reply) -> float | None:
        ticks = reply.number("usage", "cost_in_usd_ticks")
        return None if ticks is None else ticks / TICKS_OF_USD
