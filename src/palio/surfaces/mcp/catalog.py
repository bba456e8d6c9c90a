"""The tools by name, with the words and hints that clients read.

Names, descriptions and hints are those of the capability files in `capabilities/`; a test holds them together. The
skill is written from the same descriptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a tool does, by the name that it is called by."""

    submit = "civitai-submit-workflow"
    get = "civitai-get-workflow"
    query = "civitai-query-workflows"
    cancel = "civitai-cancel-workflow"
    generate = "civitai-generate-image"


@dataclass(frozen=True, slots=True)
class Hints:
    """What a client may expect of a call, so that it knows whether to ask its user first."""

    read_only: bool
    destructive: bool
    idempotent: bool


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as it is listed. `alias` is the name that the service's own MCP server has for it."""

    action: Action
    title: str
    description: str
    hints: Hints
    alias: str


TOOLS: Sequence[ToolSpec] = (
    ToolSpec(
        Action.generate,
        "Generate an image",
        "Generate an image with a Civitai-hosted engine (Flux, SDXL, SD1, Z-Image, Qwen, Seedream, Grok).",
        Hints(read_only=False, destructive=False, idempotent=False),
        "generate_image",
    ),
    ToolSpec(
        Action.submit,
        "Submit a workflow",
        "Submit an AI generation workflow.",
        Hints(read_only=False, destructive=False, idempotent=False),
        "submit_workflow",
    ),
    ToolSpec(
        Action.get,
        "Get a workflow",
        "Get a workflow by ID.",
        Hints(read_only=True, destructive=False, idempotent=True),
        "get_workflow",
    ),
    ToolSpec(
        Action.query,
        "Find workflows",
        "Query workflows.",
        Hints(read_only=True, destructive=False, idempotent=True),
        "list_workflows",
    ),
    ToolSpec(
        Action.cancel,
        "Cancel a workflow",
        "Cancel/delete a workflow.",
        Hints(read_only=False, destructive=True, idempotent=True),
        "cancel_workflow",
    ),
)

INSTRUCTIONS = (
    f"Palio makes images. Call {Action.generate} with a prompt; it waits and answers with the images. "
    f"If they are not done in time the answer names the workflow: call {Action.get} with its id and a wait. "
    "A refused call says what is wrong by field: correct the fields and call again. "
    f"Several steps that use each other's results go to {Action.submit}. "
    "To start from an image that was made here, send its palio://blobs/ address in `images`. "
    "palio://guides/engines says what each engine takes, palio://guides/workflows how steps are written."
)
"""What a model reads before it has called anything."""


def names(with_aliases: bool) -> dict[str, ToolSpec]:
    """Every name that can be called, and the tool that it calls."""
    own = {str(tool.action): tool for tool in TOOLS}
    return own | {tool.alias: tool for tool in TOOLS} if with_aliases else own
