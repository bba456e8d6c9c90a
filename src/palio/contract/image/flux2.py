"""Flux 2: the hosted tiers, and klein and dev on stable-diffusion.cpp and ComfyUI."""

import math
from collections.abc import Set as AbstractSet
from typing import Annotated, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from palio.contract.image.aspect import MEGAPIXEL
from palio.contract.image.comfy import ComfyInput
from palio.contract.image.fields import (
    AirText,
    Choice,
    ImageRef,
    LoraStrengths,
    Number,
    Part,
    Prompt1000,
    Prompt10000,
    Seed64,
    Switch,
    Whole,
)
from palio.contract.image.input import FromImage, FromImages, ImageInput, Sources, loras_of
from palio.contract.image.job import ImageJob, Lora
from palio.contract.image.pricing import by_steps_and_references
from palio.contract.image.sampling import SampleMethod, Schedule
from palio.contract.image.sdcpp import SdcppInput
from palio.contract.price import Price

KLEIN = ("4b", "4b-base", "9b", "9b-base")
"""Sizes of klein that stable-diffusion.cpp runs; the hosted engine has one more."""
DISTILLED = ("4b", "9b", "9b-kv")
"""Those that need neither many steps nor guidance."""


class Flux2(ImageInput):
    """What all hosted tiers take."""

    engine: Literal["flux2"]
    model: str
    prompt: Prompt1000
    quantity: Annotated[int, Whole(1, 4)] = 1
    width: Annotated[int, Whole(512, 2048)] = 1024
    height: Annotated[int, Whole(512, 2048)] = 1024
    seed: Seed64 | None = None
    enable_prompt_expansion: Switch = False

    def first_job(self) -> ImageJob:
        sources = self.sources()
        return ImageJob(
            engine=self.engine,
            family="flux2",
            model=self.model,
            operation=sources.operation,
            prompt=self.prompt,
            width=self.width,
            height=self.height,
            seed=self.seed,
            images=sources.images,
            format=self.output_format,
            image_metadata=self.image_metadata,
            options={"enablePromptExpansion": self.enable_prompt_expansion},
        )


class Flux2Klein(Flux2):
    """Klein, in several sizes."""

    model: Literal["klein"]
    width: Annotated[int, Whole(512, 2048, 16)] = 1024
    height: Annotated[int, Whole(512, 2048, 16)] = 1024
    negative_prompt: Prompt10000 | None = None
    cfg_scale: Annotated[float, Number(1, 20)] = 5
    steps: Annotated[int, Whole(4, 50)] = 20
    sample_method: SampleMethod = "euler"
    schedule: Schedule = None
    loras: LoraStrengths = Field(default_factory=dict)
    model_version: Annotated[str, Choice(*KLEIN, "9b-kv")] = "4b"

    def first_job(self) -> ImageJob:
        job = super().first_job()
        asked = replace(
            job,
            negative_prompt=self.negative_prompt or "",
            steps=self.steps,
            guidance=self.cfg_scale,
            sampler=self.sample_method,
            scheduler=self.schedule,
            loras=loras_of(self.loras),
            options={**job.options, "modelVersion": self.model_version},
        )
        return _left_to_klein(asked, self.model_version, self.model_fields_set)

    def price(self) -> Price:
        return _klein_price(self.model_version, self.steps, self.sources(), self.cfg_scale, self.quantity)


class Flux2KleinCreate(Flux2Klein):
    """A picture from words."""

    operation: Literal["createImage"]


class Flux2KleinEdit(FromImages, Flux2Klein):
    """A picture from words and up to two others."""

    operation: Literal["editImage"]
    images: Annotated[tuple[ImageRef, ...], Field(max_length=2)] = ()


class LoraRef(Part):
    """A LoRA and its strength; only this tier takes them as an array."""

    air: AirText
    strength: Annotated[float, Number(0, 4)] = 1


class Flux2Dev(Flux2):
    """Dev."""

    model: Literal["dev"]
    guidance_scale: Annotated[float, Number(0, 20)] = 2.5
    num_inference_steps: Annotated[int, Whole(4, 50)] = 28
    loras: Annotated[tuple[LoraRef, ...], Field(max_length=32)] = ()

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            steps=self.num_inference_steps,
            guidance=self.guidance_scale,
            loras=tuple(Lora(lora.air, lora.strength) for lora in self.loras),
        )

    def price(self) -> Price:
        # Published: about 40 at 1024 x 1024, which counts as two megapixels.
        rate = 40 if self.loras else 20
        pixels = math.ceil(self.width * self.height / 1_000_000)
        return Price({"base": rate, "pixels": pixels, "quantity": self.quantity})


class Flux2DevCreate(Flux2Dev):
    """A picture from words."""

    operation: Literal["createImage"]


class Flux2DevEdit(FromImages, Flux2Dev):
    """A picture from words and others."""

    operation: Literal["editImage"]


class Flux2Flex(Flux2):
    """Flex, whose steps and guidance can be chosen."""

    model: Literal["flex"]
    guidance_scale: Annotated[float, Number(1.5, 100)] = 3.5
    num_inference_steps: Annotated[int, Whole(2, 50)] = 28

    def first_job(self) -> ImageJob:
        return replace(super().first_job(), steps=self.num_inference_steps, guidance=self.guidance_scale)

    def price(self) -> Price:
        return _tier_price(self)


class Flux2FlexCreate(Flux2Flex):
    """A picture from words."""

    operation: Literal["createImage"]


class Flux2FlexEdit(FromImages, Flux2Flex):
    """A picture from words and others."""

    operation: Literal["editImage"]


class Flux2Top(Flux2):
    """Pro and max, which choose everything else themselves."""

    model: Literal["pro", "max"]

    def price(self) -> Price:
        return _tier_price(self)


class Flux2TopCreate(Flux2Top):
    """A picture from words."""

    operation: Literal["createImage"]


class Flux2TopEdit(FromImages, Flux2Top):
    """A picture from words and others."""

    operation: Literal["editImage"]


class SdcppFlux2(SdcppInput):
    """Flux 2 on stable-diffusion.cpp."""

    family: ClassVar[str] = "flux2"

    prompt: Prompt1000
    quantity: Annotated[int, Whole(1, 4)] = 1
    width: Annotated[int, Whole(512, 2048)] = 1024
    height: Annotated[int, Whole(512, 2048)] = 1024
    steps: Annotated[int, Whole(4, 50)] = 20


class SdcppFlux2Klein(SdcppFlux2):
    """Klein on stable-diffusion.cpp."""

    ecosystem: Literal["flux2Klein"]
    cfg_scale: Annotated[float, Number(1, 20)] = 5
    model_version: Annotated[str, Choice(*KLEIN)] = "4b"

    def family_member(self) -> str:
        return "klein"

    def first_job(self) -> ImageJob:
        asked = replace(super().first_job(), options={"modelVersion": self.model_version})
        return _left_to_klein(asked, self.model_version, self.model_fields_set)

    def price(self) -> Price:
        return _klein_price(self.model_version, self.steps, self.sources(), self.cfg_scale, self.quantity)


class SdcppFlux2KleinCreate(SdcppFlux2Klein):
    """A picture from words."""

    operation: Literal["createImage"]


class SdcppFlux2KleinEdit(FromImages, SdcppFlux2Klein):
    """A picture from words and up to two others."""

    operation: Literal["editImage"]
    images: Annotated[tuple[ImageRef, ...], Field(max_length=2)] = ()


class SdcppFlux2KleinVariant(FromImage, SdcppFlux2Klein):
    """Another take on a picture."""

    operation: Literal["createVariant"]


class SdcppFlux2Dev(SdcppFlux2):
    """Dev on stable-diffusion.cpp."""

    ecosystem: Literal["flux2Dev"]
    cfg_scale: Annotated[float, Number(1, 20)] = 1

    def family_member(self) -> str:
        return "dev"

    def price(self) -> Price:
        return _dev_price(self.steps, self.sources(), self.cfg_scale, self.quantity)


class SdcppFlux2DevCreate(SdcppFlux2Dev):
    """A picture from words."""

    operation: Literal["createImage"]


class SdcppFlux2DevEdit(FromImages, SdcppFlux2Dev):
    """A picture from words and up to two others."""

    operation: Literal["editImage"]
    images: Annotated[tuple[ImageRef, ...], Field(max_length=2)] = ()


class SdcppFlux2DevVariant(FromImage, SdcppFlux2Dev):
    """Another take on a picture."""

    operation: Literal["createVariant"]


class ComfyFlux2Dev(ComfyInput):
    """Dev on ComfyUI."""

    family: ClassVar[str] = "flux2"

    ecosystem: Literal["flux2Dev"]
    prompt: Prompt1000
    quantity: Annotated[int, Whole(1, 4)] = 1
    width: Annotated[int, Whole(512, 2048)] = 1024
    height: Annotated[int, Whole(512, 2048)] = 1024
    steps: Annotated[int, Whole(4, 50)] = 20
    cfg_scale: Annotated[float, Number(1, 20)] = 1
    negative_prompt: Prompt10000 | None = None

    def family_member(self) -> str:
        return "dev"

    def first_job(self) -> ImageJob:
        return replace(super().first_job(), negative_prompt=self.negative_prompt or "")

    def price(self) -> Price:
        return _dev_price(self.steps, self.sources(), self.cfg_scale, self.quantity)


class ComfyFlux2DevCreate(ComfyFlux2Dev):
    """A picture from words."""

    operation: Literal["createImage"]


class ComfyFlux2DevEdit(FromImages, ComfyFlux2Dev):
    """A picture from words and up to nine others."""

    operation: Literal["editImage"]
    images: Annotated[tuple[ImageRef, ...], Field(max_length=9)] = ()


def _left_to_klein(job: ImageJob, version: str, sent: AbstractSet[str]) -> ImageJob:
    """A klein job in which a distilled model chooses the steps and the guidance that were not sent.

    The defaults of the contract are those of the base models. A negative prompt works by guidance, and asks for it.
    """
    if version not in DISTILLED:
        return job
    is_guided = "cfg_scale" in sent or bool(job.negative_prompt)
    return replace(job, steps=job.steps if "steps" in sent else None, guidance=job.guidance if is_guided else None)


def _klein_price(version: str, steps: int, sources: Sources, cfg_scale: float, quantity: int) -> Price:
    # Published for the hosted engine; the same model costs the same on stable-diffusion.cpp. The price of 9b-kv
    # is not published: it is a 9b.
    base = 0.3 if version.startswith("4b") else 0.5
    return by_steps_and_references(base, steps, sources.references, cfg_scale, quantity)


def _dev_price(steps: int, sources: Sources, cfg_scale: float, quantity: int) -> Price:
    # Not published. 28 steps come to about the 40 that the hosted dev takes for an image.
    return by_steps_and_references(1.5, steps, sources.references, cfg_scale, quantity)


def _tier_price(tier: Flux2Flex | Flux2Top) -> Price:
    # Not published. Black Forest Labs' list prices per megapixel, at the rate of Kontext's (45 for $0.04).
    base = {"flex": 65, "pro": 35, "max": 80}[tier.model]
    pixels = max(1.0, tier.width * tier.height / MEGAPIXEL)
    return Price({"base": base, "pixels": pixels, "quantity": tier.quantity})
