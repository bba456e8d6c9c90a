"""From files to what is served on which port, or to everything that is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from palio.surfaces.capability.binds import Binds
from palio.surfaces.capability.consuming import consumed_operations, wrong_with_base_uri
from palio.surfaces.capability.exposing import exposures_of
from palio.surfaces.capability.findings import CapabilityError, Finding, Findings
from palio.surfaces.capability.plan import Exposure, Port
from palio.surfaces.capability.reading import read_document

Auth: TypeAlias = Literal["bound", "caller"]
"""Whose credential a call carries: the one that the file binds, or the caller's own."""

MCP_PATH = "/mcp"
SKILLS_PATH = "/skills"


@dataclass(frozen=True)
class Loaded:
    """What files say: the ports without what is wrong, what is wrong, and what their authors may want to know."""

    ports: tuple[Port, ...]
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    unset: tuple[Finding, ...]
    """Variables that the files bind and the environment has not."""


def load(
    files: Sequence[Path],
    environment: Mapping[str, str],
    base_uri: str | None = None,
    auth: Auth = "bound",
    port_offset: int = 0,
) -> Loaded:
    """Read the files and put what they expose together by port. Raises CapabilityError if `base_uri` is no address."""
    if base_uri is not None:
        base_uri = base_uri.rstrip("/")
        if problem := wrong_with_base_uri(base_uri):
            raise CapabilityError([Finding("", "--base-uri", problem)])
    errors: list[Finding] = []
    warnings: list[Finding] = []
    unset: list[Finding] = []
    exposures: list[Exposure] = []
    for file in files:
        findings = Findings(str(file))
        document = read_document(file, findings)
        if document is not None:
            binds = Binds(document.binds, environment, findings)
            operations = consumed_operations(document.capability.consumes, base_uri, binds, findings)
            exposures += exposures_of(document.capability, operations, binds, findings)
            unset += (
                Finding(str(file), path, f"the environment variable {variable} is not set")
                for path, variable in binds.missing(but_credentials=auth == "caller")
            )
        errors += findings.errors
        warnings += findings.warnings
    ports = _by_port(exposures, port_offset)
    errors += _clashes(ports)
    errors += _out_of_range(exposures, port_offset)
    return Loaded(tuple(ports), tuple(errors), tuple(warnings), tuple(unset))


def must_load(
    files: Sequence[Path],
    environment: Mapping[str, str],
    base_uri: str | None = None,
    auth: Auth = "bound",
    port_offset: int = 0,
) -> Loaded:
    """As `load`, for running: raises CapabilityError for anything with which the files cannot be run."""
    loaded = load(files, environment, base_uri, auth, port_offset)
    if wrong := (*loaded.errors, *loaded.unset):
        raise CapabilityError(wrong)
    return loaded


def _by_port(exposures: Sequence[Exposure], offset: int) -> list[Port]:
    numbers = dict.fromkeys(exposure.port for exposure in exposures)
    return [Port(number + offset, tuple(each for each in exposures if each.port == number)) for number in numbers]


def _out_of_range(exposures: Sequence[Exposure], offset: int) -> Iterator[Finding]:
    for exposure in exposures:
        if not 1 <= exposure.port + offset <= 65535:
            yield Finding(exposure.file, f"{exposure.path}.port", f"{exposure.port} {offset:+d} is no port")


def _clashes(ports: Sequence[Port]) -> Iterator[Finding]:
    """What two parts of the files both want to be."""
    for port in ports:
        owners: dict[str, Exposure] = {}
        for exposure in port.exposures:
            for what in _claims(exposure):
                owner = owners.setdefault(what, exposure)
                if owner is not exposure or list(_claims(exposure)).count(what) > 1:
                    yield Finding(
                        exposure.file,
                        exposure.path,
                        f"{what} on port {port.number} is already exposed by {owner.path} of {owner.file}",
                    )
        yield from _hidden(port)


def _claims(exposure: Exposure) -> Iterator[str]:
    for route in exposure.routes:
        yield f"{route.method} {route.path.shape}"
    for tool in exposure.tools:
        yield f"tool {tool.name}"
    for entry in exposure.skills:
        yield f"skill {entry.skill.name}"


def _hidden(port: Port) -> Iterator[Finding]:
    """Paths that belong to MCP or to the catalog of skills on the same port."""
    for exposure in port.exposures:
        for route in exposure.routes:
            shape = route.path.shape
            if port.tools and shape == MCP_PATH:
                yield Finding(exposure.file, exposure.path, f"{shape} on port {port.number} belongs to MCP")
            if port.skills and (shape == SKILLS_PATH or shape.startswith(f"{SKILLS_PATH}/")):
                yield Finding(exposure.file, exposure.path, f"{shape} on port {port.number} belongs to the skills")
