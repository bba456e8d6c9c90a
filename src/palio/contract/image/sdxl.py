"""SDXL and all checkpoints made from it (Pony, Illustrious, NoobAI ...)."""

from typing import Annotated, ClassVar, Literal

from msgspec.structs import replace

from palio.contract.image.comfy import ComfyInput
from palio.contract.image.fields import AirText, Choice, ControlNets, Embeddings, Prompt10000, Whole
from palio.contract.image.input import FromImage, FromImageInComfy, components
from palio.contract.image.job import ImageJob
from palio.contract.image.pricing import by_pixels_and_steps
from palio.contract.image.sampling import Schedule
from palio.contract.image.sdcpp import SdcppInput
from palio.contract.price import Price


class SdcppSdxl(SdcppInput):
    """SDXL on stable-diffusion.cpp."""

    family: ClassVar[str] = "sdxl"

    ecosystem: Literal["sdxl"]
    width: Annotated[int, Whole(64, 2048, 16)] = 1024
    height: Annotated[int, Whole(64, 2048, 16)] = 1024
    schedule: Schedule = "discrete"
    model: AirText
    vae_model: AirText | None = None
    embeddings: Embeddings = ()
    u_cache: Annotated[str | None, Choice("off", "normal")] = None

    def family_member(self) -> str:
        return self.model

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            embeddings=self.embeddings,
            components=components(vae=self.vae_model),
            options={"uCache": self.u_cache} if self.u_cache else {},
        )

    def price(self) -> Price:
        return by_pixels_and_steps(8, self.width * self.height, self.steps / 20, self.quantity)


class SdcppSdxlCreate(SdcppSdxl):
    """A picture from words."""

    operation: Literal["createImage"]


class SdcppSdxlVariant(FromImage, SdcppSdxl):
    """Another take on a picture."""

    operation: Literal["createVariant"]


class ComfySdxl(ComfyInput):
    """SDXL on ComfyUI."""

    family: ClassVar[str] = "sdxl"

    ecosystem: Literal["sdxl"]
    negative_prompt: Prompt10000 | None = None
    model: AirText
    vae_model: AirText | None = None
    control_nets: ControlNets = ()

    def family_member(self) -> str:
        return self.model

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            negative_prompt=self.negative_prompt or "",
            components=components(vae=self.vae_model),
            control_nets=tuple(net.control_net() for net in self.control_nets),
        )

    def price(self) -> Price:
        return by_pixels_and_steps(8, self.width * self.height, self.steps / 30, self.quantity)


class ComfySdxlCreate(ComfySdxl):
    """A picture from words."""

    operation: Literal["createImage"]


class ComfySdxlVariant(FromImageInComfy, ComfySdxl):
    """Another take on a picture."""

    operation: Literal["createVariant"]
