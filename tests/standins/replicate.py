"""Replicate's API, after its documentation and its Python client. Inputs that a model does not have are refused."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.standins.server import KEY, Call, Says, StandIn, png

_FLUX1 = {"prompt", "seed", "aspect_ratio", "megapixels", "num_outputs", "num_inference_steps", "output_format"}
_FLUX1 |= {"output_quality", "go_fast", "disable_safety_checker"}
_FLUX2 = {"prompt", "input_images", "aspect_ratio", "resolution", "width", "height", "seed", "safety_tolerance"}
_FLUX2 |= {"output_format", "output_quality"}
_KONTEXT = {"prompt", "input_image", "aspect_ratio", "seed", "output_format", "safety_tolerance", "prompt_upsampling"}
_SEEDREAM = {"prompt", "size", "width", "height", "aspect_ratio", "image_input", "max_images"}
_SEEDREAM |= {"sequential_image_generation"}
SDXL = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
INPUTS = {
    "black-forest-labs/flux-schnell": _FLUX1,
    "black-forest-labs/flux-dev": _FLUX1 | {"guidance", "image", "prompt_strength"},
    "black-forest-labs/flux-2-pro": _FLUX2,
    "black-forest-labs/flux-2-max": _FLUX2,
    "black-forest-labs/flux-2-flex": _FLUX2 | {"steps", "guidance", "prompt_upsampling"},
    "black-forest-labs/flux-2-klein-4b": {"prompt", "images", "aspect_ratio", "output_megapixels", "seed", "go_fast"}
    | {"output_format", "output_quality", "disable_safety_checker"},
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": _KONTEXT,
    "prunaai/z-image": {"prompt", "negative_prompt", "width", "height", "num_inference_steps", "guidance_scale"}
    | {"seed", "go_fast", "output_format", "output_quality"},
    "bytedance/seedream-3": {"prompt", "seed", "size", "width", "height", "aspect_ratio", "guidance_scale"},
    "bytedance/seedream-4": _SEEDREAM | {"enhance_prompt"},
    "bytedance/seedream-4.5": _SEEDREAM | {"disable_safety_checker"},
    "xai/grok-imagine-image": {"prompt", "image", "aspect_ratio"},
    "prunaai/z-image-turbo": {"prompt", "width", "height", "num_inference_steps", "guidance_scale", "seed"}
    | {"output_format", "output_quality"},
    "qwen/qwen-image-2512": {"prompt", "negative_prompt", "image", "strength", "aspect_ratio", "width", "height"}
    | {"guidance", "num_inference_steps", "go_fast", "seed", "output_format", "output_quality"},
    SDXL: {"prompt", "negative_prompt", "width", "height", "num_outputs", "scheduler", "guidance_scale"}
    | {"num_inference_steps", "image", "prompt_strength", "mask", "refine", "lora_scale", "apply_watermark", "seed"},
}
"""What each model takes, by its name or its version."""


@dataclass
class Prediction:
    """A prediction; `fails` are members that it ends with, if not well."""

    id: str
    model: str
    input: dict[str, Any]
    cancel_after: str
    polls: int = 0
    fails: dict[str, Any] | None = None
    is_canceled: bool = False
    members: dict[str, Any] = field(default_factory=dict)


class Replicate(StandIn):
    """Predictions, and where their output is downloaded from."""

    def __init__(self) -> None:
        super().__init__()
        self.predictions: dict[str, Prediction] = {}
        self.queued, self.running = 0, 0
        self.fails: dict[str, Any] | None = None

    def phase(self, call: Call) -> str:
        path = call.path.removeprefix("/v1")
        if path.startswith("/delivery/"):
            return "download"
        if path.endswith("/cancel"):
            return "cancel"
        return "submit" if call.method == "POST" else "poll"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            sides = re.search(r"(\d+)x(\d+)\.png", call.path)
            assert sides is not None
            return Says(200, png(int(sides[1]), int(sides[2])), {"Content-Type": "image/png"})
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return Says(401, {"title": "Unauthenticated", "detail": "You did not pass a valid token", "status": 401})
        path = call.path.removeprefix("/v1").strip("/").split("/")
        if phase == "submit":
            return self._submit(call, path)
        if path == ["account"]:
            return Says(200, {"type": "user", "username": "palio", "name": "Palio"})
        prediction = self.predictions.get(path[1])
        if prediction is None:
            return Says(404, {"detail": "Not found.", "status": 404})
        if phase == "cancel":
            prediction.is_canceled = prediction.is_canceled or not self._is_over(prediction)
        else:
            prediction.polls += 1
        return Says(200, self._shown(prediction))

    def _submit(self, call: Call, path: list[str]) -> Says:
        body = call.json
        model = "/".join(path[1:3]) if path[0] == "models" else body.get("version", "")
        if model not in INPUTS:
            return Says(404, {"detail": "The requested resource could not be found.", "status": 404})
        if path[0] == "models" and "version" in body:
            return Says(422, {"title": "Input validation failed", "detail": "version is not taken", "status": 422})
        if unknown := set(body["input"]) - INPUTS[model]:
            return Says(422, {"title": "Input validation failed", "detail": f"unknown: {unknown}", "status": 422})
        id_ = f"p{len(self.predictions) + 1:08d}"
        after = call.headers.get("cancel-after", "")
        prediction = Prediction(id_, model, body["input"], after, fails=self.fails)
        self.predictions[id_] = prediction
        self.started.append(prediction)
        return Says(201, self._shown(prediction))

    def _is_over(self, prediction: Prediction) -> bool:
        return prediction.is_canceled or prediction.polls > self.queued + self.running

    def _shown(self, prediction: Prediction) -> dict[str, Any]:
        url = f"{self.url}/v1/predictions/{prediction.id}"
        shown: dict[str, Any] = {
            "id": prediction.id,
            "model": prediction.model if "/" in prediction.model else "stability-ai/sdxl",
            "version": prediction.model if "/" not in prediction.model else "hidden",
            "input": prediction.input,
            "output": None,
            "error": None,
            "logs": "",
            "metrics": {},
            "created_at": "2026-11-24T12:00:00.000Z",
            "urls": {"get": url, "cancel": f"{url}/cancel"},
        }
        if prediction.is_canceled:
            return shown | {"status": "canceled"}
        if prediction.polls <= self.queued:
            return shown | {"status": "starting"}
        if not self._is_over(prediction):
            return shown | {"status": "processing", "logs": " 40%|####      | 4/10\n 50%|#####     | 5/10"}
        if prediction.fails is not None:
            return shown | {"status": "failed", **prediction.fails}
        width, height = prediction.input.get("width", 1024), prediction.input.get("height", 1024)
        output = f"{self.url}/delivery/{prediction.id}-{width}x{height}.png"
        # One picture is a string at some models and a list of one at others.
        is_list = "num_outputs" in prediction.input
        return shown | {
            "status": "succeeded",
            "output": [output] if is_list else output,
            "metrics": {"predict_time": 1},
        }
