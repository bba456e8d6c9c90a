"""Seedream, ByteDance's hosted models."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from palio.contract.image.fields import INT32, Choice, ImageRef, Number, Prompt10000, Seed32, Switch, Whole
from palio.contract.image.input import FromImages, ImageInput
from palio.contract.image.job import ImageJob
from palio.contract.image.pricing import by_image
from palio.contract.price import Price

# That of v5.0-pro is not published; it is set above v4.5 as pro tiers elsewhere are.
_PRICES = {"v3": 40, "v4": 40, "v4.5": 60, "v5.0-lite": 52, "v5.0-pro": 120}


class Seedream(FromImages, ImageInput):
    """Seedream in its versions; pictures sent along make it an edit."""

    seeds: ClassVar[tuple[int, int]] = INT32

    engine: Literal["seedream"]
    prompt: Annotated[Prompt10000, Field(min_length=1)]
    quantity: Annotated[int, Whole(1, 12)] = 1
    width: Annotated[int, Whole(256, 4096)] = 1024
    height: Annotated[int, Whole(256, 4096)] = 1024
    guidance_scale: Annotated[float, Number(1, 10)] = 2.5
    seed: Seed32 | None = None
    enable_safety_checker: Switch = False
    version: Annotated[str, Choice(*_PRICES)] = "v4.5"
    images: Annotated[tuple[ImageRef, ...], Field(max_length=10)] = ()

    def first_job(self) -> ImageJob:
        sources = self.sources()
        return ImageJob(
            engine=self.engine,
            family="seedream",
            model=self.version,
            operation=sources.operation,
            prompt=self.prompt,
            width=self.width,
            height=self.height,
            seed=self.seed,
            guidance=self.guidance_scale,
            images=sources.images,
            format=self.output_format,
            image_metadata=self.image_metadata,
            options={"enableSafetyChecker": self.enable_safety_checker},
        )

    def price(self) -> Price:
        return by_image(_PRICES[self.version], self.quantity)
