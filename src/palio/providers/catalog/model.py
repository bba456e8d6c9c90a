"""A vendor's model as its catalog describes it: what it makes, how a job is sent to it, what it costs.

A member that is absent is something that the model cannot do. A member that is there names the vendor's field. All
tables are closed, so that a misspelled member is an error.
"""

import math
from datetime import date
from enum import StrEnum
from typing import TypeAlias

import msgspec

from palio.contract.image.job import Operation, OutputFormat

Scalar: TypeAlias = bool | int | float | str

MEGAPIXEL = 1024 * 1024


class Unit(StrEnum):
    """What is counted."""

    image = "image"
    megapixel = "megapixel"
    """1024 x 1024 pixels, every begun one."""
    step = "step"


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD of one image: `usd` for each unit, `first` for the first one where that differs.

    `reference` is USD for each picture sent along, `source` and `as_of` say where and when the price was read.
    """

    usd: float
    unit: Unit = Unit.image
    first: float | None = None
    reference: float = 0.0
    source: str
    as_of: date

    def of(self, pixels: int, steps: int | None, references: int) -> float | None:
        """USD of an image; None where it depends on steps that are not known."""
        if self.unit is Unit.step and steps is None:
            return None
        units = {Unit.image: 1, Unit.megapixel: math.ceil(pixels / MEGAPIXEL), Unit.step: steps or 0}[self.unit]
        first = self.usd if self.first is None else self.first
        return first + self.usd * (units - 1) + self.reference * references


class Size(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sizes that a model makes, in pixels.

    `least` and `most` are for a side, `least_pixels` and `most_pixels` for the whole; `only` are all sizes, as width
    and height, where there are a few. Where the vendor brings other sizes to one that it makes, it `rounds` sides to a
    multiple of `multiple`, or `scales` the whole into its bounds; the offer says to what. Where it does not, other
    sizes are declined. Sent as an object in `field`, or as text with `between` between the two numbers, or as `width`
    and `height` where there is no field; `extra` is sent along.
    """

    field: str | None = None
    between: str = ""
    least: int = 1
    most: int = 16_384
    multiple: int = 1
    rounds: bool = False
    scales: bool = False
    least_pixels: int = 1
    most_pixels: int = 16_384 * 16_384
    only: tuple[tuple[int, int], ...] = ()
    extra: dict[str, Scalar] = {}


class Aspect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The aspect ratios that a model makes, as `known` spells them; the vendor chooses the pixels.

    `of_source` is what is sent to keep the shape of the picture that is edited; empty: the field is left out. Where
    the vendor takes only certain sizes, `sides` are the width and height of each ratio, and are sent in its place.
    """

    field: str = ""
    known: tuple[str, ...]
    of_source: str = ""
    sides: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.sides and len(self.sides) != len(self.known):
            raise ValueError("an aspect has either no sides, or those of each known ratio")
        if bool(self.field) == bool(self.sides):
            raise ValueError("an aspect has either a field, or sides")


class Number(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number the model takes, both bounds included; `plus` is added before it is sent."""

    field: str
    least: float = -math.inf
    most: float = math.inf
    plus: int = 0


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text the model takes, of at most `longest` characters."""

    field: str
    longest: int | None = None


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A choice the model takes: our words and the vendor's."""

    field: str
    words: dict[str, str]


class Form(StrEnum):
    """How pictures are sent."""

    single = "single"
    many = "many"
    """An array."""
    numbered = "numbered"
    """`field`, then `field_2`, `field_3` ..."""


class Images(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pictures a model works from: `least` to `most` of them.

    Where it `follows` the picture, what comes out has the size of what goes in: it is brought to the job's size first.
    """

    field: str
    least: int = 1
    most: int = 1
    form: Form = Form.single
    follows: bool = False


class Written(StrEnum):
    """How a vendor is told which weights are meant."""

    url = "url"
    """Where anybody can download them; on Hugging Face the name of the repository."""
    air = "air"
    """The end of their AIR: `civitai:4384@128713`."""
    version = "version"
    """The number of their version on Civitai."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The checkpoint a model runs, which is the job's own."""

    field: str
    written: Written = Written.url


class Loras(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The LoRAs a model applies, as an array in `field` of objects with the members `path` and `scale`.

    Where a vendor scales parts of a model apart, all of `scale` get the same; `extra` is in every object. They are
    from `sources` of AIRs that the vendor can load from; where there are none, from files of one's own.
    """

    field: str
    most: int
    sources: tuple[str, ...] = ("civitai", "huggingface")
    written: Written = Written.url
    path: str = "path"
    scale: tuple[str, ...] = ("scale",)
    extra: dict[str, Scalar] = {}


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a vendor.

    It is for jobs of a `family` whose model is among `members`: a tier, a checkpoint as `source:id@version`, or `*`;
    and whose options have one of the values in `chosen_by`, where a version of a model is named in an option.
    `always` are members and options of a job that cannot be chosen, with the values the model has for them: a job
    that asks for another is declined. `ignores` are those that make no difference to its pictures.
    `options` are switches of a job by their wire names, and the vendor's fields for them; `extra` is always sent.
    """

    id: str
    family: str
    members: tuple[str, ...]
    chosen_by: dict[str, tuple[Scalar, ...]] = {}
    operations: tuple[Operation, ...] = (Operation.create,)
    price: Price | None = None
    seconds: float = 10.0
    """How long a run takes, to go by until there is a record."""

    prompt: Text
    checkpoint: Checkpoint | None = None
    size: Size | None = None
    aspect: Aspect | None = None
    seed: Number | None = None
    negative_prompt: Text | None = None
    steps: Number | None = None
    guidance: Number | None = None
    clip_skip: Number | None = None
    strength: Number | None = None
    sampling: Words | None = None
    """Sampler and scheduler where they are one choice: `euler/karras`."""
    sampler: Words | None = None
    scheduler: Words | None = None
    images: Images | None = None
    loras: Loras | None = None
    components: tuple[str, ...] = ()
    """Parts that a job may replace: `vae`."""
    embeddings: bool = False
    """Whether prompts may name embeddings, from files of one's own."""
    control_nets: dict[str, str] = {}
    """Files of ControlNets by what they are led by, at a server of one's own: `canny`, `depth` ..."""
    format: Words | None = None
    """Encodings by our names; the first is asked for where the job's own is not among them."""
    options: dict[str, str] = {}
    always: dict[str, tuple[Scalar, ...]] = {}
    ignores: tuple[str, ...] = ()
    extra: dict[str, Scalar] = {}
    recipe: str = ""
    """Which of several ways it is run in: how its graph is built, or which of a vendor's endpoints takes it."""
    files: dict[str, str] = {}
    """The files it is made of there, by what they are: `checkpoint`, `unet`, `clip`, `vae` ..."""
    blacks_out: bool = False
    """Whether a picture that its safety filter stopped comes back black, with nothing that says so."""

    def __post_init__(self) -> None:
        if not self.members or not self.operations:
            raise ValueError(f"{self.id} is for no job: members and operations must name some")
        if self.size is not None and self.aspect is not None:
            raise ValueError(f"{self.id} has both size and aspect; a model takes one of them")
        if any(operation is not Operation.create for operation in self.operations) and self.images is None:
            raise ValueError(f"{self.id} edits or varies, and has no images to send the pictures in")
        if self.format is not None and not self.format.words.keys() <= {format.value for format in OutputFormat}:
            raise ValueError(f"{self.id} names an encoding that no job asks for")
