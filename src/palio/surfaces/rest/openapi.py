"""The OpenAPI 3.1 document, made from the operations and the models."""

import re
from collections.abc import Sequence
from typing import cast

import msgspec

from palio import __version__
from palio.contract.document import Blob, Page, Step, UploadUrl, Workflow
from palio.contract.image.friendly import FRIENDLY_ENGINES
from palio.contract.json import Json, JsonObject
from palio.contract.operators import ProviderReports
from palio.contract.status import Status
from palio.contract.steering import Objective
from palio.contract.steps import STEP_TYPES
from palio.contract.steps.schema import input_schemas
from palio.surfaces.rest.operation import Access, Operation, Parameter, Reply, schema

_PATH_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
_REFERENCE = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "Something in the request is not valid; `errors` says what, by field.",
    401: "The token is missing or not known.",
    403: "Not allowed.",
    404: "There is nothing here that the caller may see.",
    413: "The body is too large.",
    415: "The body has a media type that cannot be read here.",
    429: "Too much is under way.",
}


def openapi(operations: Sequence[Operation]) -> JsonObject:
    """The document that describes exactly these operations."""
    paths: dict[str, dict[str, Json]] = {}
    for operation in operations:
        path = _PATH_PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Palio",
            "version": __version__,
            "description": "One contract in front, many providers racing behind it. Speaks the Civitai Orchestration "
            "API: clients of that service work here with another base URL.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}],
        "paths": cast(Json, paths),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": cast(Json, _schemas()),
        },
    }


def _operation(operation: Operation) -> JsonObject:
    described: JsonObject = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [
            *[_path_parameter(name) for name in _names(operation)],
            *[_parameter(parameter) for parameter in operation.parameters],
        ],
        "responses": {str(status): _reply(reply) for status, reply in _replies(operation).items()},
    }
    if operation.access in (Access.anyone, Access.signed):
        described["security"] = [{}] if operation.access is Access.anyone else [{"bearer": []}, {}]
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {operation.body_media_type: {"schema": operation.body}},
        }
    return described


def _names(operation: Operation) -> list[str]:
    return _PATH_PARAMETER.findall(operation.path)


def _path_parameter(name: str) -> JsonObject:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _parameter(parameter: Parameter) -> JsonObject:
    described: JsonObject = {
        "name": parameter.name,
        "in": "query",
        "schema": parameter.schema,
        "description": parameter.description,
    }
    if parameter.schema.get("type") == "array":
        described |= {"style": "form", "explode": True}
    return described


def _replies(operation: Operation) -> dict[int, Reply]:
    possible = {400}
    if operation.access is not Access.anyone:
        possible |= {401}
    if operation.access in (Access.signed, Access.operator):
        possible |= {403}
    if _names(operation):
        possible |= {404}
    if operation.body is not None:
        possible |= {413, 415}
    if operation.name.startswith("submit") or operation.tag == "Blobs":
        possible |= {429}
    problems = {
        status: Reply(_PROBLEMS[status], schema("ProblemDetails"), "application/problem+json")
        for status in sorted(possible)
    }
    if operation.method == "HEAD":
        problems = {status: Reply(reply.description) for status, reply in problems.items()}
    return {**operation.replies, **problems}


def _reply(reply: Reply) -> JsonObject:
    described: JsonObject = {"description": reply.description}
    if reply.schema is not None:
        described["content"] = {reply.media_type: {"schema": reply.schema}}
    if reply.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in reply.headers.items()
        }
    return described


def _schemas() -> dict[str, JsonObject]:
    described = [Workflow, Step, Blob, Page, UploadUrl, ProviderReports]
    _, documents = msgspec.json.schema_components(described, ref_template=_REFERENCE)
    return {
        **{name: _open(cast(JsonObject, document)) for name, document in documents.items()},
        **input_schemas(),
        **_REQUESTS,
        "ProblemDetails": _PROBLEM,
    }


def _open(document: JsonObject) -> JsonObject:
    """msgspec writes `null` into optional members' types; Palio never sends it."""
    properties = document.get("properties")
    if isinstance(properties, dict):
        document["properties"] = {name: _never_null(cast(JsonObject, member)) for name, member in properties.items()}
    return document


def _never_null(member: JsonObject) -> JsonObject:
    alternatives = member.get("anyOf")
    if not isinstance(alternatives, list):
        return member
    kept = [cast(JsonObject, one) for one in alternatives if one != {"type": "null"}]
    return kept[0] if len(kept) == 1 else {"anyOf": cast(Json, kept)}


_ANY_MAP: JsonObject = {"type": ["object", "null"], "additionalProperties": True}
_NAMES: JsonObject = {"type": ["array", "null"], "items": {"type": "string", "maxLength": 64}, "maxItems": 100}
_STEERING: JsonObject = {
    "type": ["object", "null"],
    "description": "How the jobs are raced. What a step says goes before what its workflow says.",
    "additionalProperties": False,
    "properties": {
        "objective": {"type": ["string", "null"], "enum": [*Objective, None], "description": "What to spare."},
        "deadline": {
            "anyOf": [{"type": "number", "minimum": 0, "maximum": 604800}, {"type": "string"}, {"type": "null"}],
            "description": "Seconds, or `[d.]hh:mm:ss`, after its creation within which the workflow should be done.",
        },
        "providers": _NAMES | {"description": "Only these may be asked."},
        "exclude": _NAMES | {"description": "These may not be asked."},
        "maxPrice": {"type": ["number", "null"], "minimum": 0, "maximum": 1000, "description": "USD for one image."},
        "hedge": {
            "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"const": False}, {"type": "null"}],
            "description": "The share of what jobs cost that second attempts may cost.",
        },
    },
}
_METADATA: JsonObject = _ANY_MAP | {"properties": {"palio": _STEERING}}
_TAGS: JsonObject = {
    "type": ["array", "null"],
    "items": {"type": "string", "minLength": 1, "maxLength": 200},
    "maxItems": 10,
    "uniqueItems": True,
}
_PROBLEM: JsonObject = {
    "type": "object",
    "required": ["status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
}
_STEP: JsonObject = {
    "name": {"type": ["string", "null"], "minLength": 1, "maxLength": 128},
    "priority": {"type": "string", "enum": ["high", "normal", "low"]},
    "timeout": {"type": ["string", "null"], "description": "`[d.]hh:mm:ss`, such as `00:10:00`."},
    "retries": {"type": ["integer", "null"], "minimum": 0, "maximum": 100},
    "metadata": _METADATA,
}


def _step_templates() -> dict[str, JsonObject]:
    """The template of a step, by its `$type`."""
    names = {step_type: step_type[:1].upper() + step_type[1:] for step_type in STEP_TYPES}
    templates: dict[str, JsonObject] = {
        f"{name}StepTemplate": {
            "type": "object",
            "required": ["$type", "input"],
            "properties": {"$type": {"type": "string", "const": step_type}, "input": schema(f"{name}Input"), **_STEP},
        }
        for step_type, name in names.items()
    }
    mapping: JsonObject = {
        step_type: _REFERENCE.format(name=f"{name}StepTemplate") for step_type, name in names.items()
    }
    union: JsonObject = {
        "oneOf": [schema(name) for name in templates],
        "discriminator": {"propertyName": "$type", "mapping": mapping},
    }
    return {**templates, "WorkflowStepTemplate": union}


_CALLBACK: JsonObject = {
    "type": "object",
    "required": ["url", "type"],
    "properties": {
        "url": {"type": "string", "format": "uri", "maxLength": 2048},
        "type": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "examples": ["workflow:succeeded", "step:*"]},
        },
        "detailed": {"type": ["boolean", "null"]},
    },
}
_TIP_RATE: JsonObject = {"type": "number", "minimum": 0, "maximum": 2}
_FRIENDLY_IMAGE: JsonObject = {
    "type": "object",
    "required": ["engine", "prompt"],
    "description": "An image input: any imageGen input, or a flat one with a friendly engine name.",
    "properties": {
        "engine": {"type": "string", "examples": list(FRIENDLY_ENGINES)},
        "prompt": {"type": "string"},
        "negativePrompt": {"type": "string"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "aspectRatio": {"type": "string"},
        "quantity": {"type": "integer"},
        "seed": {"type": "integer"},
        "steps": {"type": "integer"},
        "cfgScale": {"type": "number"},
        "images": {"type": "array", "items": {"type": "string"}},
        "model": {"type": "string"},
        "strength": {"type": "number"},
        "outputFormat": {"type": "string", "enum": ["jpeg", "png", "webP"]},
    },
}
_REQUESTS: dict[str, JsonObject] = {
    **_step_templates(),
    "WorkflowTemplate": {
        "type": "object",
        "required": ["steps"],
        "properties": {
            "steps": {"type": "array", "minItems": 1, "maxItems": 100, "items": schema("WorkflowStepTemplate")},
            "metadata": _METADATA,
            "arguments": _ANY_MAP,
            "tags": _TAGS,
            "callbacks": {"type": ["array", "null"], "maxItems": 10, "items": _CALLBACK},
            "tips": {"type": "object", "properties": {"civitai": _TIP_RATE, "creators": _TIP_RATE}},
            "nsfwLevel": {"type": "string", "enum": ["pg", "pg13", "r", "x", "xxx", "na"]},
            "experimental": {"type": ["boolean", "null"]},
            "allowMatureContent": {"type": ["boolean", "null"]},
            "ephemeral": {"type": ["boolean", "null"]},
            "upgradeMode": {"type": "string", "enum": ["manual", "automatic"]},
            "currencies": {
                "type": "array",
                "items": {"type": "string", "enum": ["yellow", "blue", "green", "fakeRed"]},
            },
            "externalId": {"type": ["string", "null"], "pattern": "^[A-Za-z0-9_-]{1,128}$"},
        },
    },
    "ImageWorkflow": {"anyOf": [schema("WorkflowTemplate"), schema("FriendlyImageInput")]},
    "FriendlyImageInput": _FRIENDLY_IMAGE,
    "UpdateWorkflowRequest": {
        "type": "object",
        "properties": {
            "status": {"type": "string", "enum": [Status.canceled.value]},
            "metadata": _METADATA,
            "tags": _TAGS,
            "allowMatureContent": {"type": ["boolean", "null"]},
        },
    },
    "UpdateWorkflowStepRequest": {
        "type": "object",
        "required": ["metadata"],
        "properties": {"metadata": _METADATA | {"type": "object"}},
    },
    "JsonPatch": {
        "type": "array",
        "maxItems": 100,
        "items": {
            "type": "object",
            "required": ["op", "path"],
            "properties": {
                "op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": {"type": "string"},
                "from": {"type": "string"},
                "value": {},
            },
        },
    },
}
