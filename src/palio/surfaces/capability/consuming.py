"""The consumed side of a file: what each operation takes, where it is, and what lets a call in."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from palio.surfaces.capability.binds import Binds
from palio.surfaces.capability.document import ApiKey, Consumed, ConsumedOperation, ConsumedParameter, ConsumedResource
from palio.surfaces.capability.findings import Findings
from palio.surfaces.capability.paths import PathTemplate
from palio.surfaces.capability.plan import Call, Credential, Fixed, Parameter, Source

RESERVED_HEADERS = frozenset(
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"]
)
"""Headers with which a parameter could change what a request is."""


@dataclass(frozen=True)
class Operation:
    """An operation that can be called: `call` has the sources of what is fixed in the file, and no others."""

    call: Call
    parameters: tuple[Parameter, ...]

    def bind(self, sources: Iterable[tuple[Parameter, Source]]) -> Call:
        """The call with where its parameters come from; what the file fixes is kept where nothing else is said."""
        given = dict(sources)
        fixed = [(parameter, source) for parameter, source in self.call.sources if parameter not in given]
        return replace(self.call, sources=(*given.items(), *fixed))


def consumed_operations(
    consumes: list[Consumed], base_uri: str | None, binds: Binds, findings: Findings
) -> dict[str, Operation]:
    """The operations of a file by `namespace.name`. `base_uri` stands in for every API's own."""
    operations: dict[str, Operation] = {}
    namespaces: set[str] = set()
    for index, consumed in enumerate(consumes):
        path = f"capability.consumes[{index}]"
        if consumed.namespace in namespaces:
            findings.error(f"{path}.namespace", f"{consumed.namespace} is there twice")
        namespaces.add(consumed.namespace)
        reader = _Reader(consumed, path, base_uri, binds, findings)
        for number, resource in enumerate(consumed.resources):
            for count, operation in enumerate(resource.operations):
                place = f"{path}.resources[{number}].operations[{count}]"
                name = f"{consumed.namespace}.{operation.name}"
                if name in operations:
                    findings.error(f"{place}.name", f"{name} is there twice")
                found = reader.operation(resource, f"{path}.resources[{number}]", operation, place)
                if found is not None:
                    operations[name] = found
    return operations


class _Reader:
    """Reads the operations of one API."""

    def __init__(self, consumed: Consumed, path: str, base_uri: str | None, binds: Binds, findings: Findings) -> None:
        self._consumed = consumed
        self._path = path
        self._binds = binds
        self._findings = findings
        self._base_uri = base_uri or self._own_base_uri()
        self._credential = self._read_credential()

    def operation(
        self, resource: ConsumedResource, resource_path: str, operation: ConsumedOperation, path: str
    ) -> Operation | None:
        try:
            template = PathTemplate.read(self._binds.resolve_in_path(resource.path, f"{resource_path}.path"))
        except ValueError as error:
            self._findings.error(f"{resource_path}.path", str(error))
            return None
        written = [
            *((parameter, f"{self._path}.inputParameters[{i}]") for i, parameter in self._shared),
            *((parameter, f"{resource_path}.inputParameters[{i}]") for i, parameter in _of(resource)),
            *((parameter, f"{path}.inputParameters[{i}]") for i, parameter in _of(operation)),
        ]
        parameters: dict[tuple[str, str], Parameter] = {}
        fixed: dict[tuple[str, str], Fixed] = {}
        for parameter, place in written:
            key = (parameter.in_, parameter.name)
            fixed.pop(key, None)
            # A path has no place for what is not there.
            required = parameter.required or parameter.in_ == "path"
            parameters[key] = Parameter(parameter.name, parameter.in_, parameter.type, required)
            if parameter.value is not None:
                fixed[key] = Fixed(self._value(parameter, place))
            self._check(parameter, place, template)
        for name in template.names:
            parameters.setdefault(("path", name), Parameter(name, "path", "string", required=True))
        self._check_together(parameters.values(), path)
        sources = tuple((parameters[key], value) for key, value in fixed.items())
        call = Call(
            operation=f"{self._consumed.namespace}.{operation.name}",
            method=operation.method,
            base_uri=self._base_uri,
            path=template,
            sources=sources,
            credential=self._credential,
        )
        return Operation(call, tuple(parameters.values()))

    @property
    def _shared(self) -> Iterable[tuple[int, ConsumedParameter]]:
        return _of(self._consumed)

    def _value(self, parameter: ConsumedParameter, path: str) -> str | int | float | bool:
        value = parameter.value
        return self._binds.resolve(value, f"{path}.value") if isinstance(value, str) else value  # type: ignore[return-value]

    def _check(self, parameter: ConsumedParameter, path: str, template: PathTemplate) -> None:
        if parameter.in_ == "path" and parameter.name not in template.names:
            self._findings.error(f"{path}.name", f"the path has no {{{parameter.name}}}")
        if parameter.in_ == "header":
            if not _is_token(parameter.name):
                self._findings.error(f"{path}.name", "is no name of a header")
            elif parameter.name.lower() in RESERVED_HEADERS:
                self._findings.error(f"{path}.name", "is a header that belongs to the connection")

    def _check_together(self, parameters: Iterable[Parameter], path: str) -> None:
        places: dict[str, list[str]] = {}
        for parameter in parameters:
            places.setdefault(parameter.name, []).append(parameter.place)
        for name, found in places.items():
            if len(found) > 1:
                self._findings.error(f"{path}.inputParameters", f"{name} is in {' and in '.join(found)}")
        bodies = [name for name, found in places.items() if "body" in found]
        if len(bodies) > 1:
            self._findings.error(
                f"{path}.inputParameters", f"only one parameter can be the body, not {' and '.join(bodies)}"
            )

    def _own_base_uri(self) -> str:
        path = f"{self._path}.baseUri"
        uri = self._binds.resolve(self._consumed.base_uri, path)
        if self._binds.has_all(self._consumed.base_uri) and (problem := wrong_with_base_uri(uri)):
            self._findings.error(path, problem)
        return uri.rstrip("/")

    def _read_credential(self) -> Credential | None:
        written = self._consumed.authentication
        if written is None:
            return None
        path = f"{self._path}.authentication"
        if isinstance(written, ApiKey):
            value = self._binds.resolve(written.value, f"{path}.value", is_credential=True)
            credential = Credential(written.placement, written.key, value)
        else:
            token = self._binds.resolve(written.token, f"{path}.token", is_credential=True)
            credential = Credential("header", "Authorization", f"Bearer {token}")
        if credential.place == "header":
            if credential.name.lower() in RESERVED_HEADERS:
                self._findings.error(f"{path}.key", "is a header that belongs to the connection")
            if not is_header_value(credential.value):
                self._findings.error(
                    path, "has a value that no header can have: a line break or another control character"
                )
        return credential


def wrong_with_base_uri(uri: str) -> str | None:
    """Why a text is no address of an API, or None."""
    try:
        parts = urlsplit(uri)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good:
        return "must be an address that begins with http:// or https://"
    if parts.query or parts.fragment:
        return "must have no query and no fragment"
    if parts.username is not None or parts.password is not None:
        return "must have no name and no password; say `authentication`"
    if any(character.isspace() or not character.isprintable() for character in uri):
        return "must have no spaces and no control characters"
    return None


def is_header_value(text: str) -> bool:
    """Whether a header may have this value (RFC 9110, 5.5)."""
    return all(character == "\t" or (character >= " " and character != "\x7f") for character in text)


def _is_token(text: str) -> bool:
    return all(character.isascii() and (character.isalnum() or character in "!#$%&'*+-.^_`|~") for character in text)


def _of(part: Consumed | ConsumedResource | ConsumedOperation) -> Iterable[tuple[int, ConsumedParameter]]:
    return enumerate(part.input_parameters)
