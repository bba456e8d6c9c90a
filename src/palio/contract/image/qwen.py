"""Qwen-Image: 20b on stable-diffusion.cpp, Alibaba's own models, and Qwen-Image 2 at fal."""

from typing import Annotated, ClassVar, Literal

from msgspec.structs import replace
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from palio.contract.image.fields import (
    INT32,
    Choice,
    ImageRef,
    Number,
    Prompt10000,
    Seed32,
    Switch,
    Whole,
)
from palio.contract.image.input import FromImage, FromImages, ImageInput
from palio.contract.image.job import ImageJob
from palio.contract.image.pricing import by_image
from palio.contract.image.sdcpp import SdcppInput
from palio.contract.price import Price

ORIGINAL_SIZE = 1328 * 1328
"""Pixels of the size Qwen-Image was made for, and that the published price of a creation is for."""
UNSIZED = 1024
"""The side of an image whose size was left to the server."""


class SdcppQwen(SdcppInput):
    """Qwen-Image 20b on stable-diffusion.cpp."""

    family: ClassVar[str] = "qwen"

    ecosystem: Literal["qwen"]
    model: Literal["20b"]
    cfg_scale: Annotated[float, Number(0, 30)] = 2.5
    version: Annotated[str, Choice("latest", "2509", "2512")] = "latest"

    def family_member(self) -> str:
        return self.model

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            width=self.width or UNSIZED,
            height=self.height or UNSIZED,
            options={"version": self.version},
        )

    def price(self) -> Price:
        return self._price(30, ORIGINAL_SIZE, {})

    def _price(self, base: float, at_pixels: int, more: dict[str, float]) -> Price:
        pixels = (self.width or UNSIZED) * (self.height or UNSIZED) / at_pixels
        return Price({"base": base, "pixels": pixels, "steps": self.steps / 20, **more, "quantity": self.quantity})


class SdcppQwenCreate(SdcppQwen):
    """A picture from words."""

    operation: Literal["createImage"]


class SdcppQwenEdit(FromImages, SdcppQwen):
    """A picture from words and up to ten others. The size is the server's to choose; 0 says so."""

    operation: Literal["editImage"]
    version: Annotated[str, Choice("latest", "2509", "2511")] = "latest"
    images: Annotated[tuple[ImageRef, ...], Field(min_length=1, max_length=10)]
    width: Annotated[int, Whole(0, 2048)] = 0
    height: Annotated[int, Whole(0, 2048)] = 0

    def price(self) -> Price:
        return self._price(40, UNSIZED * UNSIZED, {"images": 1 + 0.1 * (len(self.images) - 1)})


class SdcppQwenVariant(FromImage, SdcppQwen):
    """Another take on a picture. The size is the server's to choose; 0 says so."""

    operation: Literal["createVariant"]
    width: Annotated[int, Whole(0, 2048)] = 0
    height: Annotated[int, Whole(0, 2048)] = 0


class QwenModel(BaseModel):
    """A base of its own, and the last one, so that `model` is read before the members whose limits depend on it."""

    model: str


class Qwen(ImageInput, QwenModel):
    """Alibaba's own Qwen models, where `model` is an ordinary member with a default."""

    seeds: ClassVar[tuple[int, int]] = INT32

    engine: Literal["qwen"]
    prompt: Annotated[str, Field(max_length=5000)]
    negative_prompt: Annotated[str, Field(max_length=500)] | None = None
    quantity: Annotated[int, Whole(1, 6)] = 1
    width: Annotated[int | None, Whole(512, 2048)] = None
    height: Annotated[int | None, Whole(512, 2048)] = None
    seed: Seed32 | None = None
    prompt_extend: Switch = True
    watermark: Switch = False

    @field_validator("quantity")
    @classmethod
    def _single(cls, quantity: int, info: ValidationInfo) -> int:
        model = info.data.get("model")
        if quantity > 1 and model in ("max", "plus", "edit"):
            raise ValueError(f"must be 1: model {model} makes one image at a time")
        return quantity

    def first_job(self) -> ImageJob:
        sources = self.sources()
        # Alibaba's max and plus take five sizes only, of which the square is 1328; the others take any.
        side = 1328 if self.model in ("max", "plus") else UNSIZED
        return ImageJob(
            engine=self.engine,
            family="qwen",
            model=self.model,
            operation=sources.operation,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt or "",
            width=self.width or side,
            height=self.height or side,
            seed=self.seed,
            images=sources.images,
            format=self.output_format,
            image_metadata=self.image_metadata,
            options={"promptExtend": self.prompt_extend, "watermark": self.watermark},
        )

    def price(self) -> Price:
        published = {"2.0": 45.5, "edit-plus": 39, "plus": 39, "edit": 58.5}
        return by_image(published.get(self.model, 97.5), self.quantity)


class QwenCreate(Qwen):
    """A picture from words."""

    operation: Literal["createImage"] | None = "createImage"
    model: Annotated[str, Choice("3.0-pro", "2.0-pro", "2.0", "max", "plus")] = "2.0"


class QwenEdit(FromImages, Qwen):
    """A picture from words and up to three others."""

    operation: Literal["editImage"]
    model: Annotated[str, Choice("3.0-pro", "2.0-pro", "2.0", "edit-max", "edit-plus", "edit")] = "edit-plus"
    images: Annotated[tuple[ImageRef, ...], Field(min_length=1, max_length=3)]

    @field_validator("width", "height")
    @classmethod
    def _unsized(cls, side: int, info: ValidationInfo) -> int:
        if info.data.get("model") == "edit":
            raise ValueError("must be left out: model edit keeps the size of its image")
        return side


FAL_SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""What fal's names for sizes mean, in pixels."""


class FalQwen2(ImageInput):
    """Qwen-Image 2 at fal; the operations that begin with `pro` use the larger model."""

    seeds: ClassVar[tuple[int, int]] = INT32

    engine: Literal["fal"]
    model: Literal["qwen2"]
    operation: str
    prompt: Annotated[Prompt10000, Field(min_length=1)]
    negative_prompt: Annotated[str, Field(max_length=500)] | None = None
    quantity: Annotated[int, Whole(1, 10)] = 1
    image_size: Annotated[str, Choice(*FAL_SIZES)] = "square_hd"
    seed: Seed32 | None = None
    enable_prompt_expansion: Switch = True
    enable_safety_checker: Switch = False

    def first_job(self) -> ImageJob:
        sources = self.sources()
        width, height = FAL_SIZES[self.image_size]
        return ImageJob(
            engine=self.engine,
            family="qwen",
            model="qwen2-pro" if self._is_pro else "qwen2",
            operation=sources.operation,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt or "",
            width=width,
            height=height,
            seed=self.seed,
            images=sources.images,
            format=self.output_format,
            image_metadata=self.image_metadata,
            options={
                "imageSize": self.image_size,
                "enablePromptExpansion": self.enable_prompt_expansion,
                "enableSafetyChecker": self.enable_safety_checker,
            },
        )

    def price(self) -> Price:
        # Not published; what the engine qwen takes for the same models, 2.0 and 2.0-pro.
        return by_image(97.5 if self._is_pro else 45.5, self.quantity)

    @property
    def _is_pro(self) -> bool:
        return self.operation.startswith("pro")


class FalQwen2Create(FalQwen2):
    """A picture from words."""

    operation: Literal["createImage", "proCreateImage"]


class FalQwen2Edit(FromImages, FalQwen2):
    """A picture from words and up to three others."""

    operation: Literal["editImage", "proEditImage"]
    images: Annotated[tuple[ImageRef, ...], Field(min_length=1, max_length=3)]
