"""What each everyday engine name takes: sizes, counts, operations and models, read from the variants themselves.

Whoever has to choose an engine or fill in an input (a person with a skill, a model with a tool's schema) is told from
here, so that what they are told is what is checked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from pydantic.fields import FieldInfo

from palio.contract.air import is_air
from palio.contract.image.fields import Choice, Number, Whole, members
from palio.contract.image.friendly import FRIENDLY_ENGINES, from_friendly
from palio.contract.image.variants import ENGINES, Branch, Variant, find_variant
from palio.contract.json import JsonObject
from palio.errors import BadRequest

DEFAULT_ENGINE = "flux2"
"""For who does not say which."""

GOOD_FOR = MappingProxyType(
    {
        "flux1": "photographs and illustrations from long, plain sentences; any Flux.1 checkpoint by its AIR",
        "flux1-kontext": "changing a picture by instruction while keeping its subject",
        "flux2": "the first choice: follows long prompts closely, letters text, works from several pictures",
        "sdxl": "the widest choice of community checkpoints, by their AIR; prompts of comma-separated words",
        "sd1": "small and quick; many old community checkpoints, by their AIR",
        "z-image": "quick drafts with good detail in few steps",
        "qwen": "text inside the picture, also Chinese, and careful edits",
        "seedream": "large pictures, up to 4096 pixels a side, from words or from up to ten pictures",
        "grok": "quick pictures in one of thirteen shapes; no seed",
    }
)

_OPERATIONS: tuple[tuple[str, JsonObject], ...] = (
    ("create", {}),
    ("edit", {"images": ["-"]}),
    ("vary", {"images": ["-"], "strength": 0.5}),
)


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and highest value that is taken, and what is taken when none is sent."""

    least: float
    most: float
    default: float | None = None

    def __str__(self) -> str:
        return f"{self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True)
class Guide:
    """One everyday name. What an engine has no place for is None, False or empty. Sides are pixels."""

    engine: str
    good_for: str
    operations: tuple[str, ...]
    """`create` from words, `edit` of `images`, `vary` one of them by `strength`."""
    models: tuple[str, ...]
    """Words for `model`, the default first."""
    takes_checkpoint: bool
    """Whether `model` is the AIR of a checkpoint."""
    side: Range | None
    aspects: tuple[str, ...]
    """The only shapes there are, if `side` is None."""
    quantity: Range
    steps: Range | None
    cfg_scale: Range | None
    takes_negative_prompt: bool
    takes_seed: bool


@cache
def guides() -> tuple[Guide, ...]:
    """A guide for each everyday engine name."""
    return tuple(_guide(engine) for engine in FRIENDLY_ENGINES)


def widest(ranges: Iterator[Range | None]) -> Range:
    """What at least one of several engines takes."""
    known = [each for each in ranges if each is not None]
    return Range(min(each.least for each in known), max(each.most for each in known))


def aspects() -> tuple[str, ...]:
    """Every shape that some engine knows by name, the widest first."""
    known = {aspect for guide in guides() for aspect in guide.aspects}
    return tuple(sorted(known, key=lambda aspect: -_ratio(aspect)))


def _ratio(aspect: str) -> float:
    width, _, height = aspect.partition(":")
    return float(width) / float(height)


def _guide(engine: str) -> Guide:
    found = {name: variant for name, extra in _OPERATIONS if (variant := _variant(engine, extra))}
    create = found["create"]
    fields = members(create)
    return Guide(
        engine=engine,
        good_for=GOOD_FOR[engine],
        operations=_operations(found, fields),
        models=_models(engine, fields),
        takes_checkpoint=_takes_checkpoint(engine),
        side=_range(fields, "width"),
        aspects=_choices(fields.get("aspectRatio")),
        quantity=_range(fields, "quantity") or Range(1, 1, 1),
        steps=_range(fields, "steps", "numInferenceSteps"),
        cfg_scale=_range(fields, "cfgScale", "guidanceScale"),
        takes_negative_prompt="negativePrompt" in fields,
        takes_seed="seed" in fields,
    )


def _variant(engine: str, extra: JsonObject) -> Variant | None:
    try:
        return find_variant(from_friendly({"engine": engine, "prompt": "-", **extra}, ""), "")
    except BadRequest:
        return None


def _operations(found: dict[str, Variant], fields: dict[str, FieldInfo]) -> tuple[str, ...]:
    # Where pictures can only be varied, pictures without a strength are varied too.
    edits = {"images"} & members(found["edit"]).keys() if "edit" in found else set()
    return tuple(name for name in found if name != "edit" or edits)


def _models(engine: str, fields: dict[str, FieldInfo]) -> tuple[str, ...]:
    """The words that `model` may be for an engine, in the order of the contract but the default first."""
    wire = from_friendly({"engine": engine, "prompt": "-"}, "")
    words = _branches(wire)
    default = wire.get("model")
    if engine == "seedream":
        words, default = [*_choices(fields["version"])], fields["version"].default
    if engine == "qwen":
        words += _choices(members(_qwen_hosted())["model"])
    return tuple(sorted(dict.fromkeys(words), key=lambda word: word != default))


def _takes_checkpoint(engine: str) -> bool:
    wire = from_friendly({"engine": engine, "prompt": "-"}, "")
    return any(is_air(value) for member in ("model", "diffuserModel") if isinstance(value := wire.get(member), str))


def _qwen_hosted() -> Variant:
    variant = find_variant({"engine": "qwen"}, "")
    if variant is None:
        raise LookupError("qwen has no variant")
    return variant


def _branches(wire: JsonObject) -> list[str]:
    """The values of `model` that lead somewhere, on the way of an input through the variants."""
    way: Branch | Variant | None = ENGINES
    while isinstance(way, Branch):
        if way.member == "model":
            return list(way.ways)
        way = way.ways.get(str(wire.get(way.member, way.default)))
    return []


def _range(fields: dict[str, FieldInfo], *names: str) -> Range | None:
    for name in names:
        if name in fields:
            for limit in fields[name].metadata:
                if isinstance(limit, (Whole, Number)) and limit.least is not None and limit.most is not None:
                    return Range(limit.least, limit.most, fields[name].default)
    return None


def _choices(field: FieldInfo | None) -> tuple[str, ...]:
    if field is None:
        return ()
    return next((tuple(map(str, choice.known)) for choice in field.metadata if isinstance(choice, Choice)), ())
