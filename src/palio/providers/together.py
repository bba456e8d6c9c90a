"""Together AI. The answer to a submission says where the picture is.

Sources: PyPI `together` 3.1.1; docs.together.ai on image parameters, on reference images and on error codes.
"""

from collections.abc import Sequence
from typing import ClassVar

from palio.providers.hosted.images import FAILED, NO_PICTURE, PICTURE, ImagesProvider
from palio.providers.hosted.signals import Meaning, Phase, Signal, matches

_MODERATED = r"nsfw|safety check|moderation|content policy"
_TOO_LONG = r"max_new_tokens|context length|token count"


class Together(ImagesProvider):
    """Runs jobs on Together AI."""

    kind: ClassVar[str] = "together"
    base_url: ClassVar[str] = "https://api.together.ai/v1"
    key_variable: ClassVar[str | None] = "TOGETHER_API_KEY"
    enquiry: ClassVar[str | None] = "models"
    signals: ClassVar[Sequence[Signal]] = (
        PICTURE,
        NO_PICTURE,
        Signal("moderated", Meaning.refused, range(400, 500), matches(_MODERATED, "error", "message"), {Phase.submit}),
        # A prompt that is too long gets the status that elsewhere means the key.
        Signal("403, too long", Meaning.invalid, {403}, matches(_TOO_LONG, "error", "message"), {Phase.submit}),
        FAILED,
    )
