"""AIR: how Civitai names a model, a version of it and a file of that, on whatever site they live."""

import re
from dataclasses import dataclass

MAX_LENGTH = 512
"""Characters an AIR may have here."""

_WORD = r"[a-z0-9_\-/]+"
# A version may hold dots of its own (`v1.0`), so only what is known to be a file format is split off.
_KNOWN_FORMAT = r"\.(?P<format>safetensors?|sft|ckpt|pt|pth|bin|gguf|onnx|diffusers?|tensorrt|zip|tar|coreml)"
_AIR = re.compile(
    rf"(?:urn:)?(?:air:)?(?:(?P<ecosystem>{_WORD}):)?(?:(?P<type>{_WORD}):)?(?P<source>{_WORD}):"
    # An id that starts with a slash would make every URL an AIR.
    r"(?P<rest>[a-z0-9_\-.][a-z0-9_\-/.]*"
    rf"(?:@[a-z0-9_\-][a-z0-9_\-/.=,%+:]*|\+[0-9]+(?:{_KNOWN_FORMAT})?)?)",
    re.IGNORECASE | re.ASCII,
)
_FORMAT = re.compile(rf"(?P<rest>.+){_KNOWN_FORMAT}", re.IGNORECASE | re.ASCII)
_FILE = re.compile(r"(?P<rest>.+)\+(?P<file>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Air:
    """`[urn:][air:][ecosystem:][type:]source:id[@version][+fileId][.format]`; only source and id are always there.

    Where one word stands before the source it is the ecosystem, as in Civitai's own client.
    """

    source: str
    id: str
    ecosystem: str | None = None
    type: str | None = None
    version: str | None = None
    file: str | None = None
    format: str | None = None

    def __str__(self) -> str:
        before = "".join(f"{word}:" for word in (self.ecosystem, self.type) if word)
        version = f"@{self.version}" if self.version else ""
        file = f"+{self.file}" if self.file else ""
        suffix = f".{self.format}" if self.format else ""
        return f"urn:air:{before}{self.source}:{self.id}{version}{file}{suffix}"


def parse_air(text: str) -> Air:
    """The AIR written in `text`; ValueError, saying what an AIR looks like, when it is none."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an AIR has at most {MAX_LENGTH} characters")
    found = _AIR.fullmatch(text)
    if found is None:
        raise ValueError("must be an AIR such as urn:air:sdxl:checkpoint:civitai:101055@128078")
    rest, file, suffix = found["rest"], None, None
    if formatted := _FORMAT.fullmatch(rest):
        rest, suffix = formatted["rest"], formatted["format"]
    if filed := _FILE.fullmatch(rest):
        rest, file = filed["rest"], filed["file"]
    name, _, version = rest.partition("@")
    return Air(found["source"], name, found["ecosystem"], found["type"], version or None, file, suffix)


def is_air(text: str) -> bool:
    """Whether `parse_air` would read `text`, without the work of taking it apart."""
    return len(text) <= MAX_LENGTH and _AIR.fullmatch(text) is not None
