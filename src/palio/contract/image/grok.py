"""Grok Imagine, xAI's hosted model."""

from typing import Annotated, Literal

from pydantic import Field

from palio.contract.image.aspect import size
from palio.contract.image.fields import Choice, ImageRef, Whole
from palio.contract.image.input import FromImages, ImageInput
from palio.contract.image.job import ImageJob
from palio.contract.image.pricing import by_image
from palio.contract.price import Price

GROK_ASPECTS = (
    *("2:1", "20:9", "19.5:9", "16:9", "4:3", "3:2", "1:1"),
    *("2:3", "3:4", "9:16", "9:19.5", "9:20", "1:2"),
)


class Grok(ImageInput):
    """What both operations take. There is no seed."""

    engine: Literal["grok"]
    quantity: Annotated[int, Whole(1, 4)] = 1

    def aspect(self) -> str | None:
        """The aspect ratio asked for; None keeps that of the source."""
        return None

    def first_job(self) -> ImageJob:
        sources = self.sources()
        width, height = size(self.aspect() or "1:1")
        return ImageJob(
            engine=self.engine,
            family="grok",
            model="grok",
            operation=sources.operation,
            prompt=self.prompt,
            width=width,
            height=height,
            aspect=self.aspect(),
            seed=None,
            images=sources.images,
            format=self.output_format,
            image_metadata=self.image_metadata,
        )


class GrokCreate(Grok):
    """A picture from words."""

    operation: Literal["createImage"]
    aspect_ratio: Annotated[str, Choice(*GROK_ASPECTS)] = "1:1"

    def aspect(self) -> str | None:
        return self.aspect_ratio

    def price(self) -> Price:
        return by_image(26, self.quantity)


class GrokEdit(FromImages, Grok):
    """A picture from words and up to three others."""

    operation: Literal["editImage"]
    images: Annotated[tuple[ImageRef, ...], Field(min_length=1, max_length=3)]

    def price(self) -> Price:
        return by_image(29, self.quantity)
