"""A prompt in the syntax of these servers, in which LoRAs are words too. Pure.

A prompt may say nothing to a server that its writer did not mean for it: what would name files, or be read as a
command, is declined. Weights such as `(word:1.2)` mean the same to the engines whose words jobs are in.

Sources: github AUTOMATIC1111/stable-diffusion-webui v1.10, `modules/extra_networks.py`, `prompt_parser.py` and
`processing_scripts/comments.py`; github vladmandic/sdnext and adieyal/sd-dynamic-prompts for what is filled in.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

COMMANDS: Final[Mapping[str, re.Pattern[str]]] = {
    "<name:...> as the name of a file": re.compile(r"<\w+:"),
    "what follows # as a comment": re.compile("#"),
    "AND as a second prompt": re.compile(r"\bAND\b"),
    "BREAK as a command": re.compile(r"\bBREAK\b"),
    # Where there are such files, or an extension that many have.
    "__name__ as a word to fill in": re.compile(r"__\S+?__"),
    "{ | } as a choice": re.compile(r"\{[^{}]*\|[^{}]*\}"),
}
BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
UNSAYABLE: Final = re.compile(r"[<>:=\r\n]")
"""What the name of a file in a prompt cannot have."""


def misread(prompt: str, engine: str) -> str | None:
    """What of a prompt for an engine would be read otherwise than it is meant; None if nothing."""
    return next(_misread(prompt, engine), None)


def with_loras(prompt: str, loras: Sequence[tuple[str, float]]) -> str:
    """A prompt with LoRAs by name and weight before it, where nothing of it can reach them.

    Names are as `can_be_said` has them.
    """
    return "".join(f"<lora:{name}:{_decimal(weight)}>" for name, weight in loras) + prompt


def can_be_said(name: str) -> bool:
    """Whether the name of a file can stand in a prompt, which is searched for commands with the name in it."""
    return UNSAYABLE.search(name) is None and not any(pattern.search(name) for pattern in COMMANDS.values())


def _misread(prompt: str, engine: str) -> Iterator[str]:
    yield from (what for what, pattern in COMMANDS.items() if pattern.search(prompt))
    if engine == "comfy" and ("[" in prompt or "]" in prompt):
        # To ComfyUI they are letters.
        yield "[ ] as less weight"
    while brackets := BRACKETS.search(prompt):
        if ":" in brackets[1] or "|" in brackets[1]:
            yield "[from:to:when] as a change under way"
        prompt = prompt[: brackets.start()] + prompt[brackets.end() :]


def _decimal(weight: float) -> str:
    """A number without an exponent, which servers could not read."""
    return format(Decimal(repr(weight)), "f")
