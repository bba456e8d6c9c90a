"""What the arguments of a call ask for. Both forms are read: the contract's own under `body`, and flat members.

Whatever is wrong is told by the path under which the caller wrote it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TypeVar

import msgspec

from palio.contract.image.friendly import from_friendly
from palio.contract.image.guide import DEFAULT_ENGINE, guides
from palio.contract.json import Json, JsonObject, read_object
from palio.contract.members import MAX_TAGS
from palio.contract.query import Cursor, read_flag, read_status, read_take, read_wait
from palio.contract.status import Status
from palio.errors import BadRequest

DEFAULT_WAIT = 45
"""Seconds, so that the answer is there before common clients give up, which is after 60."""

DEFAULT_TAKE = 10
"""A model reads all of a page, so it is short unless asked."""

_INPUT = "steps[0].input"
_FLAT: Mapping[str, str] = {
    f"{_INPUT}.guidanceScale": "cfgScale",
    f"{_INPUT}.numInferenceSteps": "steps",
    f"{_INPUT}.image": "images",
    f"{_INPUT}.version": "model",
    f"{_INPUT}.diffuserModel": "model",
    _INPUT: "",
}
"""What flat members are called where they end up, as far as they are called differently there."""
_SIZE = re.compile(r"\s*([0-9]{1,6})\s*[x×X*]\s*([0-9]{1,6})\s*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Submission:
    """A workflow to submit. `wait` is seconds, and `paths` what the caller calls the template's members.

    `engine` is the everyday name of a flat call.
    """

    template: JsonObject
    wait: int
    whatif: bool
    paths: Mapping[str, str] = field(default_factory=dict)
    engine: str | None = None

    def as_written(self, problem: BadRequest) -> BadRequest:
        """A problem with the template, told by the paths of the call."""
        errors: dict[str, list[str]] = {}
        for path, messages in problem.errors.items():
            written = self._path(path)
            told = [self._of_side(path, message) for message in messages] if written == "size" else messages
            errors.setdefault(written, []).extend(told)
        sentences = [f"{path}: {message}" if path else message for path, told in errors.items() for message in told]
        return BadRequest(sentences[0], errors) if sentences else problem

    def _of_side(self, path: str, message: str) -> str:
        """What is wrong with one of the two sides of a size, and what would be right."""
        side = next((guide.side for guide in guides() if guide.engine == self.engine), None)
        takes = f"; {self.engine} takes sides of {side} pixels" if side is not None else ""
        return f"the {path.rpartition('.')[2]} {message}{takes}"

    def _path(self, path: str) -> str:
        for inner, outer in self.paths.items():
            if path == inner or path.startswith((f"{inner}.", f"{inner}[")) or not inner:
                rest = path[len(inner) :].lstrip(".")
                return f"{outer}.{rest}" if outer and rest and not rest.startswith("[") else outer + rest
        return path


@dataclass(frozen=True, slots=True)
class Lookup:
    """A workflow to read."""

    workflow_id: str
    wait: int
    previews: bool


@dataclass(frozen=True, slots=True)
class Search:
    """Which workflows to list."""

    take: int
    after: Cursor | None
    status: Status | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A workflow to cancel, and whether to delete it too."""

    workflow_id: str
    delete: bool


def read_arguments(sent: Mapping[str, object]) -> JsonObject:
    """The arguments of a call as JSON within the bounds of any request body. Raises BadRequest."""
    try:
        if (place := _place_of_infinite(dict(sent), "")) is not None:
            # Written as null, it would be as if it had not been sent.
            raise BadRequest.at(place, "must be a finite number")
        return read_object(msgspec.json.encode(dict(sent)))
    except (OverflowError, RecursionError, UnicodeEncodeError, TypeError, ValueError) as error:
        raise BadRequest.at("", f"the arguments cannot be read: {error}") from None


def read_generate(arguments: JsonObject, max_wait: int) -> Submission:
    """An image to generate. Raises BadRequest."""
    wait, whatif = _wait(arguments, DEFAULT_WAIT, max_wait), _flag(arguments, "whatif", False)
    if (body := _body(arguments)) is not None:
        if "steps" in body:
            return Submission(body, wait, whatif, {"": "body"})
        return Submission(_one_step(body, "body"), wait, whatif, {_INPUT: "body"})
    image = {name: value for name, value in arguments.items() if name not in ("wait", "whatif")}
    image = {"engine": DEFAULT_ENGINE, **image} if image.get("engine") is None else image
    paths = _FLAT
    if (size := image.pop("size", None)) is not None:
        image |= _sides(size, image)
        paths = {f"{_INPUT}.width": "size", f"{_INPUT}.height": "size", **paths}
    if isinstance(image.get("images"), str):
        image["images"] = [image["images"]]
    return Submission(_one_step(image, ""), wait, whatif, paths, str(image["engine"]))


def read_submit(arguments: JsonObject, max_wait: int) -> Submission:
    """A workflow to submit. Raises BadRequest."""
    wait, whatif = _wait(arguments, 0, max_wait), _flag(arguments, "whatif", False)
    if (body := _body(arguments)) is not None:
        return Submission(body, wait, whatif, {"": "body"})
    template = {name: value for name, value in arguments.items() if name not in ("wait", "whatif")}
    if "steps" not in template:
        raise BadRequest.at("steps", "is required, unless a workflow template is sent as body")
    return Submission(template, wait, whatif)


def read_lookup(arguments: JsonObject, max_wait: int) -> Lookup:
    """A workflow to read. Raises BadRequest."""
    _expect(arguments, "workflowId", "wait", "previews")
    return Lookup(_id(arguments), _wait(arguments, 0, max_wait), _flag(arguments, "previews", True))


def read_search(arguments: JsonObject) -> Search:
    """Which workflows to list. Raises BadRequest."""
    _expect(arguments, "take", "cursor", "status", "tags")
    cursor = _word(arguments, "cursor")
    return Search(
        take=read_take(_word(arguments, "take") or str(DEFAULT_TAKE)),
        after=Cursor.decode(cursor) if cursor else None,
        status=read_status(_word(arguments, "status")),
        tags=_tags(arguments),
    )


def read_cancellation(arguments: JsonObject) -> Cancellation:
    """A workflow to cancel. Raises BadRequest."""
    _expect(arguments, "workflowId", "delete")
    return Cancellation(_id(arguments), _flag(arguments, "delete", False))


def _one_step(image: JsonObject, at: str) -> JsonObject:
    if not isinstance(image.get("engine"), str) or image.get("prompt") is not None or at:
        return {"steps": [{"$type": "imageGen", "input": from_friendly(image, at)}]}
    raise BadRequest.at("prompt", "is required: what the image shows")


def _body(arguments: JsonObject) -> JsonObject | None:
    """The `body` of a call, which stands alone. Some models write it as text."""
    body = arguments.get("body")
    if body is None:
        return None
    if extra := sorted(arguments.keys() - {"body", "wait", "whatif"}):
        raise BadRequest.at(extra[0], "cannot be sent together with body")
    if isinstance(body, str):
        try:
            return read_object(body.encode())
        except BadRequest:
            raise BadRequest.at("body", "must be a JSON object") from None
    if not isinstance(body, dict):
        raise BadRequest.at("body", "must be a JSON object")
    return body


def _sides(size: Json, image: JsonObject) -> JsonObject:
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise BadRequest.at("size", "must be width x height in pixels, such as 1024x768")
    if also := [name for name in ("width", "height", "aspectRatio") if image.get(name) is not None]:
        raise BadRequest.at("size", f"cannot be sent together with {also[0]}")
    return {"width": int(match[1]), "height": int(match[2])}


def _place_of_infinite(value: object, at: str) -> str | None:
    """The path of the first number that JSON cannot express, such as 1e400."""
    if isinstance(value, float):
        return None if isfinite(value) else at
    if isinstance(value, dict):
        children = [(f"{at}.{name}" if at else str(name), child) for name, child in value.items()]
    elif isinstance(value, list):
        children = [(f"{at}[{index}]", child) for index, child in enumerate(value)]
    else:
        return None
    return next((place for path, child in children if (place := _place_of_infinite(child, path)) is not None), None)


def _expect(arguments: JsonObject, *known: str) -> None:
    if unknown := sorted(arguments.keys() - set(known)):
        raise BadRequest.at(unknown[0][:200], f"is not an argument of this tool; known are {', '.join(known)}")


def _id(arguments: JsonObject) -> str:
    value = arguments.get("workflowId")
    if not isinstance(value, str) or not value:
        raise BadRequest.at("workflowId", "is required: the id of a workflow, as the answer to its submission has it")
    return value


def _wait(arguments: JsonObject, default: int, most: int) -> int:
    text = _word(arguments, "wait")
    return min(default if text is None else read_wait(text), most)


def _flag(arguments: JsonObject, name: str, default: bool) -> bool:
    value = arguments.get(name)
    return value if isinstance(value, bool) else read_flag(name, _word(arguments, name), default)


def _word(arguments: JsonObject, name: str) -> str | None:
    """A value as it would be written in a query string, in which the contract's readers read."""
    value = arguments.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise BadRequest.at(name, "must be a single value")


def _tags(arguments: JsonObject) -> tuple[str, ...]:
    tags = arguments.get("tags")
    tags = [tags] if isinstance(tags, str) else tags or []
    if not isinstance(tags, list) or len(tags) > MAX_TAGS:
        raise BadRequest.at("tags", f"must be an array of at most {MAX_TAGS} tags")
    return tuple(dict.fromkeys(_each(tags, lambda tag: tag if isinstance(tag, str) else None, "tags")))


def _each(values: list[Json], read: Callable[[Json], T | None], at: str) -> list[T]:
    found = [read(value) for value in values]
    if None in found:
        raise BadRequest.at(f"{at}[{found.index(None)}]", "must be a string")
    return [value for value in found if value is not None]
