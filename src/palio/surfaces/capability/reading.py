"""From a file to a `Document`, or to what is wrong with it, named by path."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from palio.surfaces.capability import document as parts
from palio.surfaces.capability.document import Document, Mcp, Rest
from palio.surfaces.capability.findings import Findings
from palio.surfaces.capability.yaml_file import YamlError, read_yaml

UNSUPPORTED = {
    "steps": "several calls in a row are not supported; `call` makes one",
    "mappings": "results of steps are not supported",
    "ref": "references to shared functions are not supported; say `call`",
    "forward": "forwarding of whole paths is not supported; list the operations",
    "import": "importing other files is not supported; write the operations here",
    "body": "a body template is not supported; use an input parameter with `in: body`",
    "address": "an address is not taken from the file; use --host",
    "authentication": "authentication of callers is not supported; use --auth caller",
    "prompts": "MCP prompts are not supported",
    "resources": "MCP resources are not supported",
    "location": "values are taken from the environment only",
    "properties": "shaping of results is not supported; without it the reply is passed on as it is",
    "items": "shaping of results is not supported; without it the reply is passed on as it is",
    "const": "fixed results are not supported",
    "pattern": "patterns of parameters are not supported",
    "aggregates": "shared functions are not supported",
    "externalRefs": "is of an older specification; use `binds`",
}
"""Keys that the specification has and this does not run."""


def read_document(file: Path, findings: Findings) -> Document | None:
    """What a file says, or None if that could not be understood; then `findings` has the reasons."""
    try:
        written = read_yaml(file)
    except YamlError as error:
        findings.error("", str(error))
        return None
    if not isinstance(written, dict):
        findings.error("", "must be a mapping with `naftiko` and `capability`")
        return None
    try:
        document = Document.model_validate(written)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            findings.error(_path(details["loc"]), _message(details))
        return None
    for path, message in deviations(document):
        findings.warn(path, message)
    return document


def deviations(document: Document) -> Iterator[tuple[str, str]]:
    """Where a file departs from the schema of its specification, and is run nevertheless: (path, message)."""
    yield from _grouped(_described_rest(document), "the specification has no description of a REST server")
    yield from _grouped(_shapeless_outputs(document), "the specification wants `properties` of an object")
    yield from _grouped(_typed_inputs(document), "the specification has no `type` and `required` of what is consumed")
    yield from _grouped(_heads(document), "the specification has no HEAD")
    yield from _grouped(_raw(document), "the specification has no format `raw`")


def _grouped(paths: Iterable[str], message: str) -> Iterator[tuple[str, str]]:
    """One line for all places of a kind: there are many of each."""
    found = list(paths)
    if found:
        yield found[0], message + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def _described_rest(document: Document) -> Iterator[str]:
    for index, exposed in enumerate(document.capability.exposes):
        if isinstance(exposed, Rest) and exposed.description is not None:
            yield f"capability.exposes[{index}].description"


def _shapeless_outputs(document: Document) -> Iterator[str]:
    for path, operation in exposed_operations(document):
        for index, output in enumerate(operation.output_parameters):
            if output.type == "object":
                yield f"{path}.outputParameters[{index}]"


def _typed_inputs(document: Document) -> Iterator[str]:
    for path, operation in _consumed_operations(document):
        for index, parameter in enumerate(operation.input_parameters):
            if parameter.model_fields_set & {"type", "required"}:
                yield f"{path}.inputParameters[{index}]"


def _heads(document: Document) -> Iterator[str]:
    return (f"{path}.method" for path, operation in _consumed_operations(document) if operation.method == "HEAD")


def _raw(document: Document) -> Iterator[str]:
    for path, operation in _consumed_operations(document):
        if operation.output_raw_format == "raw":
            yield f"{path}.outputRawFormat"


def exposed_operations(document: Document) -> Iterator[tuple[str, parts.ExposedOperation | parts.Tool]]:
    """Every operation and tool that a file exposes, with its path."""
    for at, exposed in enumerate(document.capability.exposes):
        path = f"capability.exposes[{at}]"
        if isinstance(exposed, Rest):
            for index, resource in enumerate(exposed.resources):
                for number, operation in enumerate(resource.operations):
                    yield f"{path}.resources[{index}].operations[{number}]", operation
        elif isinstance(exposed, Mcp):
            for index, tool in enumerate(exposed.tools):
                yield f"{path}.tools[{index}]", tool


def _consumed_operations(document: Document) -> Iterator[tuple[str, parts.ConsumedOperation]]:
    for at, consumed in enumerate(document.capability.consumes):
        for index, resource in enumerate(consumed.resources):
            for number, operation in enumerate(resource.operations):
                yield f"capability.consumes[{at}].resources[{index}].operations[{number}]", operation


_TAGS = {"rest", "mcp", "skill", "apikey", "bearer"}
"""What pydantic puts into a place, after an index or `authentication`, to say which member of a union it means."""


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    before: int | str = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _TAGS or not (isinstance(before, int) or before == "authentication"):
            path += f".{part}" if path else part
        before = part
    return path


def _message(details: ErrorDetails) -> str:
    match details["type"]:
        case "extra_forbidden":
            return _about_key(str(details["loc"][-1]))
        case "missing":
            return "is required"
        case "union_tag_invalid":
            context = details.get("ctx", {})
            return f"type {context.get('tag')!r} is not supported; known are {context.get('expected_tags')}"
        case "union_tag_not_found":
            return "needs a `type`"
        case "value_error":
            return str(details["ctx"]["error"])
        case "literal_error":
            return (
                f"{str(details['input'])[:80]!r} is not supported; known are {details.get('ctx', {}).get('expected')}"
            )
        case _:
            return details["msg"][0].lower() + details["msg"][1:]


def _about_key(key: str) -> str:
    if key in UNSUPPORTED:
        return UNSUPPORTED[key]
    near = difflib.get_close_matches(key, sorted(_KEYS), n=1)
    return "there is no such key" + (f"; did you mean {near[0]}?" if near else "")


def _keys() -> Iterator[str]:
    for model in vars(parts).values():
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (field.alias or name for name, field in model.model_fields.items())


_KEYS = set(_keys())
