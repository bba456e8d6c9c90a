"""What a client submits: a workflow template of step templates, validated as far as it can be before running."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from palio.contract.callbacks import read_callbacks
from palio.contract.document import Callback, Tips
from palio.contract.json import Json, JsonObject
from palio.contract.members import (
    MAX_CHOICES,
    Errors,
    choices,
    read_boolean,
    read_choice,
    read_items,
    read_metadata,
    read_object,
    read_tags,
    read_text,
    size_of,
)
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

MAX_STEPS = 100
MAX_NAME_LENGTH = 128
MAX_RETRIES = 100
MAX_TIP = 2
MAX_REFERENCES = 256
"""How many references one step's input may have."""
MAX_ARGUMENTS = 1024 * 1024
"""Bytes of JSON that `arguments` may have."""
MAX_FILLED_IN = 16 * 1024 * 1024
"""Bytes of JSON that references may add to one step's input, however often they repeat the same value."""

ARGUMENTS = "$arguments"

_PRIORITIES = choices(["high", "normal", "low"])
_UPGRADE_MODES = choices(["manual", "automatic"])
_CURRENCIES = choices(["blue", "green", "yellow", "fakeRed"])
_NSFW_LEVELS = choices(["pg", "pg13", "r", "x", "xxx", "na"])
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_POSITION = re.compile(r"\$(0|[1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class StepTemplate:
    """One step as submitted. `references` and `depends_on` name steps as they are named, not by position.

    `input` is the typed input read from `raw_input` with what was known at submit; None if that was too little.
    """

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
class WorkflowTemplate:
    """A whole submission, with the contract's defaults filled in."""

    steps: tuple[StepTemplate, ...]
    metadata: JsonObject
    arguments: JsonObject
    tags: tuple[str, ...]
    callbacks: tuple[Callback, ...]
    tips: Tips
    nsfw_level: str | None
    experimental: bool | None
    allow_mature_content: bool | None
    ephemeral: bool | None
    upgrade_mode: str
    currencies: tuple[str, ...]
    external_id: str | None


def read_template(body: JsonObject) -> WorkflowTemplate:
    """The template in a request's body; raises one BadRequest that names everything wrong with it by path."""
    errors = Errors()
    arguments: JsonObject = errors.read(_read_arguments, body.get("arguments"), "arguments", {})
    template = WorkflowTemplate(
        steps=_read_steps(body.get("steps"), arguments, errors),
        metadata=errors.read(read_metadata, body.get("metadata"), "metadata", {}),
        arguments=arguments,
        tags=errors.read(read_tags, body.get("tags"), "tags", ()),
        callbacks=errors.read(read_callbacks, body.get("callbacks"), "callbacks", ()),
        tips=errors.read(_read_tips, body.get("tips"), "tips", Tips(civitai=0.0, creators=0.0)),
        nsfw_level=errors.read(_read_nsfw_level, body.get("nsfwLevel"), "nsfwLevel", None),
        experimental=errors.read(read_boolean, body.get("experimental"), "experimental", None),
        allow_mature_content=errors.read(read_boolean, body.get("allowMatureContent"), "allowMatureContent", None),
        ephemeral=errors.read(read_boolean, body.get("ephemeral"), "ephemeral", None),
        upgrade_mode=errors.read(_read_upgrade_mode, body.get("upgradeMode"), "upgradeMode", "manual"),
        currencies=errors.read(_read_currencies, body.get("currencies"), "currencies", ()),
        external_id=errors.read(_read_external_id, body.get("externalId"), "externalId", None),
    )
    errors.raise_any()
    return template


def check_ephemeral(template: WorkflowTemplate, wait: int) -> None:
    """Refuses an ephemeral workflow whose results could reach nobody: it is gone once it has ended."""
    if template.ephemeral and not template.callbacks and wait <= 0:
        raise BadRequest.at("ephemeral", "an ephemeral workflow needs at least one callback, or wait above 0")


def fill_in(step: StepTemplate, index: int, look_up: Callable[[Reference], Json], arguments: JsonObject) -> StepInput:
    """The typed input of the step at `index` once the steps it depends on have succeeded.

    `look_up` gives the value that a reference to another step stands for, or raises PathMissing. Raises
    BadRequest, by path as at submit, when a value is missing or the input is not valid with the values filled in.
    """
    if step.input is not None and not step.depends_on:
        return step.input
    at = f"steps[{index}].input"

    def find(reference: Reference) -> Json:
        return read_path(arguments, reference.path) if reference.source == ARGUMENTS else look_up(reference)

    errors = Errors()
    values = _values_of(step.references, find, at, errors)
    errors.raise_any()
    filled_in = read_input(step.type, resolve(step.raw_input, lambda found: values[found.place]), at)
    if filled_in is None:
        raise BadRequest.at(at, "is not complete")
    return filled_in


def _read_steps(value: Json, arguments: JsonObject, errors: Errors) -> tuple[StepTemplate, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_STEPS:
        errors.add("steps", f"must be an array of 1 to {MAX_STEPS} steps")
        return ()
    bodies = [body for body in value if isinstance(body, dict)]
    if len(bodies) < len(value):
        errors.add("steps", "must have only objects")
        return ()
    names = _read_names(bodies, errors)
    steps = tuple(_read_step(body, index, names, arguments, errors) for index, body in enumerate(bodies))
    _refuse_circles(steps, errors)
    return steps


def _read_names(bodies: Sequence[JsonObject], errors: Errors) -> list[str]:
    """The steps' names: by default `$` and their position, which no other step may be called."""
    names: list[str] = []
    for index, body in enumerate(bodies):
        at = f"steps[{index}].name"
        name = errors.read(_read_name, body.get("name"), at, f"${index}")
        position = _POSITION.fullmatch(name)
        if position and index != int(position[1]) < len(bodies):
            errors.add(at, f"`{name}` stands for steps[{position[1]}]")
        elif name == ARGUMENTS:
            errors.add(at, f"`{name}` stands for the arguments of the workflow")
        elif name in names:
            errors.add(at, f"repeats the name of steps[{names.index(name)}]")
        names.append(name)
    return names


def _read_step(
    body: JsonObject, index: int, names: Sequence[str], arguments: JsonObject, errors: Errors
) -> StepTemplate:
    at = f"steps[{index}]"
    step_type = errors.require(_read_name, body.get("$type"), f"{at}.$type", "")
    found = find_references(body.get("input"))
    references = _link(found, index, names, errors)
    return StepTemplate(
        type=step_type,
        name=names[index],
        priority=errors.read(_read_priority, body.get("priority"), f"{at}.priority", "normal"),
        timeout=errors.read(read_timespan, body.get("timeout"), f"{at}.timeout", None),
        retries=errors.read(_read_retries, body.get("retries"), f"{at}.retries", None),
        metadata=errors.read(read_metadata, body.get("metadata"), f"{at}.metadata", {}),
        raw_input=body.get("input"),
        input=_read_input(step_type, body, at, found, references, arguments, errors),
        references=references,
        depends_on=frozenset(reference.source for reference in references) - {ARGUMENTS},
    )


def _link(found: Sequence[Reference], index: int, names: Sequence[str], errors: Errors) -> tuple[Reference, ...]:
    """The references of the step at `index` that stand for something, with the name of the step as their source."""
    at = f"steps[{index}].input"
    if len(found) > MAX_REFERENCES:
        errors.add(at, f"must have at most {MAX_REFERENCES} references")
        return ()
    linked: list[Reference] = []
    for reference in found:
        place = _under(at, reference.place)
        source = _source_of(reference, names)
        if source is None:
            errors.add(place, f"refers to `{reference.source[:200]}`, but no step has that name")
        elif source == names[index]:
            errors.add(place, "refers to its own step")
        elif not is_path(reference.path):
            errors.add(place, "has a path that is not written like `output.images[0].url`")
        else:
            linked.append(Reference(reference.place, source, reference.path))
    return tuple(linked)


def _source_of(reference: Reference, names: Sequence[str]) -> str | None:
    if reference.source == ARGUMENTS or reference.source in names:
        return reference.source
    position = _POSITION.fullmatch(reference.source)
    return names[int(position[1])] if position and int(position[1]) < len(names) else None


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
            errors.add(_under(at, reference.place), str(missing))
            continue
        room -= size_of(value)
        if room < 0:
            errors.add(at, f"must have at most {MAX_FILLED_IN // 1024 // 1024} MiB with its references filled in")
            break
        values[reference.place] = value
    return values


def _refuse_circles(steps: Sequence[StepTemplate], errors: Errors) -> None:
    """Names every reference that is part of a circle: its step cannot start before its source, nor the other way."""
    position = {step.name: index for index, step in enumerate(steps)}
    # Bit j of needs[i] says that step i needs step j, by the end directly or through others.
    needs = [sum(1 << position[name] for name in step.depends_on) for step in steps]
    for through in range(len(steps)):
        for index in range(len(steps)):
            if needs[index] >> through & 1:
                needs[index] |= needs[through]
    for index, step in enumerate(steps):
        for reference in step.references:
            if reference.source != ARGUMENTS and needs[position[reference.source]] >> index & 1:
                at = _under(f"steps[{index}].input", reference.place)
                errors.add(at, f"closes a circle: `{reference.source}` also needs `{step.name}`")


def _under(at: str, place: Place) -> str:
    inside = show_place(place)
    return f"{at}.{inside}" if inside and not inside.startswith("[") else f"{at}{inside}"


def _as_json(reference: Reference) -> Json:
    return {"$ref": reference.source, "path": reference.path}


def _read_arguments(value: Json, at: str) -> JsonObject:
    return read_object(value, at, MAX_ARGUMENTS)


def _read_name(value: Json, at: str) -> str:
    return read_text(value, at, MAX_NAME_LENGTH)


def _read_priority(value: Json, at: str) -> str:
    return read_choice(value, at, _PRIORITIES)


def _read_upgrade_mode(value: Json, at: str) -> str:
    return read_choice(value, at, _UPGRADE_MODES)


def _read_nsfw_level(value: Json, at: str) -> str:
    return read_choice(value, at, _NSFW_LEVELS)


def _read_currencies(value: Json, at: str) -> tuple[str, ...]:
    chosen = read_items(lambda item, at: read_choice(item, at, _CURRENCIES), value, at, MAX_CHOICES)
    return tuple(dict.fromkeys(chosen))


def _read_retries(value: Json, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_RETRIES:
        raise BadRequest.at(at, f"must be a whole number from 0 to {MAX_RETRIES}")
    return value


def _read_external_id(value: Json, at: str) -> str:
    if not isinstance(value, str) or not _EXTERNAL_ID.fullmatch(value):
        raise BadRequest.at(at, "must be 1 to 128 letters, digits, `-` or `_`")
    return value


def _read_tips(value: Json, at: str) -> Tips:
    if not isinstance(value, dict):
        raise BadRequest.at(at, "must be an object")
    errors = Errors()
    tips = Tips(
        civitai=errors.read(_read_rate, value.get("civitai"), f"{at}.civitai", 0.0),
        creators=errors.read(_read_rate, value.get("creators"), f"{at}.creators", 0.0),
    )
    errors.raise_any()
    return tips


def _read_rate(value: Json, at: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= MAX_TIP:
        raise BadRequest.at(at, f"must be a rate from 0 to {MAX_TIP}")
    return float(value)
