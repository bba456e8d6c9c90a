"""xAI's images API, after its documentation and its clients' types. Arguments that it does not have are refused."""

from typing import Any

from tests.standins.images import ImagesApi
from tests.standins.server import KEY, Call, Says

ASPECTS = {"1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1"}
MODELS = {"grok-imagine-image", "grok-imagine-image-quality"}
_COMMON = {"model", "prompt", "n", "aspect_ratio", "resolution", "response_format", "user"}
INPUTS = {"/images/generations": _COMMON, "/images/edits": _COMMON | {"image", "images"}}
BAD = "Client specified an invalid argument"


class Xai(ImagesApi):
    """Generations and edits, both of which are JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.usage: Any = {"cost_in_usd_ticks": 200_000_000}

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            return super().answer(phase, call)
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return Says(400, {"code": BAD, "error": "Incorrect API key provided: an***er."})
        if call.path not in INPUTS:
            return Says(404, {"code": "404", "error": "Not found"})
        if call.headers["content-type"] != "application/json":
            return Says(415, {"code": "415", "error": "Expected request with `Content-Type: application/json`"})
        input_ = call.json
        if unknown := set(input_) - INPUTS[call.path]:
            return Says(400, {"code": "400", "error": f"Argument not supported: {', '.join(sorted(unknown))}"})
        if call.path == "/images/edits" and not _pictures(input_):
            return Says(400, {"code": "400", "error": "image or images must be objects with an image_url"})
        return self.generate(input_)

    def complaint(self, model: str, input_: dict[str, Any]) -> Says | None:
        if model not in MODELS:
            return Says(404, {"code": "404", "error": f"The model {model} does not exist"})
        if input_.get("aspect_ratio", "1:1") not in ASPECTS or input_.get("resolution", "1k") not in ("1k", "2k"):
            return Says(400, {"code": "400", "error": "Argument not supported"})
        return None

    def more(self, input_: dict[str, Any]) -> dict[str, Any]:
        return {"usage": self.usage}


def _pictures(input_: dict[str, Any]) -> list[dict[str, Any]]:
    """What is to be edited; nothing where that is not told as it should be."""
    pictures = [input_["image"]] if "image" in input_ else input_.get("images", [])
    is_right = all(picture["type"] == "image_url" and picture["url"] for picture in pictures)
    return pictures if is_right and ("image" in input_) != ("images" in input_) else []
