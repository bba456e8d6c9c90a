"""Z-Image on stable-diffusion.cpp: turbo and base."""

from typing import Annotated, ClassVar, Literal

from msgspec.structs import replace

from palio.contract.image.fields import ControlNets, IsAir, Number, Whole
from palio.contract.image.input import components
from palio.contract.image.job import ImageJob
from palio.contract.image.pricing import by_pixels_and_steps
from palio.contract.image.sampling import Schedule
from palio.contract.image.sdcpp import SdcppInput
from palio.contract.price import Price


class SdcppZImage(SdcppInput):
    """What both members of the family take."""

    family: ClassVar[str] = "zImage"

    ecosystem: Literal["zImage"]
    model: str
    operation: Literal["createImage"]
    diffuser_model: Annotated[str | None, IsAir()] = None
    control_nets: ControlNets = ()

    def family_member(self) -> str:
        return self.model

    def first_job(self) -> ImageJob:
        return replace(
            super().first_job(),
            components=components(diffuser=self.diffuser_model),
            control_nets=tuple(net.control_net() for net in self.control_nets),
        )


class SdcppZImageTurbo(SdcppZImage):
    """Turbo: few steps, no guidance."""

    model: Literal["turbo"]
    width: Annotated[int, Whole(64, 2048, 16)] = 1024
    height: Annotated[int, Whole(64, 2048, 16)] = 1024
    steps: Annotated[int, Whole(1, 150)] = 9
    cfg_scale: Annotated[float, Number(0, 30)] = 1
    schedule: Schedule = "simple"

    def price(self) -> Price:
        return by_pixels_and_steps(8, self.width * self.height, self.steps / 9, self.quantity)


class SdcppZImageBase(SdcppZImage):
    """Base: more steps, guided."""

    model: Literal["base"]
    cfg_scale: Annotated[float, Number(0, 30)] = 4

    def price(self) -> Price:
        return by_pixels_and_steps(20, self.width * self.height, self.steps / 20, self.quantity)
