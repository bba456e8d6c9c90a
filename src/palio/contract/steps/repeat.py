"""`repeat`: another step, once for each item of an array.

A copy of the template is a step like any other. Where the template reads the item, the copy reads the item's place
in the array: with `{"$ref": "frames", "path": "output.frames", "as": "frame"}`, what is
`{"$ref": "frame", "path": "url"}` in the template is `{"$ref": "frames", "path": "output.frames[3].url"}` in copy 3.
"""

from collections.abc import Callable
from dataclasses import dataclass

from palio.contract.json import Json, JsonObject
from palio.contract.members import read_text, size_of
from palio.contract.references import Reference, is_path, rewrite
from palio.errors import BadRequest

REPEAT = "repeat"

MAX_ITEMS = 100
"""Items that one array may have."""
MAX_COPIES = 1000
"""Copies that all repeats of a workflow may make."""
MAX_COPIED = 4 * 1024 * 1024
"""Bytes of JSON that all copies of a workflow may have: they are part of its document, which is saved often."""
MAX_NESTING = 3
"""Repeats that may stand inside one another, the outermost included."""
MAX_FILLED_IN = 16 * 1024 * 1024
"""Bytes of JSON that references may add to one step, or to all copies together, however often they repeat a value."""
MAX_VARIABLE_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Loop:
    """The `for` of a repeat: the array at `path` of `source`, of which one item is called `variable`."""

    source: str
    path: str
    variable: str

    def item(self, index: int) -> str:
        """The path of an item in the source."""
        return f"{self.path}[{index}]"


@dataclass(slots=True)
class Allowance:
    """What the copies of a workflow may still have, all together: how many they are, and two sizes in bytes."""

    copies: int = MAX_COPIES
    copied: int = MAX_COPIED
    filled_in: int = MAX_FILLED_IN

    @classmethod
    def of_trials(cls) -> "Allowance":
        """Enough to read each template before its copies, whatever a workflow within its own allowance repeats.

        What stands at the bottom is read once more for each repeat around it.
        """
        return cls(MAX_NESTING * MAX_COPIES, MAX_NESTING * MAX_COPIED, MAX_NESTING * MAX_FILLED_IN)

    def take(self, count: int, template: Json, at: str) -> None:
        """Account for so many copies of a template. Raises BadRequest when that is too much."""
        self.copies -= count
        self.copied -= count * size_of(template)
        if self.copies < 0:
            raise BadRequest.at(at, f"brings the workflow to more than {MAX_COPIES} copies")
        if self.copied < 0:
            raise BadRequest.at(at, f"brings the copies of the workflow to more than {MAX_COPIED // 1024} KiB")

    def fill_in(self, value: Json) -> bool:
        """Account for a value that a reference brings; whether there was room for it."""
        self.filled_in -= size_of(value)
        return self.filled_in >= 0


def read_loop(value: Json, at: str, source_of: Callable[[str], str | None]) -> Loop:
    """The `for` of a repeat; `source_of` gives the name of what a reference names. Raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest.at(at, "must be an object with `$ref`, `path` and `as`")
    named, path = value.get("$ref"), value.get("path")
    if not isinstance(named, str) or not isinstance(path, str):
        raise BadRequest.at(at, "must refer to an array: `$ref` and `path` are strings")
    source = source_of(named)
    if source is None:
        raise BadRequest.at(at, f"refers to `{named[:200]}`, but no step has that name")
    if not is_path(path):
        raise BadRequest.at(at, "has a path that is not written like `output.images`")
    variable = read_text(value.get("as"), f"{at}.as", MAX_VARIABLE_LENGTH)
    if source_of(variable) is not None:
        raise BadRequest.at(f"{at}.as", f"`{variable}` is already the name of something else")
    return Loop(source, path, variable)


def count_items(found: Json, loop: Loop, at: str) -> int:
    """How many copies what was found at the path of a loop leads to. Raises BadRequest."""
    if not isinstance(found, list):
        raise BadRequest.at(at, f"`{loop.path}` of `{loop.source}` is not an array")
    if len(found) > MAX_ITEMS:
        raise BadRequest.at(at, f"`{loop.path}` of `{loop.source}` has {len(found)} items; at most {MAX_ITEMS}")
    return len(found)


def copy_name(repeat: str, index: int) -> str:
    """The name of a copy of a repeat's template."""
    return f"{repeat}[{index}]"


def copy_of(template: JsonObject, loop: Loop, index: int) -> JsonObject:
    """The template as it is for one item."""

    def with_item(reference: Reference, written: JsonObject) -> Json:
        if reference.source != loop.variable:
            return written
        inside = reference.path
        path = f"{loop.item(index)}{'' if not inside or inside.startswith('[') else '.'}{inside}"
        return {**written, "$ref": loop.source, "path": path}

    return {**template, "input": rewrite(template.get("input"), with_item)}
