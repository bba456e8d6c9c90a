"""What the tools take and give, as JSON Schema; bounds and choices come from the contract's models.

There is no `anyOf` at the top of a schema, because some models' APIs refuse it: both forms of a call, `body` and flat
members, are optional properties of one object, and their descriptions say which is needed.
"""

from collections.abc import Callable, Mapping

from palio.contract.image.friendly import FRIENDLY_ENGINES
from palio.contract.image.guide import DEFAULT_ENGINE, Range, aspects, guides, widest
from palio.contract.image.job import OutputFormat
from palio.contract.json import JsonObject
from palio.contract.members import MAX_TAGS
from palio.contract.query import MOST_TAKEN
from palio.contract.status import Status
from palio.contract.steps import STEP_TYPES
from palio.surfaces.mcp.arguments import DEFAULT_TAKE, DEFAULT_WAIT
from palio.surfaces.mcp.catalog import Action

EXAMPLES: Mapping[Action, JsonObject] = {
    Action.generate: {
        "engine": DEFAULT_ENGINE,
        "prompt": "a lighthouse on a cliff at dusk, long exposure",
        "aspectRatio": "3:2",
    },
    Action.submit: {
        "steps": [
            {
                "$type": "imageGen",
                "name": "draft",
                "input": {"engine": "flux2", "model": "klein", "operation": "createImage", "prompt": "a red kite"},
            },
        ],
        "wait": DEFAULT_WAIT,
    },
    Action.get: {"workflowId": "01KB2T5V9QW4X8Y1Z3A6C7D9EF", "wait": DEFAULT_WAIT},
    Action.query: {"status": "succeeded", "take": 5},
    Action.cancel: {"workflowId": "01KB2T5V9QW4X8Y1Z3A6C7D9EF"},
}
"""A call of each tool."""


def input_schema(action: Action, max_wait: int) -> JsonObject:
    """What a tool takes. `max_wait` is how many seconds the server holds a call at most."""
    schema: JsonObject = {
        "type": "object",
        "properties": _PROPERTIES[action](max_wait),
        # What has no name here goes into `body`.
        "additionalProperties": False,
        "examples": [EXAMPLES[action]],
    }
    return schema | {"required": ["workflowId"]} if action in (Action.get, Action.cancel) else schema


def output_schema(action: Action) -> JsonObject:
    """The structured content of a call that went well: what REST answers, in outline."""
    if action is Action.query:
        next_ = _text("The cursor of the next page; absent on the last.")
        page: JsonObject = {"items": {"type": "array", "items": {"type": "object"}}, "next": next_}
        return {"type": "object", "properties": page, "required": ["items"]}
    return {
        "type": "object",
        "properties": {
            "id": _text("The workflow's id; absent if it was only priced."),
            "status": {"type": "string", "enum": list(Status)},
            "steps": {"type": "array", "items": {"type": "object"}, "description": "Images in output.images."},
            "cost": {"type": "object", "description": "In Buzz."},
        },
        "required": ["status"],
    }


def _generate(max_wait: int) -> JsonObject:
    side = widest(guide.side for guide in guides())
    return {
        "prompt": _text("What the image shows. Required, unless `body` is sent.", maxLength=10_000),
        "engine": {
            "type": "string",
            "enum": list(FRIENDLY_ENGINES),
            "default": DEFAULT_ENGINE,
            "description": "; ".join(f"{guide.engine}: {guide.good_for}" for guide in guides()),
        },
        "negativePrompt": _text(f"What to keep out of it. Not for {_without(lambda g: g.takes_negative_prompt)}."),
        "size": _text(
            f"Width x height in pixels, such as 1024x768; sides {side}. {_sides()} "
            "Multiples of 16 always fit. Send this or `aspectRatio`, or neither.",
            pattern="^[0-9]{2,5}x[0-9]{2,5}$",
        ),
        "aspectRatio": _text(
            f"The shape, such as 16:9, from 1:4 to 4:1; the size is chosen to fit the engine. Known to all by name: "
            f"{', '.join(_common_aspects())}.",
            examples=["1:1", "16:9", "2:3"],
        ),
        "quantity": _whole(
            widest(guide.quantity for guide in guides()), "How many images. " + _most("quantity", 12), default=1
        ),
        "seed": {"type": "integer", "description": "The same seed and input give the same image. Not for grok."},
        "steps": _whole(widest(guide.steps for guide in guides()), "Sampling steps. Best left to the engine."),
        "cfgScale": {
            **_range(widest(guide.cfg_scale for guide in guides())),
            "type": "number",
            "description": "How closely to follow the prompt. Best left to the engine.",
        },
        "images": {
            "type": "array",
            "maxItems": 16,
            "items": {"type": "string"},
            "description": "Images to edit or start from: palio://blobs/ addresses, http(s) URLs or data URLs. "
            f"Not for {_without(lambda g: len(g.operations) > 1)}.",
        },
        "strength": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": f"With one image: vary it this much. Not for {_without(lambda g: 'vary' in g.operations)}.",
        },
        "model": _text(f"A model of the engine. {_models()}"),
        "outputFormat": {
            "type": "string",
            "enum": list(OutputFormat),
            "default": OutputFormat.jpeg.value,
            "description": "The file's encoding.",
        },
        "wait": _wait(max_wait, DEFAULT_WAIT),
        "whatif": _WHATIF,
        "body": {
            "type": "object",
            "description": "In place of all of the above but wait and whatif: an imageGen input, or a workflow "
            "template with `steps`.",
        },
    }


def _submit(max_wait: int) -> JsonObject:
    return {
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "description": "The steps. They run in parallel as soon as what they refer to is there. Required, unless "
            "`body` is sent.",
            "items": {
                "type": "object",
                "required": ["$type", "input"],
                "properties": {
                    "$type": {"type": "string", "enum": list(STEP_TYPES)},
                    "name": _text("To refer to it; $0, $1 ... if it has none.", maxLength=128),
                    "input": {
                        "type": "object",
                        "description": "As the type has it; see palio://guides/workflows. Any value may be "
                        '{"$ref": "<step name>", "path": "output.images[0].url"}.',
                    },
                    "metadata": {"type": "object"},
                    "retries": {"type": "integer", "minimum": 0, "maximum": 100},
                    "timeout": _text("Such as 00:10:00."),
                },
            },
        },
        "arguments": {"type": "object", "description": 'Values that steps refer to by {"$ref": "$arguments"}.'},
        "tags": _TAGS,
        "metadata": {"type": "object", "description": "Anything to keep with it."},
        "externalId": _text("A name of yours; submitting it again gives the same workflow.", maxLength=128),
        "wait": _wait(max_wait, 0),
        "whatif": _WHATIF,
        "body": {
            "type": "object",
            "description": "In place of all of the above but wait and whatif: the workflow template.",
        },
    }


def _get(max_wait: int) -> JsonObject:
    return {"workflowId": _ID, "wait": _wait(max_wait, 0), "previews": _PREVIEWS}


def _query(_max_wait: int) -> JsonObject:
    return {
        "take": _whole(Range(1, MOST_TAKEN), "How many at most, newest first.", default=DEFAULT_TAKE),
        "cursor": _text("Where to go on: the `next` of the page before."),
        "status": {"type": "string", "enum": list(Status), "description": "Only those with this status."},
        "tags": {**_TAGS, "description": "Only those with all of these tags."},
    }


def _cancel(_max_wait: int) -> JsonObject:
    return {
        "workflowId": _ID,
        "delete": {
            "type": "boolean",
            "default": False,
            "description": "Also delete it: it can no longer be found, nor its record read.",
        },
    }


_PROPERTIES: Mapping[Action, Callable[[int], JsonObject]] = {
    Action.generate: _generate,
    Action.submit: _submit,
    Action.get: _get,
    Action.query: _query,
    Action.cancel: _cancel,
}


def _text(description: str, **more: object) -> JsonObject:
    return {"type": "string", **more, "description": description}  # type: ignore[dict-item]


def _whole(bounds: Range, description: str, **more: int) -> JsonObject:
    return {"type": "integer", **_range(bounds), **more, "description": description}


def _range(bounds: Range) -> JsonObject:
    return {"minimum": bounds.least, "maximum": bounds.most}


def _wait(most: int, default: int) -> JsonObject:
    then = f"After that the answer is the workflow as it is; {Action.get} waits on."
    return _whole(Range(0, most), f"Seconds to wait for the end. {then}", default=min(default, most))


def _without(takes: Callable[..., object]) -> str:
    return ", ".join(guide.engine for guide in guides() if not takes(guide)) or "none"


def _common_aspects() -> list[str]:
    named = [guide.aspects for guide in guides() if guide.aspects]
    return [aspect for aspect in aspects() if all(aspect in known for known in named)]


def _sides() -> str:
    return "By engine: " + ", ".join(f"{guide.engine} {guide.side}" for guide in guides() if guide.side) + "."


def _most(member: str, usual: int) -> str:
    fewer = [f"{guide.engine} {guide.quantity.most:g}" for guide in guides() if guide.quantity.most != usual]
    return f"At most {usual}; {', '.join(fewer)}." if fewer else ""


def _models() -> str:
    told = [f"{guide.engine}: {', '.join(guide.models)}" for guide in guides() if guide.models]
    checkpoints = " and ".join(guide.engine for guide in guides() if guide.takes_checkpoint)
    return "; ".join(told) + f". For {checkpoints} a checkpoint's AIR."


_ID = _text("The id that the answer to a submission has.")
_TAGS: JsonObject = {
    "type": "array",
    "items": {"type": "string"},
    "maxItems": MAX_TAGS,
    "description": "To find it by.",
}
_WHATIF: JsonObject = {"type": "boolean", "default": False, "description": "Only check it and say what it costs."}
_PREVIEWS: JsonObject = {"type": "boolean", "default": True, "description": "Show small previews of the images."}
