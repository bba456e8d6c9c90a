"""OpenAI's GPT image models. The answer to a submission holds the picture, and the tokens that it took.

An edit is a form with the pictures as files.

Sources: PyPI `openai` 3.57.0, its types; github GooeyAI/gooey-server 1091 and pollinations 12067 on moderation; the
price map of PyPI `litellm` 1.109.1.
"""

from collections.abc import Sequence
from typing import ClassVar

from palio.contract.json import Json
from palio.providers.hosted.images import FAILED, NO_PICTURE, PICTURE, ImagesProvider
from palio.providers.hosted.orders import Order, Request, Run, multipart
from palio.providers.hosted.pictures import inline
from palio.providers.hosted.signals import Meaning, Phase, Reply, Signal, matches

USD_OF_TOKENS = {
    ("input_tokens_details", "text_tokens"): 5e-6,
    ("input_tokens_details", "image_tokens"): 8e-6,
    ("output_tokens",): 30e-6,
}
"""USD of one token of each sort, of GPT image 2 in all its releases."""


class OpenAI(ImagesProvider):
    """Runs jobs at OpenAI."""

    kind: ClassVar[str] = "openai"
    base_url: ClassVar[str] = "https://api.openai.com/v1"
    key_variable: ClassVar[str | None] = "OPENAI_API_KEY"
    enquiry: ClassVar[str | None] = "models"
    signals: ClassVar[Sequence[Signal]] = (
        PICTURE,
        NO_PICTURE,
        Signal(
            "moderation_blocked",
            Meaning.refused,
            range(400, 500),
            matches("^(moderation_blocked|content_policy_violation)$", "error", "code"),
            {Phase.submit},
        ),
        # With the statuses of a bad request and of too many requests.
        Signal(
            "insufficient_quota",
            Meaning.unfunded,
            range(400, 500),
            matches("^(insufficient_quota|billing_hard_limit_reached|billing_not_active)$", "error", "code"),
            {Phase.submit},
        ),
        FAILED,
    )

    def submission(self, order: Order) -> Request:
        images = order.model.images
        sent = order.payload.get(images.field) if images is not None else None
        if images is None or sent is None:
            return super().submission(order)
        fields = {name: _as_text(value) for name, value in order.payload.items() if name != images.field}
        pictures = [inline(url) for url in (sent if isinstance(sent, list) else [sent]) if isinstance(url, str)]
        files = [(images.field, f"{nth}.png", picture) for nth, picture in enumerate(pictures, 1)]
        return Request("POST", "images/edits", form=multipart({"model": order.model.id, **fields}, files))

    def cost(self, run: Run, reply: Reply) -> float | None:
        if not run.model.startswith("gpt-image-2"):
            return None
        total = 0.0
        for path, usd in USD_OF_TOKENS.items():
            if (tokens := reply.number("usage", *path)) is None:
                return None
            total += tokens * usd
        return total


def _as_text(value: Json) -> str:
    """A value as a form has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
