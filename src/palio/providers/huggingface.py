"""Hugging Face's Inference Providers: one key, and a router in front of several vendors, one of which is its own.

A model's id is the vendor's name at the router, and then the vendor's own id. Each vendor has its own way to be asked
and to answer: Hugging Face's with the bytes of the picture, the others with where it is, or Base64.

Sources: PyPI `huggingface_hub` 2.4.0, `inference/_providers`.
"""

from collections.abc import Sequence
from typing import ClassVar

from palio.contract.json import JsonObject
from palio.providers.hosted.images import FAILED, NO_PICTURE, PICTURE, ImagesProvider
from palio.providers.hosted.orders import Order, Request
from palio.providers.hosted.payload import data_url
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, has, matches

_MODERATED = r"nsfw|moderat|safety check|content policy"


def _is_picture(reply: Reply) -> bool:
    return reply.headers.get("Content-Type", "").startswith("image/") and bool(reply.answer.body)


def _is_flagged(reply: Reply) -> bool:
    return reply.at("has_nsfw_concepts", 0) is True


def _is_moderated(reply: Reply) -> bool:
    types = [detail.get("type") for detail in reply.items("detail") if isinstance(detail, dict)]
    return "content_policy_violation" in types or any(
        matches(_MODERATED, *path)(reply) for path in (("error",), ("error", "message"), ("message",))
    )


class HuggingFace(ImagesProvider):
    """Runs jobs through Hugging Face's router."""

    kind: ClassVar[str] = "huggingface"
    base_url: ClassVar[str] = "https://router.huggingface.co"
    key_variable: ClassVar[str | None] = "HF_TOKEN"
    hosts: ClassVar[tuple[str, ...]] = ("huggingface.co",)
    enquiry: ClassVar[str | None] = "https://huggingface.co/api/whoami-v2"
    signals: ClassVar[Sequence[Signal]] = (
        Signal("image", Meaning.done, SUCCESS, _is_picture, {Phase.submit}),
        Signal("has_nsfw_concepts", Meaning.refused, SUCCESS, _is_flagged, {Phase.submit}),
        Signal("images", Meaning.done, SUCCESS, lambda reply: bool(reply.text("images", 0, "url")), {Phase.submit}),
        PICTURE,
        Signal(
            "no images", Meaning.failed, SUCCESS, lambda reply: isinstance(reply.at("images"), list), {Phase.submit}
        ),
        NO_PICTURE,
        Signal("moderated", Meaning.refused, range(400, 500), _is_moderated, {Phase.submit}),
        # It says for how long, but of this model alone: the account is not to wait for it.
        Signal("loading", Meaning.overloaded, {503}, has("estimated_time"), {Phase.submit}),
        FAILED,
    )

    def submission(self, order: Order) -> Request:
        vendor, _, model = order.model.id.partition("/")
        match vendor:
            case "hf-inference":
                parameters = {name: value for name, value in order.payload.items() if name != "inputs"}
                body: JsonObject = {"inputs": order.payload["inputs"], "parameters": parameters}
                return Request("POST", f"hf-inference/models/{model}", body)
            case "fal-ai":
                return Request("POST", f"fal-ai/{model}", order.payload)
            case _:
                return Request("POST", f"{vendor}/v1/images/generations", {"model": model, **order.payload})

    def pictures(self, reply: Reply) -> Sequence[str]:
        if _is_picture(reply):
            return [data_url(reply.answer.body)]
        return [reply.text("images", 0, "url")] if reply.items("images") else super().pictures(reply)
