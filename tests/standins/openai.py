"""OpenAI's images API, after its documentation and its Python client. Arguments that it does not have are refused."""

import base64
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from tests.standins.images import ImagesApi, error
from tests.standins.server import Call, Says

MEDIA_TYPES = {"image/png", "image/jpeg", "image/webp"}


class OpenAI(ImagesApi):
    """Generations, which are JSON, and edits, which are forms."""

    models = frozenset({"gpt-image-2"})
    takes = frozenset(
        {"model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation"}
    )
    files = frozenset({"image[]", "mask"})
    is_at_an_address = False

    def __init__(self) -> None:
        super().__init__()
        self.usage: Any = {
            "input_tokens": 110,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 100},
            "output_tokens": 1000,
        }

    def answer(self, phase: str, call: Call) -> Says:
        if call.path != "/images/edits" or (self.wants_key and call.headers.get("authorization") is None):
            return super().answer(phase, call)
        fields, files = form(call)
        if wrong := {name for name, _, _ in files} - self.files:
            return Says(400, error(f"Unknown parameter: {sorted(wrong)}", "unknown_parameter"))
        if not files:
            return Says(400, error("Missing required parameter: 'image'."))
        if strange := {media_type for _, media_type, _ in files} - MEDIA_TYPES:
            return Says(400, error(f"unsupported mimetype {sorted(strange)}", "unsupported_file_mimetype"))
        return self.generate({**fields, "image": [base64.b64encode(data).decode() for _, _, data in files]})

    def sides(self, input_: dict[str, Any]) -> tuple[int, int]:
        width, _, height = input_.get("size", "1024x1024").partition("x")
        return int(width), int(height)

    def complaint(self, model: str, input_: dict[str, Any]) -> Says | None:
        if model not in self.models:
            return Says(404, error(f"The model '{model}' does not exist", "model_not_found"))
        if unknown := set(input_) - self.takes - {"image"}:
            return Says(400, error(f"Unknown parameter: {sorted(unknown)}", "unknown_parameter"))
        return None

    def more(self, input_: dict[str, Any]) -> dict[str, Any]:
        return {"usage": self.usage}


def form(call: Call) -> tuple[dict[str, str], list[tuple[str, str, bytes]]]:
    """The fields of a form, and its files as field, media type and bytes."""
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + call.body)
    fields: dict[str, str] = {}
    files: list[tuple[str, str, bytes]] = []
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if part.get_filename() is None:
            fields[name] = data.decode()
        else:
            files.append((name, part.get_content_type(), data))
    return fields, files
