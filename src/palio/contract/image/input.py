"""What every imageGen input has in common, and how one becomes a job for each of its images."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from palio.contract.image.fields import INT64, Choice, EmbeddedText, ImageRef, Number, Prompt10000, Whole
from palio.contract.image.job import ImageJob, Lora, Operation, OutputFormat
from palio.contract.price import Price


@dataclass(frozen=True, slots=True)
class Sources:
    """The pictures a job starts from, and what is done with them."""

    operation: Operation = Operation.create
    images: tuple[str, ...] = ()
    strength: float | None = None

    @property
    def references(self) -> int:
        """How many pictures the model looks at while it draws; the start of a variant is none."""
        return len(self.images) if self.operation is Operation.edit else 0


class ImageInput(BaseModel):
    """An imageGen input. A variant names its discriminators as literals, adds its fields and narrows these."""

    # Built when first used: most servers see few of the variants, and commands none.
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True)

    seeds: ClassVar[tuple[int, int]] = INT64
    """The lowest and highest seed of the variant."""

    engine: str
    prompt: Prompt10000
    quantity: Annotated[int, Whole(1, 12)] = 1
    output_format: Annotated[OutputFormat, Choice(*OutputFormat)] = OutputFormat.jpeg
    image_metadata: EmbeddedText | None = None

    @abstractmethod
    def price(self) -> Price:
        """What all images together cost."""

    @abstractmethod
    def first_job(self) -> ImageJob:
        """The job of the first image, with the seed as sent."""

    def jobs(self) -> tuple[ImageJob, ...]:
        """One job an image."""
        return one_each(self.first_job(), self.quantity, self.seeds)

    def sources(self) -> Sources:
        """The pictures sent along; none unless the operation takes some."""
        return Sources()


class FromImages(BaseModel):
    """Members of an edit: pictures to work from; without any it is a creation."""

    images: Annotated[tuple[ImageRef, ...], Field(max_length=16)] = ()

    def sources(self) -> Sources:
        """The pictures to edit."""
        return Sources(Operation.edit if self.images else Operation.create, self.images)


class FromImage(BaseModel):
    """Members of a variant: the picture it starts from and how far it may leave it."""

    image: ImageRef
    strength: Annotated[float, Number(0, 1)] = 0.7

    def sources(self) -> Sources:
        """The picture to vary."""
        return Sources(Operation.variant, (self.image,), self.strength)


class FromImageInComfy(BaseModel):
    """As `FromImage`, in ComfyUI's words."""

    image: ImageRef
    denoise_strength: Annotated[float, Number(0, 1)] = 0.75

    def sources(self) -> Sources:
        """The picture to vary."""
        return Sources(Operation.variant, (self.image,), self.denoise_strength)


def one_each(first: ImageJob, count: int, seeds: tuple[int, int]) -> tuple[ImageJob, ...]:
    """`count` jobs like the first; a seed counts up from one to the next and starts over past the highest."""
    seed, (lowest, highest) = first.seed, seeds
    if seed is None:
        return (first,) * count
    following = (
        msgspec.structs.replace(first, seed=(seed - lowest + nth) % (highest - lowest + 1) + lowest)
        for nth in range(1, count)
    )
    return (first, *following)


def loras_of(strengths: dict[str, float]) -> tuple[Lora, ...]:
    """LoRAs sent as a map from AIR to strength."""
    return tuple(Lora(air, strength) for air, strength in strengths.items())


def components(**airs: str | None) -> dict[str, str]:
    """Those parts of a model that were overridden."""
    return {part: air for part, air in airs.items() if air is not None}
