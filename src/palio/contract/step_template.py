"""One step as a client submits it: validated as far as it can be at once, and in full when its references are known."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from palio.contract.json import Json, JsonObject
from palio.contract.members import Errors, choices, read_choice, read_metadata, read_text, size_of
from palio.contract.references import (
    PathMissing,
    Place,
    Reference,
    find_references,
    is_path,
    read_path,
    resolve,
    show_place,
)
from palio.contract.steps import StepInput, read_input
from palio.contract.timespan import read_timespan
from palio.errors import BadRequest

MAX_NAME_LENGTH = 128
MAX_RETRIES = 100
MAX_REFERENCES = 256
"""How many references one step's input may have."""
MAX_FILLED_IN = 16 * 1024 * 1024
"""Bytes of JSON that references may add to one step's input, however often they repeat the same value."""

ARGUMENTS = "$arguments"

_PRIORITIES = choices(["high", "normal", "low"])
_POSITION = re.compile(r"\$(0|[1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class StepTemplate:
    """One step as submitted. `references` and `depends_on` name steps as they are named, not by position.

    `at` is where it stands in the request, e.g. `steps[0]`. `input` is the typed input read from `raw_input` with
    what was known at submit; None if that was too little.
    """

    at: str
    type: str
    name: str
    priority: str
    timeout: timedelta | None
    retries: int | None
    metadata: JsonObject
    raw_input: Json
    input: StepInput | None
    references: tuple[Reference, ...]
    depends_on: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the references of a step may read from: the other steps, by name or position, and the arguments."""

    names: Sequence[str]
    arguments: JsonObject

    def source(self, named: str) -> str | None:
        """The name of what a reference names; None if there is no such thing."""
        if named == ARGUMENTS or named in self.names:
            return named
        position = position_of(named)
        return self.names[position] if position is not None and position < len(self.names) else None


def read_step(body: JsonObject, at: str, name: str, scope: Scope, errors: Errors) -> StepTemplate:
    """The step in `body`, which stands at `at`; what is wrong with it is added to `errors` by path."""
    step_type = errors.require(read_name, body.get("$type"), f"{at}.$type", "")
    found = find_references(body.get("input"))
    references = _link(found, f"{at}.input", name, scope, errors)
    return StepTemplate(
        at=at,
        type=step_type,
        name=name,
        priority=errors.read(_read_priority, body.get("priority"), f"{at}.priority", "normal"),
        timeout=errors.read(read_timespan, body.get("timeout"), f"{at}.timeout", None),
        retries=errors.read(_read_retries, body.get("retries"), f"{at}.retries", None),
        metadata=errors.read(read_metadata, body.get("metadata"), f"{at}.metadata", {}),
        raw_input=body.get("input"),
        input=_read_input(step_type, body, at, found, references, scope.arguments, errors),
        references=references,
        depends_on=frozenset(reference.source for reference in references) - {ARGUMENTS},
    )


def fill_in(step: StepTemplate, look_up: Callable[[Reference], Json], arguments: JsonObject) -> StepInput:
    """The typed input of a step once the steps it depends on have succeeded.

    `look_up` gives the value that a reference to another step stands for, or raises PathMissing. Raises
    BadRequest, by path as at submit, when a value is missing or the input is not valid with the values filled in.
    """
    if step.input is not None and not step.depends_on:
        return step.input
    at = f"{step.at}.input"

    def find(reference: Reference) -> Json:
        return read_path(arguments, reference.path) if reference.source == ARGUMENTS else look_up(reference)

    errors = Errors()
    values = _values_of(step.references, find, at, errors)
    errors.raise_any()
    filled_in = read_input(step.type, resolve(step.raw_input, lambda found: values[found.place]), at)
    if filled_in is None:
        raise BadRequest.at(at, "is not complete")
    return filled_in


def read_name(value: Json, at: str) -> str:
    """The name of a step, or of a type of steps."""
    return read_text(value, at, MAX_NAME_LENGTH)


def position_of(name: str) -> int | None:
    """The position that a name such as `$2` stands for."""
    match = _POSITION.fullmatch(name)
    return int(match[1]) if match else None


def under(at: str, place: Place) -> str:
    """The path of a place in the value that stands at `at`."""
    inside = show_place(place)
    return f"{at}.{inside}" if inside and not inside.startswith("[") else f"{at}{inside}"


def _link(found: Sequence[Reference], at: str, name: str, scope: Scope, errors: Errors) -> tuple[Reference, ...]:
    """The references of the input at `at` that stand for something, with the name of the step as their source."""
    if len(found) > MAX_REFERENCES:
        errors.add(at, f"must have at most {MAX_REFERENCES} references")
        return ()
    linked: list[Reference] = []
    for reference in found:
        place = under(at, reference.place)
        source = scope.source(reference.source)
        if source is None:
            errors.add(place, f"refers to `{reference.source[:200]}`, but no step has that name")
        elif source == name:
            errors.add(place, "refers to its own step")
        elif not is_path(reference.path):
            errors.add(place, "has a path that is not written like `output.images[0].url`")
        else:
            linked.append(Reference(reference.place, source, reference.path))
    return tuple(linked)


def _read_input(
    step_type: str,
    body: JsonObject,
    at: str,
    found: Sequence[Reference],
    references: Sequence[Reference],
    arguments: JsonObject,
    errors: Errors,
) -> StepInput | None:
    """The input read as far as it is known: with the arguments filled in, but not yet what other steps make."""
    at = f"{at}.input"
    if "input" not in body:
        errors.add(at, "is required")
    if "input" not in body or not step_type:
        return None
    to_arguments = [reference for reference in references if reference.source == ARGUMENTS]
    values = _values_of(to_arguments, lambda reference: read_path(arguments, reference.path), at, errors)
    known = resolve(body["input"], lambda reference: values.get(reference.place, _as_json(reference)))
    unknown = {reference.place for reference in found if reference.place not in values}
    try:
        return read_input(step_type, known, at, unknown)
    except BadRequest as problem:
        errors.join(problem)
        return None


def _values_of(
    references: Sequence[Reference], look_up: Callable[[Reference], Json], at: str, errors: Errors
) -> Mapping[Place, Json]:
    """What the references of the input at `at` stand for, by their place."""
    values: dict[Place, Json] = {}
    room = MAX_FILLED_IN
    for reference in references:
        try:
            value = look_up(reference)
        except PathMissing as missing:
            errors.add(under(at, reference.place), str(missing))
            continue
        room -= size_of(value)
        if room < 0:
            errors.add(at, f"must have at most {MAX_FILLED_IN // 1024 // 1024} MiB with its references filled in")
            break
        values[reference.place] = value
    return values


def _as_json(reference: Reference) -> Json:
    return {"$ref": reference.source, "path": reference.path}


def _read_priority(value: Json, at: str) -> str:
    return read_choice(value, at, _PRIORITIES)


def _read_retries(value: Json, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_RETRIES:
        raise BadRequest.at(at, f"must be a whole number from 0 to {MAX_RETRIES}")
    return value
