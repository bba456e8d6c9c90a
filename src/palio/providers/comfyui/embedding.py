"""Embeddings in prompts: where a prompt names one, it is written as ComfyUI reads it. Pure.

That is a word of its own between blanks, or in brackets with a weight: `embedding:name` next to anything else is read
as a name that no file has, or as plain words, and passed over without an error.

Source: github Comfy-Org/ComfyUI v0.3.64, `comfy/sd1_clip.py`.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from palio.providers.base import Incapable

UNSAYABLE = re.compile(r"[\s,:()\\]")
"""What the name of a file in a prompt cannot have."""


def stem_of(file: str) -> str:
    """The name of an embedding as ComfyUI lists it: without suffix, its folder included."""
    return re.sub(r"\.(safetensors|pt|bin)$", "", file)


def with_embedding(file: str, prompts: Sequence[str]) -> list[str]:
    """Prompts with the name of an embedding's file replaced by what loads it. Raises Incapable if none has it.

    A number that the name ends with, as that of an AIR's version, need not be written.
    """
    if UNSAYABLE.search(stem_of(file)):
        raise Incapable(f"cannot name the embedding {file} in a prompt")
    name = PurePosixPath(stem_of(file)).name
    short = re.sub(r"[-_ ]\d+$", "", name)
    words = "|".join(re.escape(word) for word in sorted({name, short}, key=len, reverse=True))
    named = re.compile(rf"(?<![\w:/.-])(?:{words})(?![\w/-])", re.IGNORECASE)
    if not any(named.search(prompt) for prompt in prompts):
        raise Incapable(f"loads an embedding where a prompt names it, and no prompt says {short}")
    return [named.sub(lambda found: _apart(found, f"embedding:{stem_of(file)}"), prompt) for prompt in prompts]


def _apart(found: re.Match[str], word: str) -> str:
    """A word in the place of what was found, with a blank to each side where there is neither one nor an end."""
    before, after = found.string[: found.start()], found.string[found.end() :]
    is_apart = before == "" or before[-1].isspace() or re.search(r"(?<!\\)\($", before)
    ends = after == "" or after[0].isspace() or re.match(r"\)|:[\d.]+\)|,(\s|$)", after)
    return f"{'' if is_apart else ' '}{word}{'' if ends else ' '}"
