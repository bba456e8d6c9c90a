"""Stable Diffusion 1.x."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec.structs import replace

from palio.contract.image.comfy import ComfyInput
from palio.contract.image.fields import (
    AirText,
    Choice,
    ControlNets,
    Embeddings,
    Prompt10000,
    Whole,
)
from palio.contract.image.input import FromImage, FromImageInComfy, components
from palio.contract.image.job import ImageJob
from palio.contract.image.pricing import by_pixels_and_steps
from palio.contract.image.sdcpp import SdcppInput
from palio.contract.price import Price

HALF_SIZE = 512 * 512
"""Pixels of the size that the published prices are for."""
ClipSkip: TypeAlias = Annotated[int, Whole(-1, 12)]
"""How many of the text encoder's last layers are skipped. -1 is the model's own choice; no encoder has more
than 12 layers."""


class SdcppSd1(SdcppInput):
    """SD 1.x on stable-diffusion.cpp."""

    family: ClassVar[str] = "sd1"

    ecosystem: Literal["sd1"]
    width: Annotated[int, Whole(64, 2048)] = 512
    height: Annotated[int, Whole(64, 2048)] = 512
    model: AirText
    vae_model: AirText | None = None
    embeddings: Embeddings = ()
    clip_skip: ClipSkip = 2
    u_cache: Annotated[str | None, Choice("off", "normal")] = None

    def family_member(self) -> str:
        return self.model

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            embeddings=self.embeddings,
            clip_skip=own_or_none(self.clip_skip),
            components=components(vae=self.vae_model),
            options={"uCache": self.u_cache} if self.u_cache else {},
        )

    def price(self) -> Price:
        return by_pixels_and_steps(4, self.width * self.height, self.steps / 20, self.quantity, HALF_SIZE)


class SdcppSd1Create(SdcppSd1):
    """A picture from words."""

    operation: Literal["createImage"]


class SdcppSd1Variant(FromImage, SdcppSd1):
    """Another take on a picture."""

    operation: Literal["createVariant"]


class ComfySd1(ComfyInput):
    """SD 1.x on ComfyUI."""

    family: ClassVar[str] = "sd1"

    ecosystem: Literal["sd1"]
    negative_prompt: Prompt10000 | None = None
    width: Annotated[int, Whole(64, 1024)] = 512
    height: Annotated[int, Whole(64, 1024)] = 512
    model: AirText
    vae_model: AirText | None = None
    clip_skip: ClipSkip = 2
    control_nets: ControlNets = ()

    def family_member(self) -> str:
        return self.model

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            negative_prompt=self.negative_prompt or "",
            clip_skip=own_or_none(self.clip_skip),
            components=components(vae=self.vae_model),
            control_nets=tuple(net.control_net() for net in self.control_nets),
        )

    def price(self) -> Price:
        return by_pixels_and_steps(4, self.width * self.height, self.steps / 30, self.quantity, HALF_SIZE)


class ComfySd1Create(ComfySd1):
    """A picture from words."""

    operation: Literal["createImage"]


class ComfySd1Variant(FromImageInComfy, ComfySd1):
    """Another take on a picture."""

    operation: Literal["createVariant"]


def own_or_none(clip_skip: int) -> int | None:
    """The layers to skip, or None where the model is to choose."""
    return None if clip_skip < 0 else clip_skip
