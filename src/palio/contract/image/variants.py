"""Which class reads which imageGen input: a tree walked by the input's discriminators.

The members that discriminate may stand anywhere in the object. What `model` means is known only once the
engine is: a tier, a checkpoint's AIR or a plain choice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from palio.contract.image import flux1, flux2, grok, qwen, sd1, sdxl, seedream, zimage
from palio.contract.image.fields import under
from palio.contract.image.input import ImageInput
from palio.contract.json import Json, JsonObject
from palio.errors import BadRequest

Variant: TypeAlias = type[ImageInput]


@dataclass(frozen=True, slots=True)
class Branch:
    """A member that discriminates, what each of its values leads to, and the value of one that is not there."""

    member: str
    ways: "Mapping[str, Branch | Variant]"
    default: str | None = None


ENGINES = Branch(
    "engine",
    {
        "sdcpp": Branch(
            "ecosystem",
            {
                "flux1": Branch(
                    "operation",
                    {
                        "createImage": flux1.SdcppFlux1Create,
                        "editImage": flux1.SdcppFlux1Edit,
                        "createVariant": flux1.SdcppFlux1Variant,
                    },
                ),
                "flux2Klein": Branch(
                    "operation",
                    {
                        "createImage": flux2.SdcppFlux2KleinCreate,
                        "editImage": flux2.SdcppFlux2KleinEdit,
                        "createVariant": flux2.SdcppFlux2KleinVariant,
                    },
                ),
                "flux2Dev": Branch(
                    "operation",
                    {
                        "createImage": flux2.SdcppFlux2DevCreate,
                        "editImage": flux2.SdcppFlux2DevEdit,
                        "createVariant": flux2.SdcppFlux2DevVariant,
                    },
                ),
                "sdxl": Branch(
                    "operation",
                    {"createImage": sdxl.SdcppSdxlCreate, "createVariant": sdxl.SdcppSdxlVariant},
                ),
                "sd1": Branch(
                    "operation",
                    {"createImage": sd1.SdcppSd1Create, "createVariant": sd1.SdcppSd1Variant},
                ),
                "zImage": Branch(
                    "model",
                    {
                        "turbo": Branch("operation", {"createImage": zimage.SdcppZImageTurbo}),
                        "base": Branch("operation", {"createImage": zimage.SdcppZImageBase}),
                    },
                ),
                "qwen": Branch(
                    "model",
                    {
                        "20b": Branch(
                            "operation",
                            {
                                "createImage": qwen.SdcppQwenCreate,
                                "editImage": qwen.SdcppQwenEdit,
                                "createVariant": qwen.SdcppQwenVariant,
                            },
                        )
                    },
                ),
            },
        ),
        "comfy": Branch(
            "ecosystem",
            {
                "flux1": Branch(
                    "operation",
                    {"createImage": flux1.ComfyFlux1Create, "createVariant": flux1.ComfyFlux1Variant},
                ),
                "flux2Dev": Branch(
                    "operation",
                    {"createImage": flux2.ComfyFlux2DevCreate, "editImage": flux2.ComfyFlux2DevEdit},
                ),
                "sdxl": Branch(
                    "operation",
                    {"createImage": sdxl.ComfySdxlCreate, "createVariant": sdxl.ComfySdxlVariant},
                ),
                "sd1": Branch(
                    "operation",
                    {"createImage": sd1.ComfySd1Create, "createVariant": sd1.ComfySd1Variant},
                ),
            },
        ),
        "flux1-kontext": Branch("model", dict.fromkeys(("dev", "pro", "max"), flux1.Flux1Kontext)),
        "flux2": Branch(
            "model",
            {
                "klein": Branch(
                    "operation",
                    {"createImage": flux2.Flux2KleinCreate, "editImage": flux2.Flux2KleinEdit},
                ),
                "dev": Branch("operation", {"createImage": flux2.Flux2DevCreate, "editImage": flux2.Flux2DevEdit}),
                "flex": Branch("operation", {"createImage": flux2.Flux2FlexCreate, "editImage": flux2.Flux2FlexEdit}),
                **dict.fromkeys(
                    ("pro", "max"),
                    Branch("operation", {"createImage": flux2.Flux2TopCreate, "editImage": flux2.Flux2TopEdit}),
                ),
            },
        ),
        "seedream": seedream.Seedream,
        "grok": Branch("operation", {"createImage": grok.GrokCreate, "editImage": grok.GrokEdit}),
        "qwen": Branch(
            "operation", {"createImage": qwen.QwenCreate, "editImage": qwen.QwenEdit}, default="createImage"
        ),
        "fal": Branch(
            "model",
            {
                "qwen2": Branch(
                    "operation",
                    {
                        **dict.fromkeys(("createImage", "proCreateImage"), qwen.FalQwen2Create),
                        **dict.fromkeys(("editImage", "proEditImage"), qwen.FalQwen2Edit),
                    },
                )
            },
        ),
    },
)


def find_variant(raw: JsonObject, at: str, is_unknown: Callable[[str], bool] = lambda member: False) -> Variant | None:
    """The class that reads `raw`, or BadRequest naming the discriminator that leads nowhere.

    None when the value of a discriminator `is_unknown` yet, being a reference.
    """
    way: Branch | Variant = ENGINES
    while isinstance(way, Branch):
        member = way.member
        value = raw.get(member)
        if value is None and way.default is not None:
            value = way.default
        following = way.ways.get(value) if isinstance(value, str) else None
        if following is None:
            if is_unknown(member):
                return None
            raise BadRequest.at(under(at, member), _no_way(way, value))
        way = following
    return way


def leaves(way: Branch | Variant = ENGINES) -> Iterator[tuple[dict[str, str], Variant]]:
    """Every variant with the discriminators that lead to it."""
    if not isinstance(way, Branch):
        yield {}, way
        return
    for value, following in way.ways.items():
        for further, variant in leaves(following):
            yield {way.member: value, **further}, variant


def _no_way(branch: Branch, value: Json) -> str:
    known = ", ".join(branch.ways)
    if value is None:
        return f"is required; it is one of {known}"
    if not isinstance(value, str):
        return f"must be a string, one of {known}"
    return f'there is no {branch.member} "{value[:100]}" here; known are {known}'
