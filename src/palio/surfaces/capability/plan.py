"""What is run: every exposed operation with the one call it makes, all names resolved."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from palio.surfaces.capability.document import Hints, Place, Scalar, Skill, Type
from palio.surfaces.capability.paths import PathTemplate

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


@dataclass(frozen=True)
class FromBody:
    """The caller's body, as it came."""


@dataclass(frozen=True)
class FromRequest:
    """A parameter of the caller's HTTP request."""

    place: Literal["query", "path", "header"]
    name: str


@dataclass(frozen=True)
class FromArgument:
    """An argument of an MCP tool."""

    name: str


@dataclass(frozen=True)
class Fixed:
    """A value that stands in the file."""

    value: Scalar = field(repr=False)


Source: TypeAlias = FromBody | FromRequest | FromArgument | Fixed


@dataclass(frozen=True)
class Parameter:
    """Something that a consumed operation takes."""

    name: str
    place: Place
    type: Type | None = None
    required: bool = False


@dataclass(frozen=True)
class Credential:
    """What the API is told to let a call in: a header, or a member of the query."""

    place: Literal["header", "query"]
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Call:
    """A request to an API, with where each of its parameters comes from."""

    operation: str
    method: str
    base_uri: str
    path: PathTemplate
    sources: tuple[tuple[Parameter, Source], ...]
    credential: Credential | None

    @property
    def takes_body(self) -> bool:
        return any(isinstance(source, FromBody) for _, source in self.sources)

    def __str__(self) -> str:
        return f"{self.method} {self.base_uri}{self.path}"


@dataclass(frozen=True)
class RestRoute:
    """`method` and `path` of an exposed operation, and what it calls."""

    path: PathTemplate
    method: str
    call: Call
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Argument:
    """An argument of a tool."""

    name: str
    type: Type | None
    required: bool
    description: str | None = None


@dataclass(frozen=True)
class McpTool:
    """A tool, and what it calls."""

    name: str
    title: str | None
    description: str
    hints: Hints | None
    arguments: tuple[Argument, ...]
    call: Call


@dataclass(frozen=True)
class SkillEntry:
    """A skill of the catalog; `modes` says for each namespace that its tools come from whether it is REST or MCP."""

    skill: Skill
    modes: tuple[tuple[str, str], ...]
    folder: Path | None


@dataclass(frozen=True)
class Exposure:
    """What a file exposes in one place, `path`, on one port."""

    file: str
    path: str
    port: int
    namespace: str
    description: str | None
    routes: tuple[RestRoute, ...] = ()
    tools: tuple[McpTool, ...] = ()
    skills: tuple[SkillEntry, ...] = ()


@dataclass(frozen=True)
class Port:
    """Everything that is served on one port."""

    number: int
    exposures: tuple[Exposure, ...]

    @property
    def routes(self) -> tuple[RestRoute, ...]:
        return tuple(route for exposure in self.exposures for route in exposure.routes)

    @property
    def tools(self) -> tuple[McpTool, ...]:
        return tuple(tool for exposure in self.exposures for tool in exposure.tools)

    @property
    def skills(self) -> tuple[SkillEntry, ...]:
        return tuple(skill for exposure in self.exposures for skill in exposure.skills)
