"""The kinds of value that image inputs are made of: numbers, choices, AIRs, image references, texts.

JSON numbers may arrive quoted (clients send seeds beyond 2^53 as strings); booleans are never numbers.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictBool,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from pydantic_core.core_schema import ValidationInfo

from palio.contract import air
from palio.contract.image.job import ControlNet

INT64 = (-(2**63), 2**63 - 1)
INT32 = (-(2**31), 2**31 - 1)
MAX_URL = 8192
MAX_TEXT = 64 * 1024
MAX_EMBEDDED = 15_000
"""Characters of text that are sure to fit into the metadata of every encoding; JPEG's hold the least."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WEB = ("http://", "https://")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_DATA = re.compile(r"data:image/[a-z0-9.+\-]+(?:;[a-z0-9_\-]+=[^;,]*)*;base64,", re.IGNORECASE | re.ASCII)
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`, both included, divisible by `step`."""

    least: int
    most: int
    step: int = 1

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        step = self.step if self.step > 1 else None
        number = core_schema.int_schema(ge=self.least, le=self.most, multiple_of=step)
        return core_schema.no_info_before_validator_function(_numeric("must be a whole number"), number)


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number from `least` to `most`, both included; None is no bound."""

    least: float | None = None
    most: float | None = None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.float_schema(ge=self.least, le=self.most, allow_inf_nan=False)
        return core_schema.no_info_before_validator_function(_numeric("must be a number"), number)


class Choice:
    """One of a few words, read in any case and kept as spelled here.

    Like `Whole` and `IsAir` it decides alone what is read, so `Annotated[str | None, Choice(...)] = None` is a
    member that may be left out but not be null.
    """

    def __init__(self, *known: str) -> None:
        self.known = known
        self._spelling = {word.lower(): word for word in known}

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": [str(word) for word in self.known]}

    def read(self, value: object) -> str:
        """The word as spelled in `known`."""
        spelled = self._spelling.get(value.lower()) if isinstance(value, str) else None
        if spelled is None:
            raise PydanticCustomError("choice", "must be one of {known}", {"known": ", ".join(self.known)})
        return spelled


class IsAir:
    """An AIR, kept as sent."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self.read, core_schema.str_schema(max_length=air.MAX_LENGTH)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "air", "maxLength": air.MAX_LENGTH}

    @staticmethod
    def read(text: str) -> str:
        """`text`, if it is an AIR."""
        if not air.is_air(text):
            air.parse_air(text)
        return text


def _numeric(otherwise: str) -> Callable[[object], object]:
    def check(value: object) -> object:
        quoted = isinstance(value, str) and _NUMBER.fullmatch(value)
        if quoted or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return value
        raise PydanticCustomError("number", "{otherwise}", {"otherwise": otherwise})

    return check


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT or len(text.encode()) > MAX_TEXT:
        raise ValueError(f"must be at most {MAX_TEXT} bytes of UTF-8")
    return text


def _image_ref(text: str) -> str:
    head = text[:8].lower()
    if head.startswith(_WEB):
        return _web_url(text)
    if head.startswith("data:"):
        found = _DATA.match(text[:1024])
        if found is None:
            raise ValueError("must be a data URL of an image, such as data:image/png;base64,...")
        _require_base64(text[found.end() :])
        return text
    if scheme := _SCHEME.match(text[:64]):
        raise ValueError(f"{scheme[1]}: is not fetched; send an http(s) URL, a data URL or Base64")
    _require_base64(text)
    return text


def _web_url(text: str) -> str:
    if len(text) > MAX_URL:
        raise ValueError(f"a URL has at most {MAX_URL} characters")
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname) and parts.port != 0 and not _NOT_IN_URLS.search(text)
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("is not a valid URL")
    return text


def _require_base64(text: str) -> None:
    try:
        if text and text.isascii() and binascii.a2b_base64("".join(text.split()), strict_mode=True):
            return
    except binascii.Error:
        pass
    raise ValueError("must be an http(s) URL, a data URL or Base64 of an image")


def _image_or_air(text: str) -> str:
    return text if text[:4].lower() in ("urn:", "air:") and air.is_air(text) else _image_ref(text)


Seed64: TypeAlias = Annotated[int, Whole(*INT64)]
Seed32: TypeAlias = Annotated[int, Whole(*INT32)]
Switch: TypeAlias = StrictBool
Prompt1000: TypeAlias = Annotated[str, Field(max_length=1000)]
Prompt10000: TypeAlias = Annotated[str, Field(max_length=10_000)]
"""Also where the contract names no limit."""
EmbeddedText: TypeAlias = Annotated[str, Field(max_length=MAX_EMBEDDED)]
Text: TypeAlias = Annotated[str, AfterValidator(_bounded), Field(json_schema_extra={"maxLength": MAX_TEXT})]
AirText: TypeAlias = Annotated[str, IsAir()]
ImageRef: TypeAlias = Annotated[
    str,
    AfterValidator(_image_ref),
    Field(description="An http(s) URL, a data URL of an image, or the image in Base64."),
]
LoraStrengths: TypeAlias = Annotated[dict[AirText, Annotated[float, Number()]], Field(max_length=32)]
Embeddings: TypeAlias = Annotated[tuple[AirText, ...], Field(max_length=32)]


class Part(BaseModel):
    """An object inside an input, closed like the input itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class ControlNetInput(Part):
    """One ControlNet. `mask` is needed when the preprocessor is `inpaint`."""

    preprocessor: Annotated[
        str,
        Choice(
            *("canny", "mlsd", "depthZoe", "depthAnything", "depthAnythingV2", "zoeDepthAnything", "zoeDepth"),
            *("midasDepth", "leresDepth", "metric3dDepth", "softedgePidinet", "hed", "teed", "midasNormal"),
            *("baeNormal", "dsineNormal", "metric3dNormal", "lineartRealistic", "lineartStandard"),
            *("lineartAnime", "lineartManga", "anyline", "scribble", "scribbleXdog", "scribblePidinet"),
            *("fakeScribble", "openpose", "dwpose", "oneformerCoco", "oneformerAde20k", "uniformer"),
            *("shuffle", "tile", "gray", "rembg", "inpaint"),
        ),
    ]
    weight: Annotated[float, Number()]
    start_step: Annotated[float, Number()]
    end_step: Annotated[float, Number()]
    image: (
        Annotated[
            str,
            AfterValidator(_image_or_air),
            Field(description="An http(s) URL, a data URL or Base64 of an image, or an AIR."),
        ]
        | None
    ) = None
    mask: ImageRef | None = Field(default=None, validate_default=True)

    @field_validator("mask")
    @classmethod
    def _mask_for_inpainting(cls, mask: str | None, info: ValidationInfo) -> str | None:
        if mask is None and info.data.get("preprocessor") == "inpaint":
            raise ValueError("is required when the preprocessor is inpaint")
        return mask

    def control_net(self) -> ControlNet:
        """The same in the normal form."""
        return ControlNet(
            preprocessor=self.preprocessor,
            weight=self.weight,
            start_step=self.start_step,
            end_step=self.end_step,
            image=self.image,
            mask=self.mask,
        )


ControlNets: TypeAlias = Annotated[tuple[ControlNetInput, ...], Field(max_length=8)]


def members(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by their names on the wire."""
    # An alias that the generator makes may not be there yet in a model that has not been built.
    return {field.alias or to_camel(name): field for name, field in model.model_fields.items()}


def under(at: str, place: str) -> str:
    """The path of `place` in what stands at `at`, which is empty for the body itself."""
    return f"{at}.{place}" if at else place
