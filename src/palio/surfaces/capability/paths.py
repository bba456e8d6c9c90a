"""Path templates: `/workflows/{workflowId}`, or with double braces."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

_PARAMETER = re.compile(r"\{\{\s*([A-Za-z0-9_-]+)\s*\}\}|\{\s*([A-Za-z0-9_-]+)\s*\}")
_UNESCAPED = "/:@!$&'()*+,;=~"
"""What a path may have as it is (RFC 3986, pchar)."""


@dataclass(frozen=True)
class PathTemplate:
    """A path with names in places: `literals[0] names[0] literals[1] ...`, literals decoded."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> "PathTemplate":
        """The template in a text. Raises ValueError saying what is wrong with it."""
        literals, names, end = [], [], 0
        for found in _PARAMETER.finditer(text):
            literals.append(text[end : found.start()])
            names.append(found[1] or found[2])
            end = found.end()
        literals.append(text[end:])
        if any(mark in literal for literal in literals for mark in "{}?#"):
            raise ValueError("must have parameters as {name}, and no `?` or `#`")
        if len(set(names)) < len(names):
            raise ValueError("has a parameter twice")
        if not literals[0].startswith("/"):
            literals[0] = f"/{literals[0]}"
        template = cls(tuple(unquote(literal) for literal in literals), tuple(names))
        if any(mark in literal for literal in template.literals for mark in "{}"):
            raise ValueError("must not have encoded braces")
        if {".", ".."} & set(template.shape.split("/")):
            raise ValueError("must not have `.` or `..` as a segment")
        return template

    @property
    def shape(self) -> str:
        """The path with `{}` for each parameter: templates of one shape match the same paths."""
        return "{}".join(self.literals)

    def __str__(self) -> str:
        text = self.literals[0]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            text += f"{{{name}}}{literal}"
        return text

    def fill(self, values: Mapping[str, str]) -> str:
        """The path with values in place, percent-encoded whole: `/` becomes `%2F`."""
        path = quote(self.literals[0], safe=_UNESCAPED)
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            path += quote(values[name], safe="", errors="surrogateescape") + quote(literal, safe=_UNESCAPED)
        return path

    def matcher(self) -> "Matcher":
        """What finds the paths that this template stands for."""
        segments = self.shape.split("/")
        patterns = [re.escape(segment).replace(r"\{\}", "(.+)") for segment in segments]
        return Matcher(tuple(re.compile(pattern, re.DOTALL) for pattern in patterns), self.names)


@dataclass(frozen=True)
class Matcher:
    """Matches the decoded segments of a path, so that a `/` within a value stays within it."""

    segments: tuple[re.Pattern[str], ...]
    names: tuple[str, ...]

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The values of the parameters by name, or None."""
        if len(segments) != len(self.segments):
            return None
        values: list[str] = []
        for pattern, segment in zip(self.segments, segments, strict=True):
            found = pattern.fullmatch(segment)
            if found is None:
                return None
            values.extend(found.groups())
        return dict(zip(self.names, values, strict=True))

    @property
    def rank(self) -> tuple[bool, ...]:
        """Sorts templates so that the more literal one of two that match the same path comes first."""
        return tuple(bool(pattern.groups) for pattern in self.segments)


def segments_of(raw_path: bytes) -> list[str]:
    """The decoded segments of a path as it came; bytes that are not UTF-8 are kept as surrogates."""
    return [unquote(segment, errors="surrogateescape") for segment in raw_path.decode("latin-1").split("/")]
