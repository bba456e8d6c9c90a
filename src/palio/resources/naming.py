"""What names of files say about what is in them, and what AIRs ask of them."""

import re
from pathlib import PurePosixPath

from palio.contract.air import Air

SAFE = (".safetensors", ".sft", ".gguf")
"""Suffixes of formats that hold numbers and nothing else."""
PICKLES = (".ckpt", ".pt", ".pth", ".bin")
"""Suffixes of formats whose loading can run code that is in them."""
_TELLING_DIGITS = 5
"""A shorter number stands in many names for something else: `v1-5`, `flux-2`, `768`, a year."""
_SPELLINGS = {"safetensor": ".safetensors", "sft": ".safetensors"}
_DIGITS = re.compile(r"[0-9]+")


def suffixes(*, allow_pickle: bool) -> tuple[str, ...]:
    """The suffixes of files that may be loaded."""
    return (*SAFE, *PICKLES) if allow_pickle else SAFE


def suffix_of(name: str) -> str:
    """The suffix of a file's name; a name that is nothing else has none."""
    return PurePosixPath(name).suffix.lower()


def numbers_in(name: str) -> frozenset[str]:
    """The numbers that stand in a file's name, each whole."""
    return frozenset(_DIGITS.findall(name))


def telling_numbers(air: Air) -> frozenset[str] | None:
    """The numbers that a file's name has to bear to be what an AIR stands for; None if no number would tell."""
    version = air.version or ""
    if len(version) < _TELLING_DIGITS or not (version.isascii() and version.isdigit()):
        return None
    return frozenset(number for number in (version, air.file) if number)


def key_of(air: Air) -> str:
    """What tells one file from another in an AIR: its ecosystem and type do not."""
    version = f"@{air.version}" if air.version else ""
    file = f"+{air.file}" if air.file else ""
    suffix = f".{air.format.lower()}" if air.format else ""
    return f"{air.source.lower()}:{air.id}{version}{file}{suffix}"


def is_format(suffix: str, wanted: str | None) -> bool:
    """Whether a file's suffix is that of the format that an AIR asks for, if it asks for one."""
    return wanted is None or _canonical(suffix.removeprefix(".")) == _canonical(wanted)


def _canonical(word: str) -> str:
    word = word.lower()
    return _SPELLINGS.get(word, f".{word}")
