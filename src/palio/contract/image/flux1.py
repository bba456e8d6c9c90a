"""Flux 1: on stable-diffusion.cpp, on ComfyUI, and the hosted Kontext models."""

from typing import Annotated, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from palio.contract.image.aspect import size
from palio.contract.image.comfy import ComfyInput
from palio.contract.image.fields import (
    AirText,
    Choice,
    ControlNets,
    ImageRef,
    IsAir,
    Number,
    Prompt1000,
    Seed64,
    Whole,
)
from palio.contract.image.input import FromImage, FromImageInComfy, FromImages, ImageInput, components
from palio.contract.image.job import ImageJob
from palio.contract.image.pricing import by_image, by_pixels_and_steps, by_steps_and_references
from palio.contract.image.sampling import Schedule
from palio.contract.image.sdcpp import SdcppInput
from palio.contract.price import Price


class SdcppFlux1(SdcppInput):
    """Flux 1 on stable-diffusion.cpp; which Flux 1 (dev, schnell, krea ...) is up to `diffuserModel`."""

    family: ClassVar[str] = "flux1"

    ecosystem: Literal["flux1"]
    prompt: Prompt1000
    quantity: Annotated[int, Whole(1, 4)] = 1
    width: Annotated[int, Whole(832, 1216, 16)] = 1024
    height: Annotated[int, Whole(832, 1216, 16)] = 1024
    steps: Annotated[int, Whole(4, 50)] = 28
    cfg_scale: Annotated[float, Number(1, 20)] = 3.5
    schedule: Schedule = "simple"
    diffuser_model: AirText
    vae_model: Annotated[str | None, IsAir()] = None
    clip_l_model: Annotated[str | None, IsAir()] = Field(default=None, alias="clipLModel")
    t5_xxl_model: Annotated[str | None, IsAir()] = Field(default=None, alias="t5XXLModel")

    def family_member(self) -> str:
        return self.diffuser_model

    def first_job(self) -> ImageJob:
        parts = components(vae=self.vae_model, clipL=self.clip_l_model, t5xxl=self.t5_xxl_model)
        return replace(super().first_job(), components=parts)

    def price(self) -> Price:
        references = self.sources().references
        return by_steps_and_references(0.5, self.steps, references, self.cfg_scale, self.quantity)


class SdcppFlux1Create(SdcppFlux1):
    """A picture from words."""

    operation: Literal["createImage"]


class SdcppFlux1Edit(FromImages, SdcppFlux1):
    """A picture from words and up to two others."""

    operation: Literal["editImage"]
    images: Annotated[tuple[ImageRef, ...], Field(max_length=2)] = ()


class SdcppFlux1Variant(FromImage, SdcppFlux1):
    """Another take on a picture."""

    operation: Literal["createVariant"]


class ComfyFlux1(ComfyInput):
    """Flux 1 on ComfyUI."""

    family: ClassVar[str] = "flux1"

    ecosystem: Literal["flux1"]
    steps: Annotated[int, Whole(1, 150)] = 20
    cfg_scale: Annotated[float, Number(0, 30)] = 3.5
    model: AirText
    vae_model: AirText | None = None
    control_nets: ControlNets = ()

    def family_member(self) -> str:
        return self.model

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            components=components(vae=self.vae_model),
            control_nets=tuple(net.control_net() for net in self.control_nets),
        )

    def price(self) -> Price:
        return by_pixels_and_steps(8, self.width * self.height, self.steps / 20, self.quantity)


class ComfyFlux1Create(ComfyFlux1):
    """A picture from words."""

    operation: Literal["createImage"]


class ComfyFlux1Variant(FromImageInComfy, ComfyFlux1):
    """Another take on a picture."""

    operation: Literal["createVariant"]


KONTEXT_ASPECTS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")


class Flux1Kontext(FromImages, ImageInput):
    """Flux 1 Kontext; pictures sent along make it an edit."""

    engine: Literal["flux1-kontext"]
    model: Literal["dev", "pro", "max"]
    prompt: Prompt1000
    quantity: Annotated[int, Whole(1, 4)] = 1
    aspect_ratio: Annotated[str, Choice(*KONTEXT_ASPECTS)] = "1:1"
    guidance_scale: Annotated[float, Number(1, 20)] = 3.5
    seed: Seed64 | None = None

    def first_job(self) -> ImageJob:
        sources = self.sources()
        width, height = size(self.aspect_ratio)
        return ImageJob(
            engine=self.engine,
            family="flux1-kontext",
            model=self.model,
            operation=sources.operation,
            prompt=self.prompt,
            width=width,
            height=height,
            aspect=self.aspect_ratio,
            seed=self.seed,
            guidance=self.guidance_scale,
            images=sources.images,
            format=self.output_format,
            image_metadata=self.image_metadata,
        )

    def price(self) -> Price:
        return by_image({"dev": 35, "pro": 45, "max": 90}[self.model], self.quantity)
