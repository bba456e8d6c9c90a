"""References: `{"$ref": source, "path": path}` objects that stand for a value known only later, or elsewhere."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from palio.contract.json import Json, JsonObject

Place: TypeAlias = "tuple[str | int, ...]"
"""Where a value is inside another: member names and array indexes, outermost first."""

MAX_PATH_LENGTH = 1000
"""How many characters the path of a reference may have."""

_PATH_PART = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([0-9]{1,9})\]")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: where it stands, what it reads from, and which part of that."""

    place: Place
    source: str
    path: str


class PathMissing(LookupError):
    """There is nothing at a reference's path; the message names the first part that is missing."""


def find_references(value: Json) -> tuple[Reference, ...]:
    """All references inside `value`, in the order in which they are written, however deep."""
    found: list[Reference] = []
    waiting: list[tuple[Place, Json]] = [((), value)]
    while waiting:
        place, part = waiting.pop()
        reference = _as_reference(place, part)
        if reference is not None:
            found.append(reference)
            continue
        children: list[tuple[Place, Json]] = [
            ((*place, key), child) for key, child in _children(part) if isinstance(child, (dict, list))
        ]
        waiting += reversed(children)
    return tuple(found)


def resolve(value: Json, look_up: Callable[[Reference], Json]) -> Json:
    """A copy of `value` in which every reference is replaced by what `look_up` finds for it.

    What is found is data: references inside it are not followed. `value` nests no deeper than `read_json` allows.
    """
    return rewrite(value, lambda reference, _: look_up(reference))


def rewrite(value: Json, replace: Callable[[Reference, JsonObject], Json]) -> Json:
    """As `resolve`, for a `replace` that also wants to see the object in which the reference is written."""
    return _rewritten((), value, replace)


def read_path(value: Json, path: str) -> Json:
    """The part of `value` at a path such as `output.images[0].url`; the empty path is the whole value.

    Raises PathMissing, which names the part that is missing, also when `path` is not a path.
    """
    end = 0
    for part in _parts(path):
        name, index = part.groups()
        if name is not None and isinstance(value, dict) and name in value:
            value = value[name]
        elif index is not None and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            raise PathMissing(f"there is no `{path[: part.end()]}`: {_what_is_there(value, path[:end])}")
        end = part.end()
    return value


def is_path(path: str) -> bool:
    """Whether `path` is written as a path is: dotted member names with `[n]` indexes."""
    try:
        _parts(path)
    except PathMissing:
        return False
    return True


def show_place(place: Place) -> str:
    """A place as text, e.g. `images[0].url`; the place of the whole value is the empty text."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return text.removeprefix(".")


def _as_reference(place: Place, part: Json) -> Reference | None:
    if isinstance(part, dict):
        source, path = part.get("$ref"), part.get("path")
        if isinstance(source, str) and isinstance(path, str):
            return Reference(place, source, path)
    return None


def _children(part: Json) -> list[tuple[str | int, Json]]:
    if isinstance(part, dict):
        return list(part.items())
    if isinstance(part, list):
        return list(enumerate(part))
    return []


def _rewritten(place: Place, value: Json, replace: Callable[[Reference, JsonObject], Json]) -> Json:
    if isinstance(value, dict):
        reference = _as_reference(place, value)
        if reference is not None:
            return replace(reference, value)
        return {key: _rewritten((*place, key), child, replace) for key, child in value.items()}
    if isinstance(value, list):
        return [_rewritten((*place, index), child, replace) for index, child in enumerate(value)]
    return value


def _parts(path: str) -> list[re.Match[str]]:
    parts = list(_PATH_PART.finditer(path)) if len(path) <= MAX_PATH_LENGTH else []
    if path.startswith(".") or sum(part.end() - part.start() for part in parts) != len(path):
        raise PathMissing(f"`{path[:100]}` is not a path such as `output.images[0].url`")
    return parts


def _what_is_there(value: Json, path: str) -> str:
    subject = f"`{path}`" if path else "it"
    if isinstance(value, dict):
        return f"{subject} has {', '.join(list(value)[:20])[:200] or 'no members'}"
    if isinstance(value, list):
        return f"{subject} has {len(value)} items"
    return f"{subject} is neither an object nor an array"
