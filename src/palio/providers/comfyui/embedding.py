"""Embeddings in prompts: where a prompt names one, it is written as ComfyUI reads it. Pure."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from palio.providers.base import Incapable


def stem_of(file: str) -> str:
    """The name of an embedding as ComfyUI lists it: without suffix, its folder included."""
    return re.sub(r"\.(safetensors|pt|bin)$", "", file)


def with_embedding(file: str, prompts: Sequence[str]) -> list[str]:
    """Prompts with the name of an embedding's file replaced by what loads it. Raises Incapable if none has it.

    A number that the name ends with, as that of an AIR's version, need not be written.
    """
    name = PurePosixPath(stem_of(file)).name
    short = re.sub(r"[-_ ]\d+$", "", name)
    words = "|".join(re.escape(word) for word in sorted({name, short}, key=len, reverse=True))
    named = re.compile(rf"(?<![\w:/.-])(?:{words})(?![\w/-])", re.IGNORECASE)
    if not any(named.search(prompt) for prompt in prompts):
        raise Incapable(f"loads an embedding where a prompt names it, and no prompt says {short}")
    return [named.sub(lambda found: f"embedding:{stem_of(file)}", prompt) for prompt in prompts]
