"""Prompts that a client offers to its user: they lead a model to the right engine and arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from palio.errors import BadRequest
from palio.surfaces.mcp import guides
from palio.surfaces.mcp.catalog import Action

MAX_ARGUMENT = 10_000


@dataclass(frozen=True, slots=True)
class Argument:
    """What a prompt is filled in with."""

    name: str
    description: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt by name. `write` makes its text of the arguments."""

    name: str
    title: str
    description: str
    arguments: Sequence[Argument]
    write: Callable[[Mapping[str, str]], str]

    def fill_in(self, sent: Mapping[str, str]) -> str:
        """The text. Raises BadRequest for arguments that are missing, unknown or too long."""
        known = [argument.name for argument in self.arguments]
        for argument in self.arguments:
            if argument.is_required and not sent.get(argument.name, "").strip():
                raise BadRequest.at(argument.name, "is required")
        for name, value in sent.items():
            if name not in known:
                raise BadRequest.at(name[:200], f"is not an argument of this prompt; known are {', '.join(known)}")
            if len(value) > MAX_ARGUMENT:
                raise BadRequest.at(name, f"must be at most {MAX_ARGUMENT} characters")
        return self.write(sent)


def _make_an_image(sent: Mapping[str, str]) -> str:
    used_for = f" It is for: {sent['purpose']}." if sent.get("purpose") else ""
    return (
        f"Make an image of this idea: {sent['idea']}.{used_for}\n\n"
        "First write the prompt: subject, setting, light, style, in plain sentences. Choose the engine and the shape "
        f"by the guide below. Then call {Action.generate} once, look at the preview, and say what you see and where "
        "the image is. If it misses the idea, change the prompt and try once more.\n\n"
        f"{guides.engines()}"
    )


def _choose_an_engine(sent: Mapping[str, str]) -> str:
    return (
        f"Which engine fits this task best, and with which arguments of {Action.generate}? {sent['task']}\n\n"
        "Name one engine and one alternative, each with its reason. Do not call a tool yet.\n\n"
        f"{guides.engines()}"
    )


PROMPTS: Mapping[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "make-an-image",
            "Make an image",
            "From an idea to an image, with an engine that fits.",
            (
                Argument("idea", "What the image is to show.", is_required=True),
                Argument("purpose", "What it is for: a cover, an icon, a print."),
            ),
            _make_an_image,
        ),
        Prompt(
            "choose-an-engine",
            "Choose an engine",
            "Which engine fits a task, and why.",
            (Argument("task", "What is to be made.", is_required=True),),
            _choose_an_engine,
        ),
    )
}
