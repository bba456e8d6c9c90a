"""A capability file as it is written, in the part of Naftiko 1.0.0-alpha2 that is supported.

Shapes follow the JSON Schema of github.com/naftiko/framework at tag v1.0.0-alpha2, and the places where the published
files depart from it (`reading.deviations`). Every model refuses keys that it does not know.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic.alias_generators import to_camel

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=128)]
"""Names that are referred to as `namespace.operation`; hence without a dot."""

Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Text: TypeAlias = Annotated[str, Field(max_length=10_000)]


def _scalar(value: object) -> object:
    # Said once, where a union says it once for each of its members.
    if not isinstance(value, str | int | float | bool):
        raise ValueError("must be text, a number, true or false")
    return value


Scalar: TypeAlias = Annotated[str | int | float | bool, PlainValidator(_scalar)]
Type: TypeAlias = Literal["string", "integer", "number", "boolean", "array", "object"]
Place: TypeAlias = Literal["body", "query", "path", "header"]


class Part(BaseModel):
    """A mapping of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class Info(Part):
    label: Text | None = None
    description: Text | None = None
    tags: list[Text] = []
    created: Text | None = None
    modified: Text | None = None
    stakeholders: list[dict[str, Scalar]] = []


class Bind(Part):
    """Values from the environment: the name by which the file speaks of each, and its variable."""

    namespace: Name
    description: Text | None = None
    keys: dict[str, str]


class ConsumedParameter(Part):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    in_: Annotated[Place, Field(alias="in")]
    type: Type | None = None
    required: bool = False
    value: Scalar | None = None


class ConsumedOutput(Part):
    """What the raw reply is taken for. Only the whole of it is supported."""

    name: Text | None = None
    type: Type | None = None
    value: Literal["$.", "$"]


class ConsumedOperation(Part):
    name: Name
    label: Text | None = None
    description: Text | None = None
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    input_parameters: list[ConsumedParameter] = []
    output_raw_format: Literal["json", "raw"] = "json"
    output_parameters: list[ConsumedOutput] = []


class ConsumedResource(Part):
    name: Name
    label: Text | None = None
    description: Text | None = None
    path: Text
    input_parameters: list[ConsumedParameter] = []
    operations: list[ConsumedOperation]


class ApiKey(Part):
    type: Literal["apikey"]
    key: Annotated[str, Field(min_length=1, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    value: Text
    placement: Literal["header", "query"]


class Bearer(Part):
    type: Literal["bearer"]
    token: Text


class Consumed(Part):
    """An API that the capability calls."""

    type: Literal["http"]
    namespace: Name
    base_uri: Text
    description: Text | None = None
    input_parameters: list[ConsumedParameter] = []
    authentication: Annotated[ApiKey | Bearer, Field(discriminator="type")] | None = None
    resources: list[ConsumedResource]


class ExposedOutput(Part):
    """What the caller gets. Only the whole reply is supported."""

    type: Type | None = None
    mapping: Literal["$.", "$"]


class ExposedParameter(Part):
    name: Name
    in_: Annotated[Place, Field(alias="in")]
    type: Type | None = None
    description: Text | None = None
    required: bool = False


class ExposedOperation(Part):
    name: Name | None = None
    label: Text | None = None
    description: Text | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    input_parameters: list[ExposedParameter] = []
    call: Text
    with_: Annotated[dict[str, Scalar], Field(alias="with")] = {}
    output_parameters: list[ExposedOutput] = []


class ExposedResource(Part):
    name: Name | None = None
    label: Text | None = None
    description: Text | None = None
    path: Text
    input_parameters: list[ExposedParameter] = []
    operations: list[ExposedOperation]


class Rest(Part):
    type: Literal["rest"]
    namespace: Name
    port: Port
    description: Text | None = None
    resources: list[ExposedResource]


class Hints(Part):
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None


class ToolParameter(Part):
    name: Name
    type: Type
    description: Text | None = None
    required: bool = True


class Tool(Part):
    name: Name
    label: Text | None = None
    description: Text
    hints: Hints | None = None
    input_parameters: list[ToolParameter] = []
    call: Text
    with_: Annotated[dict[str, Scalar], Field(alias="with")] = {}
    output_parameters: list[ExposedOutput] = []


class Mcp(Part):
    type: Literal["mcp"]
    namespace: Name
    port: Port
    transport: Literal["http"] = "http"
    description: Text | None = None
    tools: list[Tool]


class SkillSource(Part):
    source_namespace: Name
    action: Name


class SkillTool(Part):
    """A tool that a skill speaks of: one of a neighbour in the file (`from`), or a file to read (`instruction`)."""

    name: Name
    description: Text
    from_: Annotated[SkillSource | None, Field(alias="from")] = None
    instruction: Text | None = None


class Skill(Part):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    description: Annotated[str, Field(max_length=1024)]
    license: Text | None = None
    compatibility: Annotated[str | None, Field(max_length=500)] = None
    metadata: dict[str, str] = {}
    allowed_tools: Annotated[str | None, Field(alias="allowed-tools", max_length=1024)] = None
    argument_hint: Annotated[Text | None, Field(alias="argument-hint")] = None
    user_invocable: Annotated[bool | None, Field(alias="user-invocable")] = None
    disable_model_invocation: Annotated[bool | None, Field(alias="disable-model-invocation")] = None
    location: Text | None = None
    tools: list[SkillTool] = []


class Skills(Part):
    type: Literal["skill"]
    namespace: Name
    port: Port
    description: Text | None = None
    skills: list[Skill]


class Capability(Part):
    consumes: list[Consumed] = []
    exposes: Annotated[list[Annotated[Rest | Mcp | Skills, Field(discriminator="type")]], Field(min_length=1)]


class Document(Part):
    naftiko: Literal["1.0.0-alpha2"]
    info: Info | None = None
    binds: list[Bind] = []
    capability: Capability
