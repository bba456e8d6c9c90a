"""An image server of one's own that answers as OpenAI does, with further members for steps, guidance and seeds.

It is asked which models it serves, and offered jobs for those alone.

Sources: PyPI `vllm-omni` 0.30.0 and `sglang` 0.5.23, their entry points.
"""

from collections.abc import Sequence
from typing import ClassVar

from palio.contract.image.job import ImageJob
from palio.providers.base import Ambiguous
from palio.providers.catalog.model import Model
from palio.providers.hosted.account import Account
from palio.providers.hosted.images import FAILED, NO_PICTURE, PICTURE
from palio.providers.hosted.orders import Request
from palio.providers.hosted.signals import Meaning, Phase, Signal, matches
from palio.providers.openai import OpenAI

PARTED = "parted"
"""The `recipe` of models whose prompts hold what is not wanted too."""
NEGATIVE = "|"
"""What it comes after there."""


class OpenAICompatible(OpenAI):
    """Runs jobs at vLLM-Omni, SGLang-Diffusion, LocalAI and the like."""

    kind: ClassVar[str] = "openai-compatible"
    base_url: ClassVar[str] = "http://127.0.0.1:8000/v1"
    key_variable: ClassVar[str | None] = None
    costs_nothing: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    # Jobs wait in a line at the server, and it says nothing meanwhile.
    answer_seconds: ClassVar[float] = 600.0
    signals: ClassVar[Sequence[Signal]] = (
        PICTURE,
        NO_PICTURE,
        Signal("failed", Meaning.failed, {500}, matches("failed|out of memory", "detail"), {Phase.submit}),
        FAILED,
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._served: frozenset[str] | None = None

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        if model.recipe == PARTED and NEGATIVE in job.prompt:
            return f"takes no prompt with {NEGATIVE} in it, which begins what is not wanted"
        if self._served is None or model.id in self._served:
            return None
        return f"is none of the models that {self.name} serves"

    async def look(self) -> None:
        """Ask which models there are. A server without a list may have any."""
        reply = await self.exchange(Request("GET", "models"))
        if reply.status in (404, 405):
            self._served = None
            return
        if reply.status != 200 or not isinstance(reply.at("data"), list):
            raise Ambiguous(self.told(reply))
        self._served = frozenset(reply.text("data", nth, "id") for nth in range(len(reply.items("data"))))
