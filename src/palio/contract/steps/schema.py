"""The inputs of steps as JSON Schema, for the OpenAPI document."""

import copy
from functools import cache

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from palio.contract.image.variants import ENGINES, Branch, Variant, leaves
from palio.contract.json import JsonObject
from palio.contract.references import MAX_PATH_LENGTH
from palio.contract.steps.echo import EchoInput
from palio.contract.steps.repeat import MAX_ITEMS, MAX_NESTING, MAX_VARIABLE_LENGTH
from palio.contract.steps.text_to_image import TextToImageInput

UNION = "ImageGenInput"
_PLACE = "#/components/schemas/"
_ABOUT = (
    "An image to make. Which variant it is is told by `engine` and then, as that engine has it, by `ecosystem`, "
    "`model` and `operation`; these may stand anywhere in the object and their values are case-sensitive. Other "
    "enumerated values are read in any case. Numbers may be quoted. A variant's members are all there are: "
    "others are refused.\n\n"
    'Wherever a value is expected, at any depth, a reference object {"$ref": "<step name, $<index> or '
    '$arguments>", "path": "output.images[0].url"} may stand instead; it is replaced when that step has succeeded.'
)
_REPEAT: JsonObject = {
    "type": "object",
    "required": ["for", "template"],
    "description": f"Another step, once for each item of an array of at most {MAX_ITEMS}. Copies run at the same time "
    "and are in `output.steps`, in the order of the items.",
    "properties": {
        "for": {
            "type": "object",
            "required": ["$ref", "path", "as"],
            "description": "Where the array is, in a step or the arguments, and what an item is called.",
            # As a property it would be taken for a reference by tools that look for the word anywhere.
            "patternProperties": {"^\\$ref$": {"type": "string", "examples": ["$arguments", "$0"]}},
            "properties": {
                "path": {"type": "string", "maxLength": MAX_PATH_LENGTH, "examples": ["prompts", "output.images"]},
                "as": {"type": "string", "minLength": 1, "maxLength": MAX_VARIABLE_LENGTH},
            },
        },
        "template": {
            "allOf": [{"$ref": _PLACE + "WorkflowStepTemplate"}],
            "description": 'A step in which {"$ref": "<as>", "path": "..."} reads the item. Its `name` has no effect: '
            "copies are called `<name of the repeat>[<index>]`. "
            f"A repeat may stand in a repeat, {MAX_NESTING} deep.",
        },
    },
}


def input_schemas() -> dict[str, JsonObject]:
    """Schemas by component name: `ImageGenInput`, its variants, `TextToImageInput`, `EchoInput` and `RepeatInput`.

    For OpenAPI 3.1; they refer to one another, and to `WorkflowStepTemplate`, as `#/components/schemas/<name>`.
    """
    return copy.deepcopy(_schemas())


@cache
def _schemas() -> dict[str, JsonObject]:
    ways: dict[Variant, list[str]] = {}
    for way, variant in leaves():
        ways.setdefault(variant, []).append(", ".join(way.values()))
    models: list[type[BaseModel]] = [*ways, TextToImageInput, EchoInput]
    _, generated = models_json_schema([(model, "validation") for model in models], ref_template=_PLACE + "{model}")
    schemas: dict[str, JsonObject] = generated["$defs"]
    for schema in schemas.values():
        _tidy(schema)
    for variant, described in ways.items():
        schemas[variant.__name__]["description"] = f"{' or '.join(described)}. {variant.__doc__}"
    _add_union(schemas, ENGINES, UNION)
    schemas[UNION]["description"] = _ABOUT
    schemas["RepeatInput"] = copy.deepcopy(_REPEAT)
    return schemas


def _add_union(schemas: dict[str, JsonObject], branch: Branch, name: str) -> None:
    names: dict[int, str] = {}
    mapping: JsonObject = {}
    for value, way in branch.ways.items():
        # Where two values lead the same way there is one schema, or both would match and `oneOf` fail.
        target = names.setdefault(id(way), _name_of(name, value, way))
        if isinstance(way, Branch) and target not in schemas:
            _add_union(schemas, way, target)
        mapping[value] = _PLACE + target
    schemas[name] = {
        "title": name,
        "oneOf": [{"$ref": _PLACE + target} for target in dict.fromkeys(names.values())],
        "discriminator": {"propertyName": branch.member, "mapping": mapping},
    }


def _name_of(union: str, value: str, way: Branch | Variant) -> str:
    if not isinstance(way, Branch):
        return way.__name__
    word = "".join(part[:1].upper() + part[1:] for part in value.split("-"))
    return f"{union.removesuffix(UNION)}{word}{UNION}"


def _tidy(schema: JsonObject) -> None:
    # pydantic titles every member by its name, which says nothing; and a member that may be left out but not be
    # null has None for "left out", which is no value of its own.
    members = schema.get("properties")
    for member in members.values() if isinstance(members, dict) else ():
        if isinstance(member, dict):
            member.pop("title", None)
            if member.get("default", ...) is None:
                del member["default"]
