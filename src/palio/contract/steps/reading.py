"""Validating an input against its model, and telling every mistake by the path and in the words of the contract."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from palio.contract.image.fields import members, under
from palio.contract.json import Json, JsonObject
from palio.contract.references import Place, show_place
from palio.contract.steps.places import without_references
from palio.errors import BadRequest

MAX_ERRORS = 50
MAX_NAME = 200

Model = TypeVar("Model", bound=BaseModel)


def read_as(model: type[Model], raw: JsonObject, at: str, references: Collection[Place] = ()) -> Model:
    """`raw` as `model`, or BadRequest with all that is wrong; values at `references` are taken on trust."""
    known = without_references(model, raw, references) if references else raw
    try:
        return model.model_validate(known)
    except ValidationError as error:
        raise _bad_request(model, error, at) from None


def object_at(raw: Json, at: str) -> JsonObject:
    """`raw`, which must be an object."""
    if isinstance(raw, dict):
        return raw
    raise BadRequest.at(at, "is required" if raw is None else "must be an object")


def _bad_request(model: type[BaseModel], error: ValidationError, at: str) -> BadRequest:
    errors: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False)[:MAX_ERRORS]:
        # pydantic says that it is the key, not the value, that is wrong; the path is the same.
        place = tuple(key[:MAX_NAME] if isinstance(key, str) else key for key in detail["loc"] if key != "[key]")
        messages = errors.setdefault(under(at, show_place(place)), [])
        if (message := _message(model, detail)) not in messages:
            messages.append(message)
    first, (message, *_) = next(iter(errors.items()))
    others = f" (and {len(errors) - 1} more, see errors)" if len(errors) > 1 else ""
    return BadRequest(f"{first}: {message}{others}", errors)


# Formats by pydantic's error type. Types of our own and those of raised ValueErrors carry their message.
_MESSAGES: Mapping[str, str] = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is out of range",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "tuple_type": "must be an array",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} item(s)",
    "value_error": "{error}",
}


def _message(model: type[BaseModel], detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown(model, detail["loc"])
    if detail["input"] is None and kind not in ("missing", "value_error", "choice"):
        return "must not be null"
    form = _MESSAGES.get(kind)
    if form is None:
        return detail["msg"]
    return form.format(**{name: _plain(value) for name, value in detail.get("ctx", {}).items()})


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unknown(model: type[BaseModel], place: Sequence[str | int]) -> str:
    name = str(place[-1])
    if len(place) == 1 and len(name) <= MAX_NAME:
        for match in difflib.get_close_matches(name, members(model), n=1, cutoff=0.75):
            return f"is not a member of this input; did you mean {match}?"
    return "is not a member of this input"
