"""One step as a client submits it: validated as far as it can be at once, and in full when its references are known."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from palio.contract.json import Json, JsonObject
from palio.contract.members import Errors, choices, read_choice, read_metadata, read_text
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
from palio.contract.steps.reading import object_at
from palio.contract.steps.repeat import (
    MAX_FILLED_IN,
    MAX_NESTING,
    REPEAT,
    Allowance,
    Loop,
    copy_name,
    copy_of,
    count_items,
    read_loop,
)
from palio.contract.timespan import read_timespan
from palio.errors import BadRequest

MAX_NAME_LENGTH = 128
MAX_RETRIES = 100
MAX_REFERENCES = 256
"""How many references one step's input may have."""
MAX_FAULTY_COPIES = 10
"""How many copies are told to be wrong before the others are not looked at any more."""

ARGUMENTS = "$arguments"

_PRIORITIES = choices(["high", "normal", "low"])
_POSITION = re.compile(r"\$(0|[1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class StepTemplate:
    """One step as submitted. `references` and `depends_on` name steps as they are named, not by position.

    `at` is where it stands in the request, e.g. `steps[0]`. `input` is the typed input read from `raw_input` with
    what was known at submit; None if that was too little, and of a `repeat` step, which has `repeat` instead.
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
    repeat: "Repeat | None" = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a `repeat` step does: `template`, in which the item is not known, for each item that `loop` finds.

    `copies` are the steps that come of it; None as long as the array is not known.
    """

    loop: Loop
    template: StepTemplate
    copies: tuple[StepTemplate, ...] | None


@dataclass(frozen=True, slots=True)
class Scope:
    """What the references of a step may read from: the other steps, by name or position, and the arguments.

    `step` is the name of the step itself, or of the one in which it is repeated. Inside a repeat, `variables` are
    what items are called. `allowance` is for all copies of the workflow; `is_copy` when the step is one. `trial` is
    for what is repeated inside of templates, which are read before the copies are made.
    """

    names: Sequence[str]
    arguments: JsonObject
    step: str
    allowance: Allowance = field(default_factory=Allowance)
    trial: Allowance = field(default_factory=Allowance.of_trials)
    variables: frozenset[str] = frozenset()
    is_copy: bool = False

    def source(self, named: str) -> str | None:
        """The name of what a reference names; None if there is no such thing."""
        if named == ARGUMENTS or named in self.names or named in self.variables:
            return named
        position = position_of(named)
        return self.names[position] if position is not None and position < len(self.names) else None


def read_step(body: JsonObject, at: str, name: str, scope: Scope, errors: Errors) -> StepTemplate:
    """The step in `body`, which stands at `at`; what is wrong with it is added to `errors` by path."""
    step_type = errors.require(read_name, body.get("$type"), f"{at}.$type", "")
    repeat = _read_repeat(body, at, name, scope, errors) if step_type == REPEAT else None
    references: tuple[Reference, ...] = ()
    step_input: StepInput | None = None
    if step_type != REPEAT:
        found = find_references(body.get("input"))
        references = _link(found, f"{at}.input", scope, errors)
        step_input = _read_input(step_type, body, f"{at}.input", found, references, scope, errors)
    elif repeat is not None:
        references = _references_of(repeat)
    return StepTemplate(
        at=at,
        type=step_type,
        name=name,
        priority=errors.read(_read_priority, body.get("priority"), f"{at}.priority", "normal"),
        timeout=errors.read(read_timespan, body.get("timeout"), f"{at}.timeout", None),
        retries=errors.read(_read_retries, body.get("retries"), f"{at}.retries", None),
        metadata=errors.read(read_metadata, body.get("metadata"), f"{at}.metadata", {}),
        raw_input=body.get("input"),
        input=step_input,
        references=references,
        depends_on=frozenset(reference.source for reference in references) - {ARGUMENTS} - scope.variables,
        repeat=repeat,
    )


def fan_out(step: StepTemplate, count: int, scope: Scope) -> tuple[StepTemplate, ...]:
    """The copies that a `repeat` step makes for so many items. Raises BadRequest, by path as at submit."""
    if step.repeat is None:
        return ()
    if step.repeat.copies is not None:
        return step.repeat.copies
    template = object_at(object_at(step.raw_input, step.at).get("template"), step.repeat.template.at)
    errors = Errors()
    copies = _read_copies(template, step.repeat, count, step.name, scope, errors)
    errors.raise_any()
    return copies


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
    values = _values_of(step.references, find, at, Allowance(), errors)
    errors.raise_any()
    filled_in = read_input(step.type, resolve(step.raw_input, lambda found: values[found.place]), at)
    if filled_in is None:
        raise BadRequest.at(at, "is not complete")
    return filled_in


def every_template(steps: Iterable[StepTemplate]) -> Iterator[StepTemplate]:
    """The steps, each followed by the copies that it is known to make, however deep."""
    for step in steps:
        yield step
        if step.repeat is not None:
            yield from every_template(step.repeat.copies or ())


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


def _read_repeat(body: JsonObject, at: str, name: str, scope: Scope, errors: Errors) -> Repeat | None:
    """What a repeat does, with its copies if the array is among the arguments; None if something is wrong."""
    at_loop, at_template = f"{at}.input.for", f"{at}.input.template"
    inside = Errors()
    try:
        if len(scope.variables) == MAX_NESTING:
            raise BadRequest.at(at, f"at most {MAX_NESTING} repeats may stand inside one another")
        sent = object_at(body.get("input"), f"{at}.input")
        loop = read_loop(sent.get("for"), at_loop, scope.source)
        if loop.source == scope.step:
            raise BadRequest.at(at_loop, "refers to its own step")
        template = object_at(sent.get("template"), at_template)
        step = read_step(template, at_template, copy_name(name, 0), _inside(scope, loop), inside)
        inside.raise_any()
        repeat = Repeat(loop, step, None)
        if loop.source != ARGUMENTS:
            return repeat
        count = count_items(read_path(scope.arguments, loop.path), loop, at_loop)
        copies = _read_copies(template, repeat, count, name, scope, inside)
        inside.raise_any()
        return replace(repeat, copies=copies)
    except PathMissing as missing:
        errors.add(at_loop, str(missing))
    except BadRequest as problem:
        errors.join(problem)
    return None


def _inside(scope: Scope, loop: Loop) -> Scope:
    # What is repeated in there is counted for good when the copies are made.
    return replace(scope, variables=scope.variables | {loop.variable}, allowance=scope.trial)


def _read_copies(
    body: JsonObject, repeat: Repeat, count: int, name: str, scope: Scope, errors: Errors
) -> tuple[StepTemplate, ...]:
    at, loop = repeat.template.at, repeat.loop
    scope.allowance.take(count, body, at)
    copies: list[StepTemplate] = []
    faulty = 0
    for index in range(count):
        inside = Errors()
        copy = copy_of(body, loop, index)
        copies.append(read_step(copy, at, copy_name(name, index), replace(scope, is_copy=True), inside))
        try:
            inside.raise_any()
        except BadRequest as problem:
            for path, messages in problem.errors.items():
                errors.add(path, f"for `{loop.item(index)}` of `{loop.source}`: {messages[0]}")
            faulty += 1
            if faulty == MAX_FAULTY_COPIES:
                break
    return tuple(copies)


def _references_of(repeat: Repeat) -> tuple[Reference, ...]:
    """What a repeat needs from outside: the array, and what its template refers to but for the item."""
    array = Reference(("for",), repeat.loop.source, repeat.loop.path)
    inside = [
        Reference(("template", "input", *reference.place), reference.source, reference.path)
        for reference in repeat.template.references
        if reference.source != repeat.loop.variable
    ]
    return (array, *inside)


def _link(found: Sequence[Reference], at: str, scope: Scope, errors: Errors) -> tuple[Reference, ...]:
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
        elif source == scope.step:
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
    scope: Scope,
    errors: Errors,
) -> StepInput | None:
    """The input read as far as it is known: with the arguments filled in, but not yet what other steps make."""
    if "input" not in body:
        errors.add(at, "is required")
    if "input" not in body or not step_type:
        return None
    to_arguments = [reference for reference in references if reference.source == ARGUMENTS]
    allowance = scope.allowance if scope.is_copy or scope.variables else Allowance()
    values = _values_of(
        to_arguments, lambda reference: read_path(scope.arguments, reference.path), at, allowance, errors
    )
    known = resolve(body["input"], lambda reference: values.get(reference.place, _as_json(reference)))
    unknown = {reference.place for reference in found if reference.place not in values}
    try:
        return read_input(step_type, known, at, unknown)
    except BadRequest as problem:
        errors.join(problem)
        return None


def _values_of(
    references: Sequence[Reference],
    look_up: Callable[[Reference], Json],
    at: str,
    allowance: Allowance,
    errors: Errors,
) -> Mapping[Place, Json]:
    """What the references of the input at `at` stand for, by their place."""
    values: dict[Place, Json] = {}
    for reference in references:
        try:
            value = look_up(reference)
        except PathMissing as missing:
            errors.add(under(at, reference.place), str(missing))
            continue
        if not allowance.fill_in(value):
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
