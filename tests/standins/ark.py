"""ByteDance's Ark, after its documentation: one request makes a picture, and the answer says where it is."""

import re
from dataclasses import dataclass
from typing import Any

from tests.standins.server import KEY, Call, Says, StandIn, png

_ALL = {"model", "prompt", "size", "response_format", "watermark"}
_SEQUENCE = _ALL | {"image", "sequential_image_generation", "sequential_image_generation_options", "stream"}
_SEQUENCE |= {"optimize_prompt_options"}


@dataclass(frozen=True)
class Model:
    """What a model takes: its fields, how many pixels in all, how many pictures."""

    fields: set[str]
    pixels: tuple[int, int]
    pictures: int


MODELS = {
    "seedream-3-0-t2i-250415": Model(_ALL | {"seed", "guidance_scale"}, (262_144, 4_194_304), 0),
    "seedream-4-0-250828": Model(_SEQUENCE, (921_600, 16_777_216), 14),
    "seedream-4-5-251128": Model(_SEQUENCE, (3_686_400, 16_777_216), 14),
    "seedream-5-0-lite-260128": Model(_SEQUENCE | {"output_format", "tools"}, (3_686_400, 10_404_496), 14),
    "dola-seedream-5-0-pro-260628": Model(_ALL | {"image", "output_format"}, (921_600, 4_624_220), 10),
}


class Ark(StandIn):
    """The endpoint that makes pictures, and where they are downloaded from."""

    def phase(self, call: Call) -> str:
        if call.path.startswith("/content/"):
            return "download"
        return "enquiry" if call.path == "/models" else "submit"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            width, height = sides(call.path)
            return Says(200, png(width, height), {"Content-Type": "image/png"})
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return error(401, "AuthenticationError", "The API key in the request is missing or invalid.")
        if phase == "enquiry":
            return Says(200, {"object": "list", "data": [{"id": id_, "object": "model"} for id_ in MODELS]})
        if call.path != "/images/generations":
            return error(404, "NotFound", "There is nothing here.")
        # Its own client sends null for whatever it was not given.
        return self._make({name: value for name, value in call.json.items() if value is not None})

    def _make(self, asked: dict[str, Any]) -> Says:
        if (model := MODELS.get(asked["model"])) is None:
            return error(404, "InvalidEndpointOrModel.NotFound", f"The model {asked['model']} does not exist.")
        if complaint := _complaint(model, asked):
            return error(400, "InvalidParameter", f"The parameter {complaint} is not valid.")
        self.started.append(asked)
        width, height = sides(asked["size"])
        url = f"{self.url}/content/{len(self.started)}-{width}x{height}.png?X-Tos-Expires=86400"
        tokens = width * height // 256
        usage = {"generated_images": 1, "output_tokens": tokens, "total_tokens": tokens}
        data = [{"url": url, "size": f"{width}x{height}"}]
        return Says(200, {"model": asked["model"], "created": 1795000000, "data": data, "usage": usage})


def error(status: int, code: str, message: str) -> Says:
    """A failure as Ark tells it."""
    told = {"code": code, "message": f"{message} Request ID: 0217", "param": "", "type": "BadRequest"}
    return Says(status, {"error": told})


def picture_error(code: str, message: str) -> Says:
    """A picture that was not made, in an answer to a request that was taken."""
    usage = {"generated_images": 0, "output_tokens": 0, "total_tokens": 0}
    failed = {"error": {"code": code, "message": message}}
    return Says(200, {"model": "seedream-4-5-251128", "created": 1795000000, "data": [failed], "usage": usage})


def sides(text: str) -> tuple[int, int]:
    """The width and height that a text ends with."""
    found = re.search(r"(\d+)x(\d+)(\.png)?$", text)
    assert found is not None
    return int(found[1]), int(found[2])


def _complaint(model: Model, asked: dict[str, Any]) -> str | None:
    if unknown := set(asked) - model.fields:
        return ", ".join(sorted(unknown))
    pictures = asked.get("image") or []
    if len([pictures] if isinstance(pictures, str) else pictures) > model.pictures:
        return "image"
    width, height = sides(asked["size"])
    least, most = model.pixels
    if not least <= width * height <= most or not 1 / 16 <= width / height <= 16:
        return "size"
    # Neither is what anybody wants, and both happen to those who leave the field out.
    if asked.get("watermark") is not False or asked.get("sequential_image_generation", "disabled") != "disabled":
        return "watermark"
    return None if isinstance(asked.get("prompt"), str) else "prompt"
