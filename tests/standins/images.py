"""What stand-ins of vendors with OpenAI's images API share: an answer that holds the picture, or says where it is."""

import base64
import re
from dataclasses import dataclass
from typing import Any

from tests.standins.server import KEY, Call, Says, StandIn, png


@dataclass(frozen=True)
class Generation:
    """A picture that was made, and billed."""

    model: str
    input: dict[str, Any]


class ImagesApi(StandIn):
    """Generations, and where they are downloaded from. Subclasses say what is wrong with an input."""

    wants_key = True
    is_at_an_address = True
    """Whether a picture is fetched from an address where the request does not say so."""

    def complaint(self, model: str, input_: dict[str, Any]) -> Says | None:
        """The answer to an input that is not taken."""
        raise NotImplementedError

    def sides(self, input_: dict[str, Any]) -> tuple[int, int]:
        """The pixels that an input asks for."""
        return input_.get("width", 1024), input_.get("height", 1024)

    def more(self, input_: dict[str, Any]) -> dict[str, Any]:
        """What an answer says besides the picture."""
        return {}

    def phase(self, call: Call) -> str:
        return "download" if call.path.startswith("/delivery/") else "submit"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            sides = re.search(r"(\d+)x(\d+)", call.path)
            assert sides is not None
            return Says(200, png(int(sides[1]), int(sides[2])), {"Content-Type": "image/png"})
        if self.wants_key and call.headers.get("authorization") != f"Bearer {KEY}":
            return Says(401, error("Incorrect API key provided", "invalid_api_key"))
        if call.path == "/models" and call.method == "GET":
            return Says(200, {"object": "list", "data": [{"id": "one", "object": "model"}]})
        if call.path != "/images/generations" or call.method != "POST":
            return Says(404, error("no such route"))
        return self.generate(call.json)

    def generate(self, input_: dict[str, Any]) -> Says:
        """Make a picture, if the input is as it should be."""
        model = input_.get("model", "")
        if complaint := self.complaint(model, input_):
            return complaint
        width, height = self.sides(input_)
        self.started.append(Generation(model, input_))
        name = f"{len(self.started)}-{width}x{height}.png"
        is_at_an_address = input_.get("response_format", "url" if self.is_at_an_address else "b64_json") == "url"
        picture = (
            {"url": f"{self.url}/delivery/{name}"}
            if is_at_an_address
            else {"b64_json": base64.b64encode(png(width, height)).decode()}
        )
        return Says(200, {"created": 1, "data": [picture], **self.more(input_)})


def error(message: str, code: str | None = None, type_: str = "invalid_request_error") -> dict[str, Any]:
    """An error as OpenAI tells it."""
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}
