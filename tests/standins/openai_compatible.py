"""A server of one's own with OpenAI's images API, after vLLM-Omni. It serves what it is told, and wants no key."""

from typing import Any

from tests.standins.openai import OpenAI
from tests.standins.server import Call, Says

_COMMON = {"model", "prompt", "n", "size", "response_format", "output_format", "user", "negative_prompt", "seed"}
_COMMON |= {"num_inference_steps", "guidance_scale", "true_cfg_scale"}


class OpenAICompatible(OpenAI):
    """What it serves is changed by tests while it runs."""

    takes = frozenset(_COMMON)
    files = frozenset({"image", "image[]"})
    wants_key = False

    def __init__(self, *models: str) -> None:
        super().__init__()
        self.models = frozenset(models or {"Tongyi-MAI/Z-Image-Turbo"})

    def phase(self, call: Call) -> str:
        return "models" if call.path == "/models" else super().phase(call)

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "models":
            return Says(200, {"object": "list", "data": [{"id": model, "object": "model"} for model in self.models]})
        return super().answer(phase, call)

    def complaint(self, model: str, input_: dict[str, Any]) -> Says | None:
        if input_.get("response_format") == "url":
            return Says(422, {"detail": "Only 'b64_json' is supported"})
        return super().complaint(model, input_)
