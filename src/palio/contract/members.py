"""Members that templates, updates and patches share, read by the same rules wherever they are sent."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from palio.contract.json import Json, JsonObject
from palio.contract.steering import read_steering
from palio.errors import BadRequest

MAX_METADATA = 64 * 1024
"""Bytes of JSON that `metadata` may have."""

MAX_TAGS = 10
MAX_TAG_LENGTH = 200
MAX_CHOICES = 100
"""How many members of an enum an array may name, repeated ones included."""

_MAX_ERRORS = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_encode = msgspec.json.Encoder().encode

T = TypeVar("T")


class Errors:
    """Everything that is wrong with a request, gathered by path so that a caller hears of it all at once."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, path: str, message: str) -> None:
        self._found.setdefault(path, []).append(message)

    def join(self, problem: BadRequest) -> None:
        """Takes over the errors of a part that could not be read."""
        for path, messages in (problem.errors or {"": [problem.detail]}).items():
            self._found.setdefault(path, []).extend(messages)

    def read(self, reader: Callable[[Json, str], T], value: Json, at: str, otherwise: T) -> T:
        """What `reader` makes of `value`; `otherwise` when the value is null or absent, or wrong (and noted)."""
        if value is None:
            return otherwise
        try:
            return reader(value, at)
        except BadRequest as problem:
            self.join(problem)
            return otherwise

    def require(self, reader: Callable[[Json, str], T], value: Json, at: str, otherwise: T) -> T:
        """As `read`, for a member that must be there."""
        if value is None:
            self.add(at, "is required")
        return self.read(reader, value, at, otherwise)

    def raise_any(self) -> None:
        """Raises one BadRequest with all that was found, or nothing."""
        if not self._found:
            return
        path, messages = next(iter(self._found.items()))
        first = f"{path}: {messages[0]}" if path else messages[0]
        others = sum(map(len, self._found.values())) - 1
        detail = f"{first} (and {others} more)" if others else first
        raise BadRequest(detail, dict(list(self._found.items())[:_MAX_ERRORS]))


def size_of(value: Json) -> int:
    """How many bytes a value has as JSON."""
    return len(_encode(value))


def read_object(value: Json, at: str, at_most: int) -> JsonObject:
    """A JSON object of at most so many bytes; null stands for the empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest.at(at, "must be a JSON object")
    if size_of(value) > at_most:
        raise BadRequest.at(at, f"must have at most {at_most // 1024} KiB as JSON")
    return value


def read_metadata(value: Json, at: str) -> JsonObject:
    """The caller's own notes on a workflow or step; what they say to Palio itself has to be right."""
    metadata = read_object(value, at, MAX_METADATA)
    read_steering(metadata, at)
    return metadata


def read_text(value: Json, at: str, at_most: int) -> str:
    """One line of 1 to `at_most` characters."""
    if not isinstance(value, str):
        raise BadRequest.at(at, "must be a string")
    if not 1 <= len(value) <= at_most:
        raise BadRequest.at(at, f"must have 1 to {at_most} characters")
    if _CONTROL.search(value):
        raise BadRequest.at(at, "must not have control characters")
    return value


def read_tag(value: Json, at: str) -> str:
    return read_text(value, at, MAX_TAG_LENGTH)


def read_tags(value: Json, at: str) -> tuple[str, ...]:
    """Up to 10 different tags."""
    tags = read_items(read_tag, value, at, MAX_TAGS)
    for index, tag in enumerate(tags):
        if tag in tags[:index]:
            raise BadRequest.at(f"{at}[{index}]", f"repeats the tag `{tag}`")
    return tuple(tags)


def read_items(reader: Callable[[Json, str], T], value: Json, at: str, at_most: int) -> list[T]:
    """An array of at most so many items, each read by `reader`; all items that are wrong are named."""
    if not isinstance(value, list):
        raise BadRequest.at(at, "must be an array")
    if len(value) > at_most:
        raise BadRequest.at(at, f"must have at most {at_most} items")
    errors = Errors()
    items: list[T] = []
    for index, item in enumerate(value):
        try:
            items.append(reader(item, f"{at}[{index}]"))
        except BadRequest as problem:
            errors.join(problem)
    errors.raise_any()
    return items


def read_boolean(value: Json, at: str) -> bool:
    if not isinstance(value, bool):
        raise BadRequest.at(at, "must be true or false")
    return value


def choices(names: Iterable[str]) -> Mapping[str, str]:
    """The names of an enum by their lower case, for `read_choice`."""
    return {name.lower(): name for name in names}


def read_choice(value: Json, at: str, among: Mapping[str, str]) -> str:
    """A member of an enum in its own spelling, however the caller writes its letters' case."""
    chosen = among.get(value.lower()) if isinstance(value, str) else None
    if chosen is None:
        raise BadRequest.at(at, f"must be one of {', '.join(among.values())}")
    return chosen
