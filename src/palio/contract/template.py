"""What a client submits: a workflow template of step templates, validated as far as it can be before running."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
)
from palio.contract.step_template import ARGUMENTS, Scope, StepTemplate, position_of, read_name, read_step, under
from palio.contract.steps.repeat import REPEAT, Allowance
from palio.errors import BadRequest

MAX_STEPS = 100
MAX_TIP = 2
MAX_ARGUMENTS = 1024 * 1024
"""Bytes of JSON that `arguments` may have."""

_UPGRADE_MODES = choices(["manual", "automatic"])
_CURRENCIES = choices(["blue", "green", "yellow", "fakeRed"])
_NSFW_LEVELS = choices(["pg", "pg13", "r", "x", "xxx", "na"])
_COPY = re.compile(r"(.+)\[[0-9]+\]")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


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


def _read_steps(value: Json, arguments: JsonObject, errors: Errors) -> tuple[StepTemplate, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_STEPS:
        errors.add("steps", f"must be an array of 1 to {MAX_STEPS} steps")
        return ()
    bodies = [body for body in value if isinstance(body, dict)]
    if len(bodies) < len(value):
        errors.add("steps", "must have only objects")
        return ()
    names = _read_names(bodies, errors)
    allowance, trial = Allowance(), Allowance.of_trials()
    steps = tuple(
        read_step(body, f"steps[{index}]", name, Scope(names, arguments, name, allowance, trial), errors)
        for index, (body, name) in enumerate(zip(bodies, names, strict=True))
    )
    _refuse_circles(steps, errors)
    return steps


def _read_names(bodies: Sequence[JsonObject], errors: Errors) -> list[str]:
    """The steps' names: by default `$` and their position, which no other step may be called."""
    names: list[str] = []
    for index, body in enumerate(bodies):
        at = f"steps[{index}].name"
        name = errors.read(read_name, body.get("name"), at, f"${index}")
        position = position_of(name)
        if position is not None and index != position < len(bodies):
            errors.add(at, f"`{name}` stands for steps[{position}]")
        elif name == ARGUMENTS:
            errors.add(at, f"`{name}` stands for the arguments of the workflow")
        elif name in names:
            errors.add(at, f"repeats the name of steps[{names.index(name)}]")
        names.append(name)
    repeats = {name: index for index, name in enumerate(names) if bodies[index].get("$type") == REPEAT}
    for index, name in enumerate(names):
        copied = _COPY.fullmatch(name)
        while copied and copied[1] not in repeats:
            copied = _COPY.fullmatch(copied[1])
        if copied:
            errors.add(f"steps[{index}].name", f"`{name}` stands for a copy that steps[{repeats[copied[1]]}] makes")
    return names


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
                at = under(f"{step.at}.input", reference.place)
                errors.add(at, f"closes a circle: `{reference.source}` also needs `{step.name}`")


def _read_arguments(value: Json, at: str) -> JsonObject:
    return read_object(value, at, MAX_ARGUMENTS)


def _read_upgrade_mode(value: Json, at: str) -> str:
    return read_choice(value, at, _UPGRADE_MODES)


def _read_nsfw_level(value: Json, at: str) -> str:
    return read_choice(value, at, _NSFW_LEVELS)


def _read_currencies(value: Json, at: str) -> tuple[str, ...]:
    chosen = read_items(lambda item, at: read_choice(item, at, _CURRENCIES), value, at, MAX_CHOICES)
    return tuple(dict.fromkeys(chosen))


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
