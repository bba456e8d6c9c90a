"""What a model can read before it calls: which engine to take, how a workflow of several steps is written.

The same pages are the references of the skill.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from palio.contract.image.guide import DEFAULT_ENGINE, Guide, guides
from palio.contract.json import JsonObject
from palio.contract.query import LONGEST_WAIT
from palio.contract.steps import STEP_TYPES
from palio.contract.steps.repeat import MAX_ITEMS
from palio.contract.template import MAX_STEPS

TWO_STEPS: JsonObject = {
    "steps": [
        {
            "$type": "imageGen",
            "name": "draft",
            "input": {
                "engine": "flux2",
                "model": "klein",
                "operation": "createImage",
                "prompt": "a stone bridge over a mountain stream",
                "outputFormat": "png",
            },
        },
        {
            "$type": "imageGen",
            "name": "night",
            "input": {
                "engine": "flux2",
                "model": "klein",
                "operation": "editImage",
                "prompt": "the same at night, with lanterns",
                "images": [{"$ref": "draft", "path": "output.images[0].url"}],
                "outputFormat": "png",
            },
        },
    ],
    "tags": ["example"],
}
"""A template in which a step uses another's image."""


EACH_ANIMAL: JsonObject = {
    "$type": "repeat",
    "name": "animals",
    "input": {
        "for": {"$ref": "$arguments", "path": "animals", "as": "animal"},
        "template": {
            "$type": "imageGen",
            "input": {
                "engine": "flux2",
                "model": "klein",
                "operation": "createImage",
                "prompt": {"$ref": "animal", "path": ""},
            },
        },
    },
}
"""A step that repeats another one for each of the arguments `animals`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A guide: its name in `palio://guides/{name}`, and how it is written when it is asked for."""

    name: str
    title: str
    write: Callable[[], str]


def engines() -> str:
    """Which engine to take, and what each one takes."""
    rows = [f"| {_cells(guide)} |" for guide in guides()]
    return "\n".join(
        [
            "# Engines",
            "",
            f"Take `{DEFAULT_ENGINE}` unless something below speaks for another.",
            "",
            *[f"- `{guide.engine}`: {guide.good_for}." for guide in guides()],
            "",
            "| engine | can | side or shapes | images | steps | cfgScale | negative prompt | seed | model |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            "Sides are pixels; sides that are multiples of 16 always fit. `create` needs a prompt alone, `edit` needs "
            "`images` too, `vary` one of them and a `strength` from 0 to 1. Steps and cfgScale are best left out. "
            "The first model is taken when none is named.",
            "",
        ]
    )


def workflows() -> str:
    """How a workflow of several steps is written."""
    return "\n".join(
        [
            "# Workflows",
            "",
            f"A workflow has 1 to {MAX_STEPS} steps. A step has a `$type` ({', '.join(STEP_TYPES)}), an `input`, and "
            "a `name` if others refer to it. Steps run in parallel as soon as what they refer to is there.",
            "",
            'Any value in an input may be `{"$ref": "<step name>", "path": "output.images[0].url"}`, which stands for '
            'a result of that step, or `{"$ref": "$arguments", "path": "..."}` for one of the workflow\'s '
            "`arguments`.",
            "",
            "```json",
            json.dumps(TWO_STEPS, indent=2),
            "```",
            "",
            "- The input of `echo` is a `message`, which becomes `output.message`.",
            "- The input of `imageGen` has `engine` and then, as the engine has them, `ecosystem`, `model` and "
            "`operation`. `/openapi.json` of the server describes every variant as `ImageGenInput`.",
            "- The input of `textToImage` has a `prompt`, and `model` (the AIR of a Stable Diffusion checkpoint), "
            "`width`, `height`, `quantity` and `seed` as wished. `imageGen` is for every other model.",
            "- `repeat` does its `template`, which is a step, once for each item of the array that `for` refers to: "
            f"`{json.dumps(EACH_ANIMAL)}`. They are in its `output.steps`, in the order of the items, of which "
            f"there may be {MAX_ITEMS}. Another step refers to one as `output.steps[0].output.images[0].url`.",
            f"- `wait` holds a reply until the workflow is over, for {LONGEST_WAIT} seconds at most. A workflow goes "
            "on when nobody waits; look at it later by its id.",
            "- It has ended when its status is succeeded, failed, expired or canceled.",
            "",
        ]
    )


PAGES: Mapping[str, Page] = {
    "engines": Page("engines", "Which engine to take, and what each takes", engines),
    "workflows": Page("workflows", "How workflows of several steps are written", workflows),
}


def _cells(guide: Guide) -> str:
    cells = (
        f"`{guide.engine}`",
        ", ".join(guide.operations),
        str(guide.side) if guide.side else ", ".join(guide.aspects),
        f"{guide.quantity}",
        str(guide.steps) if guide.steps else "-",
        str(guide.cfg_scale) if guide.cfg_scale else "-",
        "yes" if guide.takes_negative_prompt else "-",
        "yes" if guide.takes_seed else "-",
        ", ".join(guide.models) or ("AIR of a checkpoint" if guide.takes_checkpoint else "-"),
    )
    return " | ".join(cells)
