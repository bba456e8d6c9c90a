"""The shaped form of an image input: an engine by its everyday name and a few flat members.

It is what `POST /v2/consumer/workflows/image` and the MCP tool take, besides any imageGen input as it is. A
friendly input is turned into an imageGen input, which is then read like any other.
"""

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import TypeAdapter, ValidationError

from palio.contract.image import aspect
from palio.contract.image.fields import Whole, members, under
from palio.contract.image.flux1 import KONTEXT_ASPECTS
from palio.contract.image.grok import GROK_ASPECTS
from palio.contract.image.variants import ENGINES, Variant, find_variant
from palio.contract.json import Json, JsonObject
from palio.errors import BadRequest

# The checkpoints for who names none, by their AIR on Civitai: the release that gave each family its name, and
# for SD 1.x what textToImage defaults to.
FLUX1_DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SD1_DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
MOST_ELONGATED = 4.0

_SIDE: TypeAdapter[int] = TypeAdapter(Annotated[int, Whole(1, 1_000_000)])

# The wire's names for a member, whichever of them the variant has.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt",),
    "negativePrompt": ("negativePrompt",),
    "width": ("width",),
    "height": ("height",),
    "aspectRatio": ("aspectRatio",),
    "quantity": ("quantity",),
    "seed": ("seed",),
    "steps": ("steps", "numInferenceSteps"),
    "cfgScale": ("cfgScale", "guidanceScale"),
    "images": ("images", "image"),
    "model": (),
    "outputFormat": ("outputFormat",),
    "strength": ("strength",),
}


def from_friendly(raw: JsonObject, at: str) -> JsonObject:
    """The imageGen input that `raw`, which stands at `at`, asks for; BadRequest for what it has no place for.

    An imageGen input comes back as it is. Some engines have the same name in both forms (`flux2`, `qwen` ...);
    then an input is friendly if it has friendly members only. An `aspectRatio` becomes the size of that shape that
    the variant can make, or a size the nearest aspect ratio, as the variant wants it. Nulls count as absent.
    """
    engine = raw.get("engine")
    if not isinstance(engine, str) or (engine not in _CHOICES and engine not in ENGINES.ways):
        raise BadRequest.at(under(at, "engine"), _no_engine(engine))
    unknown = sorted(raw.keys() - _NAMES.keys() - {"engine"})
    if engine not in _CHOICES or (unknown and engine in ENGINES.ways):
        return raw
    if unknown:
        raise _no_place(at, unknown, f"an input for {engine}; known are {', '.join(_NAMES)}")
    left: JsonObject = {member: value for member, value in raw.items() if member in _NAMES and value not in (None, [])}
    wire = _CHOICES[engine](left)
    variant = find_variant(wire, at)
    return wire | _placed(left, variant, wire, at) if variant else raw


def _flux1(left: JsonObject) -> JsonObject:
    return {
        "engine": "sdcpp",
        "ecosystem": "flux1",
        "operation": _operation(left),
        "diffuserModel": left.pop("model", FLUX1_DEV),
    }


def _kontext(left: JsonObject) -> JsonObject:
    return {"engine": "flux1-kontext", "model": left.pop("model", "dev")}


def _flux2(left: JsonObject) -> JsonObject:
    # Only stable-diffusion.cpp makes variants, and only with these two.
    model, operation = left.pop("model", "klein"), _operation(left)
    if operation == "createVariant" and model in ("klein", "dev"):
        ecosystem = "flux2Klein" if model == "klein" else "flux2Dev"
        return {"engine": "sdcpp", "ecosystem": ecosystem, "operation": operation}
    return {"engine": "flux2", "model": model, "operation": _operation(left, variant="editImage")}


def _sdxl(left: JsonObject) -> JsonObject:
    model = left.pop("model", SDXL_BASE)
    return {
        "engine": "sdcpp",
        "ecosystem": "sdxl",
        "operation": _operation(left, edit="createVariant"),
        "model": model,
    }


def _sd1(left: JsonObject) -> JsonObject:
    model = left.pop("model", SD1_DREAMSHAPER)
    return {
        "engine": "sdcpp",
        "ecosystem": "sd1",
        "operation": _operation(left, edit="createVariant"),
        "model": model,
    }


def _z_image(left: JsonObject) -> JsonObject:
    model = left.pop("model", "turbo")
    return {"engine": "sdcpp", "ecosystem": "zImage", "model": model, "operation": "createImage"}


def _qwen(left: JsonObject) -> JsonObject:
    model = left.pop("model", "20b")
    if model == "20b":
        return {"engine": "sdcpp", "ecosystem": "qwen", "model": model, "operation": _operation(left)}
    return {"engine": "qwen", "operation": _operation(left, variant="editImage"), "model": model}


def _seedream(left: JsonObject) -> JsonObject:
    version = left.pop("model", None)
    return {"engine": "seedream"} if version is None else {"engine": "seedream", "version": version}


def _grok(left: JsonObject) -> JsonObject:
    return {"engine": "grok", "operation": _operation(left, variant="editImage")}


_CHOICES: Mapping[str, Callable[[JsonObject], JsonObject]] = {
    "flux1": _flux1,
    "flux1-kontext": _kontext,
    "flux2": _flux2,
    "sdxl": _sdxl,
    "sd1": _sd1,
    "z-image": _z_image,
    "qwen": _qwen,
    "seedream": _seedream,
    "grok": _grok,
}

FRIENDLY_ENGINES: tuple[str, ...] = tuple(_CHOICES)


def _operation(left: JsonObject, edit: str = "editImage", variant: str = "createVariant") -> str:
    """What images and a strength ask for, where pictures are edited by `edit` and varied by `variant`."""
    if "images" not in left:
        return "createImage"
    return variant if "strength" in left else edit


def _placed(left: JsonObject, variant: Variant, wire: JsonObject, at: str) -> JsonObject:
    known = members(variant)
    if "aspectRatio" in left and ("width" in left or "height" in left):
        raise BadRequest.at(under(at, "aspectRatio"), "cannot be sent together with width or height")
    if "aspectRatio" in left and "aspectRatio" not in known and "width" in known:
        left.update(_size(left.pop("aspectRatio"), variant, at))
    if ("width" in left or "height" in left) and "width" not in known and "aspectRatio" in known:
        aspects = GROK_ASPECTS if wire["engine"] == "grok" else KONTEXT_ASPECTS
        left["aspectRatio"] = _aspect(left.pop("width", 1024), left.pop("height", 1024), aspects, at)
    names = {member: next((name for name in _NAMES[member] if name in known), None) for member in left}
    if homeless := [member for member, name in names.items() if name is None]:
        chosen = " ".join(str(wire[member]) for member in ("engine", "ecosystem", "operation") if member in wire)
        raise _no_place(at, homeless, chosen)
    placed: JsonObject = {name: left[member] for member, name in names.items() if name is not None}
    if "image" in placed:
        placed["image"] = _single(placed["image"], at)
    return placed


def _size(wanted: Json, variant: Variant, at: str) -> JsonObject:
    try:
        shape = aspect.ratio(wanted) if isinstance(wanted, str) else 0
    except ValueError as error:
        raise BadRequest.at(under(at, "aspectRatio"), str(error)) from None
    if not isinstance(wanted, str) or not 1 / MOST_ELONGATED <= shape <= MOST_ELONGATED:
        raise BadRequest.at(under(at, "aspectRatio"), "must be a ratio from 1:4 to 4:1, such as 16:9")
    sides = [variant.model_fields[side] for side in ("width", "height")]
    usual = [side.default or 1024 for side in sides]
    found = aspect.size(wanted, usual[0] * usual[1])
    limits = [next(limit for limit in side.metadata if isinstance(limit, Whole)) for side in sides]
    fitting = (max(limit.least, min(limit.most, side)) for side, limit in zip(found, limits, strict=True))
    return dict(zip(("width", "height"), fitting, strict=True))


def _aspect(width: Json, height: Json, known: tuple[str, ...], at: str) -> str:
    return aspect.nearest(_side(width, under(at, "width")), _side(height, under(at, "height")), known)


def _side(value: Json, at: str) -> int:
    try:
        return _SIDE.validate_python(value)
    except ValidationError:
        raise BadRequest.at(at, "must be a whole number of pixels") from None


def _single(images: Json, at: str) -> Json:
    if isinstance(images, list) and len(images) == 1:
        return images[0]
    raise BadRequest.at(under(at, "images"), "must be an array with one image, the one to start from")


def _no_place(at: str, sent: list[str], where: str) -> BadRequest:
    named = [member[:200] for member in sent[:50]]
    errors = {under(at, member): [f"has no place in {where}"] for member in named}
    return BadRequest(f"{under(at, named[0])}: has no place in {where}", errors)


def _no_engine(engine: Json) -> str:
    known = ", ".join(dict.fromkeys((*FRIENDLY_ENGINES, *ENGINES.ways)))
    if isinstance(engine, str):
        return f'there is no engine "{engine[:100]}"; known are {known}'
    return f"is required; it is one of {known}" if engine is None else f"must be a string, one of {known}"
