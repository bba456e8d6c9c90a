"""Google's Gemini API, after its documentation and its Python client: image models answer with the picture itself."""

import base64
import re
from typing import Any

from tests.standins.server import KEY, Call, Says, StandIn, png

RATIOS = {
    "21:9": (1584, 672),
    "16:9": (1376, 768),
    "3:2": (1264, 848),
    "4:3": (1200, 896),
    "5:4": (1152, 928),
    "1:1": (1024, 1024),
    "4:5": (928, 1152),
    "3:4": (896, 1200),
    "2:3": (848, 1264),
    "9:16": (768, 1376),
}
MODELS = {
    "gemini-3.1-flash-image": 14,
    "gemini-3-pro-image": 14,
    "gemini-3.1-flash-lite-image": 0,
    "gemini-2.5-flash-image": 3,
}
"""How many pictures each model is shown."""
SIZED = {"gemini-3.1-flash-image", "gemini-3-pro-image"}
MEMBERS = {"contents", "generationConfig", "safetySettings"}
CONFIG = {"responseModalities", "imageConfig", "seed", "candidateCount"}


class Google(StandIn):
    """The one endpoint."""

    def phase(self, call: Call) -> str:
        return "submit" if call.method == "POST" else "enquiry"

    def answer(self, phase: str, call: Call) -> Says:
        if call.headers.get("x-goog-api-key") != KEY:
            return key_error()
        if phase == "enquiry":
            return Says(200, {"models": [{"name": f"models/{model}"} for model in MODELS]})
        model, _, method = re.sub("^(/v1)?/models/", "", call.path).partition(":")
        if model not in MODELS or method != "generateContent":
            return error(404, "NOT_FOUND", f"models/{model} is not found for API version v1beta.")
        asked = call.json
        if complaint := _complaint(model, asked):
            return error(400, "INVALID_ARGUMENT", complaint)
        self.started.append({"model": model, **asked})
        width, height = RATIOS[asked["generationConfig"].get("imageConfig", {}).get("aspectRatio", "1:1")]
        # What it made while it thought is no result.
        parts = [{"thought": True, **_inline(png(8, 8))}, {"text": "Here it is."}, _inline(png(width, height))]
        return candidate("STOP", parts)


def candidate(reason: str, parts: list[dict[str, Any]] | None = None, message: str | None = None) -> Says:
    """An answer of a model."""
    told: dict[str, Any] = {"finishReason": reason, "index": 0}
    if parts is not None:
        told["content"] = {"role": "model", "parts": parts}
    if message is not None:
        told["finishMessage"] = message
    return Says(200, {"candidates": [told], "usageMetadata": {"totalTokenCount": 1290}, "modelVersion": "x"})


def blocked(reason: str) -> Says:
    """An answer to a prompt that no model was shown."""
    return Says(200, {"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 4}})


def error(status: int, code: str, message: str, **detail: str) -> Says:
    """A failure as Google tells it."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **detail}] if detail else []
    return Says(status, {"error": {"code": status, "message": message, "status": code, "details": details}})


def key_error() -> Says:
    """A key that is not good."""
    told = "API key not valid. Please pass a valid API key."
    return error(400, "INVALID_ARGUMENT", told, reason="API_KEY_INVALID", domain="googleapis.com")


def _inline(data: bytes) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}}


def _complaint(model: str, asked: dict[str, Any]) -> str | None:
    config = asked.get("generationConfig", {})
    shape = config.get("imageConfig", {})
    known = {"aspectRatio", "imageSize"} if model in SIZED else {"aspectRatio"}
    for name, unknown in (("", set(asked) - MEMBERS), ("generation_config", set(config) - CONFIG)):
        if unknown:
            return f'Invalid JSON payload received. Unknown name "{sorted(unknown)[0]}" at {name!r}: Cannot find field.'
    if set(shape) - known or shape.get("aspectRatio", "1:1") not in RATIOS:
        return "image_config is not valid for this model."
    (content,) = asked["contents"]
    pictures = [part for part in content["parts"] if "inlineData" in part]
    if len(pictures) > MODELS[model] or not any("text" in part for part in content["parts"]):
        return "contents are not valid for this model."
    for picture in pictures:
        # As JSON has bytes of Protocol Buffers: either alphabet of Base64 will do, and its own client sends the other.
        base64.b64decode(picture["inlineData"]["data"].translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    return None
