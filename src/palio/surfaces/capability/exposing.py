"""The exposed side of a file: each operation and tool linked with the call that it makes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from palio.surfaces.capability import document as parts
from palio.surfaces.capability.binds import PLACEHOLDER, Binds
from palio.surfaces.capability.consuming import Operation
from palio.surfaces.capability.document import ExposedParameter, Place, Scalar, ToolParameter, Type
from palio.surfaces.capability.findings import Findings
from palio.surfaces.capability.paths import PathTemplate
from palio.surfaces.capability.plan import (
    Argument,
    Call,
    Exposure,
    Fixed,
    FromArgument,
    FromBody,
    FromRequest,
    McpTool,
    Parameter,
    RestRoute,
    SkillEntry,
    Source,
)

Operations: TypeAlias = Mapping[str, Operation]


def exposures_of(
    capability: parts.Capability, operations: Operations, binds: Binds, findings: Findings
) -> list[Exposure]:
    """What a file exposes, in its order."""
    found: list[Exposure] = []
    namespaces: set[str] = set()
    for index, exposed in enumerate(capability.exposes):
        path = f"capability.exposes[{index}]"
        if exposed.namespace in namespaces:
            findings.error(f"{path}.namespace", f"{exposed.namespace} is there twice")
        namespaces.add(exposed.namespace)
        exposure = Exposure(findings.file, path, exposed.port, exposed.namespace, exposed.description)
        match exposed:
            case parts.Rest():
                found.append(_Rest(exposed, operations, binds, findings).read(exposure))
            case parts.Mcp():
                found.append(_Mcp(exposed, operations, binds, findings).read(exposure))
            case parts.Skills():
                found.append(_Skills(exposed, capability, findings).read(exposure))
    return found


class _Linker:
    """Links calls; subclasses know what a caller can bring."""

    prefix = ""
    """What a reference to something that the caller brings begins with, besides the namespace."""

    def __init__(self, namespace: str, operations: Operations, binds: Binds, findings: Findings) -> None:
        self._namespace = namespace
        self._operations = operations
        self._binds = binds
        self._findings = findings

    def link(self, call: str, written: Mapping[str, Scalar], own: Mapping[str, Source], path: str) -> Call | None:
        """The call with a source for each parameter: as `with` says, else what the caller brings by the same name."""
        operation = self._operations.get(call)
        if operation is None:
            known = ", ".join(self._operations) or "nothing"
            self._findings.error(f"{path}.call", f"{call} is not consumed; what is: {known}")
            return None
        parameters = {parameter.name: parameter for parameter in operation.parameters}
        sources: list[tuple[Parameter, Source]] = []
        for name, value in written.items():
            parameter = parameters.get(name)
            if parameter is None:
                self._findings.error(f"{path}.with.{name}", f"{call} has no parameter {name}")
                continue
            source = self.source(value, own, f"{path}.with.{name}")
            if source is None:
                continue
            if isinstance(source, FromBody) and parameter.place != "body":
                self._findings.error(f"{path}.with.{name}", f"the body cannot be a {parameter.place} parameter")
            sources.append((parameter, source))
        for name, parameter in parameters.items():
            if name not in written and name in own:
                sources.append((parameter, own[name]))
        linked = operation.bind(sources)
        given = {parameter.name for parameter, _ in linked.sources}
        for name, parameter in parameters.items():
            if parameter.required and name not in given and name not in written:
                self._findings.error(f"{path}.with", f"{call} needs {name}, and nothing is said of it")
        return linked

    def source(self, value: Scalar, own: Mapping[str, Source], path: str) -> Source | None:
        """What a value of `with` stands for: something that the caller brings, or itself."""
        if not isinstance(value, str):
            return Fixed(value)
        whole = PLACEHOLDER.fullmatch(value)
        reference = whole[1] if whole else value
        space, dot, name = reference.partition(".")
        if dot and space == self._namespace:
            return self.by_name(name, own, path)
        if dot and space == self.prefix:
            return self.by_reference(name, own, path)
        if dot and space in ("rest", "tools"):
            self._findings.error(path, f"{reference} is nothing that a caller can bring here; say {self.prefix}.NAME")
            return None
        if whole and reference in own:
            return own[reference]
        if value.startswith("$"):
            self._findings.error(path, f"{value[:80]} is an expression, which is not supported")
            return None
        return Fixed(self._binds.resolve(value, path))

    def by_name(self, name: str, own: Mapping[str, Source], path: str) -> Source | None:
        """What `namespace.name` stands for."""
        raise NotImplementedError

    def by_reference(self, name: str, own: Mapping[str, Source], path: str) -> Source | None:
        """What `prefix.name` stands for."""
        raise NotImplementedError


class _Rest(_Linker):
    prefix = "rest"

    def __init__(self, rest: parts.Rest, operations: Operations, binds: Binds, findings: Findings) -> None:
        super().__init__(rest.namespace, operations, binds, findings)
        self._rest = rest

    def read(self, exposure: Exposure) -> Exposure:
        routes: list[RestRoute] = []
        for index, resource in enumerate(self._rest.resources):
            path = f"{exposure.path}.resources[{index}]"
            try:
                template = PathTemplate.read(resource.path)
            except ValueError as error:
                self._findings.error(f"{path}.path", str(error))
                continue
            for number, operation in enumerate(resource.operations):
                place = f"{path}.operations[{number}]"
                declared = [*resource.input_parameters, *operation.input_parameters]
                own = self._own(template, declared, place)
                call = self.link(operation.call, operation.with_, own, place)
                if call is not None:
                    routes.append(RestRoute(template, operation.method, call, operation.name, operation.description))
        return replace(exposure, routes=tuple(routes))

    def _own(self, path: PathTemplate, declared: Sequence[ExposedParameter], place: str) -> dict[str, Source]:
        own: dict[str, Source] = {name: FromRequest("path", name) for name in path.names}
        for parameter in declared:
            match parameter.in_:
                case "body" if parameter.name == "body":
                    own["body"] = FromBody()
                case "body":
                    self._findings.error(
                        f"{place}.inputParameters", f"{parameter.name}: a part of a body is not supported; say `body`"
                    )
                case "path" if parameter.name not in path.names:
                    self._findings.error(f"{place}.inputParameters", f"the path has no {{{parameter.name}}}")
                case "path" | "query" | "header":
                    own[parameter.name] = FromRequest(parameter.in_, parameter.name)
        return own

    def by_name(self, name: str, own: Mapping[str, Source], path: str) -> Source | None:
        if name in own:
            return own[name]
        return FromBody() if name == "body" else FromRequest("query", name)

    def by_reference(self, name: str, own: Mapping[str, Source], path: str) -> Source | None:
        if name == "body":
            return FromBody()
        place, _, parameter = name.partition(".")
        if not parameter or place not in ("query", "path", "header"):
            self._findings.error(
                path, f"rest.{name} is not supported; known are rest.body, rest.query.x, rest.path.x, rest.header.x"
            )
            return None
        if place == "path" and own.get(parameter) != FromRequest("path", parameter):
            self._findings.error(path, f"the path has no {{{parameter}}}")
            return None
        return FromRequest("query" if place == "query" else "path" if place == "path" else "header", parameter)


class _Mcp(_Linker):
    prefix = "tools"

    def __init__(self, mcp: parts.Mcp, operations: Operations, binds: Binds, findings: Findings) -> None:
        super().__init__(mcp.namespace, operations, binds, findings)
        self._mcp = mcp

    def read(self, exposure: Exposure) -> Exposure:
        tools: list[McpTool] = []
        for index, tool in enumerate(self._mcp.tools):
            path = f"{exposure.path}.tools[{index}]"
            own: dict[str, Source] = {each.name: FromArgument(each.name) for each in tool.input_parameters}
            call = self.link(tool.call, tool.with_, own, path)
            if call is not None:
                arguments = self._arguments(tool.input_parameters, call, path)
                tools.append(McpTool(tool.name, tool.label, tool.description, tool.hints, arguments, call))
        return replace(exposure, tools=tuple(tools))

    def _arguments(self, declared: Sequence[ToolParameter], call: Call, path: str) -> tuple[Argument, ...]:
        """What the tool takes: as declared, else as the consumed parameters are that its arguments go to."""
        arguments = {each.name: Argument(each.name, each.type, each.required, each.description) for each in declared}
        is_declared = set(arguments)
        for parameter, source in call.sources:
            if not isinstance(source, FromArgument) or source.name in is_declared:
                continue
            before = arguments.get(source.name)
            type_ = _type(parameter.type, parameter.place)
            if before is not None and before.type != type_:
                self._findings.error(f"{path}.with", f"{source.name} goes to a {before.type} and to a {type_}")
            required = parameter.required or (before is not None and before.required)
            arguments[source.name] = Argument(source.name, type_, required)
        return tuple(arguments.values())

    def by_name(self, name: str, own: Mapping[str, Source], path: str) -> Source | None:
        return self.by_reference(name, own, path)

    def by_reference(self, name: str, own: Mapping[str, Source], path: str) -> Source | None:
        if not name or "." in name:
            self._findings.error(path, f"{name or 'nothing'} is no name of an argument")
            return None
        return FromArgument(name)


class _Skills:
    def __init__(self, skills: parts.Skills, capability: parts.Capability, findings: Findings) -> None:
        self._skills = skills
        self._findings = findings
        self._modes: dict[str, str] = {}
        self._actions: set[tuple[str, str]] = set()
        for exposed in capability.exposes:
            if isinstance(exposed, parts.Rest):
                self._modes[exposed.namespace] = "rest"
                names = [each.name for resource in exposed.resources for each in resource.operations if each.name]
            elif isinstance(exposed, parts.Mcp):
                self._modes[exposed.namespace] = "mcp"
                names = [tool.name for tool in exposed.tools]
            else:
                continue
            self._actions.update((exposed.namespace, name) for name in names)

    def read(self, exposure: Exposure) -> Exposure:
        entries: list[SkillEntry] = []
        for index, skill in enumerate(self._skills.skills):
            path = f"{exposure.path}.skills[{index}]"
            folder = self._folder(skill.location, f"{path}.location")
            for number, tool in enumerate(skill.tools):
                self._check(tool, folder, f"{path}.tools[{number}]")
            sources = {tool.from_.source_namespace for tool in skill.tools if tool.from_}
            modes = tuple((name, self._modes[name]) for name in sorted(sources) if name in self._modes)
            entries.append(SkillEntry(skill, modes, folder))
        return replace(exposure, skills=tuple(entries))

    def _check(self, tool: parts.SkillTool, folder: Path | None, path: str) -> None:
        if (tool.from_ is None) == (tool.instruction is None):
            self._findings.error(path, "needs one of `from` and `instruction`")
        if tool.from_ and (tool.from_.source_namespace, tool.from_.action) not in self._actions:
            self._findings.error(f"{path}.from", f"{tool.from_.source_namespace} exposes no {tool.from_.action}")
        if tool.instruction is not None:
            if folder is None:
                self._findings.error(f"{path}.instruction", "needs a `location` of the skill")
            elif not _is_within(folder, tool.instruction):
                self._findings.error(f"{path}.instruction", f"there is no {tool.instruction} in the skill's location")

    def _folder(self, location: str | None, path: str) -> Path | None:
        if location is None:
            return None
        uri = urlsplit(location)
        if uri.scheme != "file" or uri.netloc or not uri.path.startswith("/"):
            self._findings.error(path, "must be the file:///... address of a folder")
            return None
        folder = Path(unquote(uri.path))
        if not folder.is_dir():
            self._findings.error(path, "there is no such folder")
            return None
        return folder.resolve()


def _is_within(folder: Path, name: str) -> bool:
    file = (folder / name).resolve()
    return file.is_relative_to(folder) and file.is_file()


def _type(type_: Type | None, place: Place) -> Type | None:
    """A value in a path, a query or a header is text unless the file says otherwise; a body may be anything."""
    return type_ or (None if place == "body" else "string")
