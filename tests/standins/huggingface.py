"""Hugging Face's router and the vendors behind it, after its Python client. Fields that no vendor has are refused."""

import re
from typing import Any

from tests.standins.images import Generation, ImagesApi, error
from tests.standins.server import KEY, Call, Says, png

OUR_KEYS = {f"Bearer {KEY}", f"Bearer hf_{KEY}"}
"""The client goes to the router only with a key that begins as those of Hugging Face do."""
_HF = {"width", "height", "num_inference_steps", "guidance_scale", "negative_prompt", "scheduler", "seed"}
_FAL = {"prompt", "image_size", "num_images", "seed", "num_inference_steps", "guidance_scale", "output_format"}
_FAL |= {"negative_prompt", "acceleration", "enable_safety_checker"}
_TOGETHER = {"model", "prompt", "n", "width", "height", "seed", "steps", "guidance_scale", "negative_prompt"}
_TOGETHER |= {"reference_images", "image_url", "output_format", "response_format", "guidance", "prompt_upsampling"}


class HuggingFace(ImagesApi):
    """Routes by the first part of the path."""

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            return super().answer(phase, call)
        if call.headers.get("authorization") not in OUR_KEYS:
            return Says(401, {"error": "Invalid username or password."})
        if model := re.fullmatch(r"/hf-inference/models/(.+)", call.path):
            return self._own(model[1], call.json)
        if endpoint := re.fullmatch(r"/fal-ai/(fal-ai/.+)", call.path):
            return self._fal(endpoint[1], call.json)
        if call.path == "/together/v1/images/generations":
            return self.generate(call.json)
        return Says(404, {"error": "Not Found"})

    def complaint(self, model: str, input_: dict[str, Any]) -> Says | None:
        if unknown := set(input_) - _TOGETHER:
            return Says(400, error(f"unknown {sorted(unknown)}"))
        return None

    def _own(self, model: str, body: dict[str, Any]) -> Says:
        parameters = body.get("parameters", {})
        if set(body) - {"inputs", "parameters"} or set(parameters) - _HF or not isinstance(body.get("inputs"), str):
            return Says(422, {"error": ["unknown parameters"]})
        self.started.append(Generation(f"hf-inference/{model}", body))
        picture = png(parameters.get("width", 1024), parameters.get("height", 1024))
        return Says(200, picture, {"Content-Type": "image/png"})

    def _fal(self, endpoint: str, body: dict[str, Any]) -> Says:
        if unknown := set(body) - _FAL:
            return Says(422, {"detail": [{"loc": ["body"], "msg": f"extra {sorted(unknown)}", "type": "extra"}]})
        self.started.append(Generation(f"fal-ai/{endpoint}", body))
        size = body.get("image_size", {"width": 1024, "height": 768})
        url = f"{self.url}/delivery/{len(self.started)}-{size['width']}x{size['height']}.png"
        return Says(200, {"images": [{"url": url, "content_type": "image/png"}], "has_nsfw_concepts": [False]})
