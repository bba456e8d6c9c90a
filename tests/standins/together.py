"""Together AI's images API, after its documentation and its Python client. Other fields than a model's are refused."""

from typing import Any

from tests.standins.images import ImagesApi, error
from tests.standins.server import Says

_COMMON = {"model", "prompt", "n", "seed", "output_format", "response_format", "disable_safety_checker"}
_SIDES = {"width", "height"}
_OPEN = _COMMON | {"steps", "guidance_scale"}
_FLUX2 = _COMMON | _SIDES | {"reference_images", "prompt_upsampling"}
INPUTS = {
    "black-forest-labs/FLUX.1-schnell": _COMMON | {"steps", "aspect_ratio"},
    "black-forest-labs/FLUX.1-krea-dev": _OPEN | _SIDES,
    "black-forest-labs/FLUX.1-kontext-pro": _COMMON | {"aspect_ratio", "image_url"},
    "black-forest-labs/FLUX.1-kontext-max": _COMMON | {"aspect_ratio", "image_url"},
    "black-forest-labs/FLUX.2-dev": _FLUX2 | {"steps", "guidance"},
    "black-forest-labs/FLUX.2-flex": _FLUX2 | {"steps", "guidance"},
    "black-forest-labs/FLUX.2-pro": _FLUX2,
    "black-forest-labs/FLUX.2-max": _FLUX2,
    "stabilityai/stable-diffusion-xl-base-1.0": _OPEN | _SIDES | {"negative_prompt"},
    "Qwen/Qwen-Image-2.0": _COMMON | _SIDES | {"negative_prompt"},
    "Qwen/Qwen-Image-2.0-Pro": _COMMON | _SIDES | {"negative_prompt"},
    "ByteDance-Seed/Seedream-3.0": _COMMON | _SIDES | {"guidance_scale"},
    "ByteDance-Seed/Seedream-4.0": _COMMON | _SIDES,
}


class Together(ImagesApi):
    """Models and what each takes."""

    def complaint(self, model: str, input_: dict[str, Any]) -> Says | None:
        if model not in INPUTS:
            return Says(404, error(f"Unable to access model {model}.", "model_not_available"))
        if unknown := set(input_) - INPUTS[model]:
            return Says(400, error(f"{model} does not take {sorted(unknown)}"))
        if not isinstance(input_.get("prompt"), str):
            return Says(400, error("prompt is required"))
        if input_.get("response_format") not in (None, "url", "base64"):
            return Says(400, error("response_format must be url or base64"))
        sides = [input_[side] for side in _SIDES if side in input_]
        if any(not 256 <= side <= 1920 or side % 8 for side in sides):
            return Says(400, error("sides are multiples of 8 between 256 and 1920"))
        return None

    def more(self, input_: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"o{len(self.started)}", "object": "list", "model": input_["model"]}
