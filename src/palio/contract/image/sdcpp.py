"""Fields common to the ecosystems that stable-diffusion.cpp runs; each ecosystem narrows what it must."""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from palio.contract.image.fields import LoraStrengths, Number, Prompt10000, Seed64, Whole
from palio.contract.image.input import ImageInput, loras_of
from palio.contract.image.job import ImageJob
from palio.contract.image.sampling import SampleMethod, Schedule


class SdcppInput(ImageInput):
    """An input of engine `sdcpp`."""

    family: ClassVar[str]

    engine: Literal["sdcpp"]
    negative_prompt: Prompt10000 | None = None
    width: Annotated[int, Whole(64, 2048)] = 1024
    height: Annotated[int, Whole(64, 2048)] = 1024
    seed: Seed64 | None = None
    steps: Annotated[int, Whole(1, 150)] = 20
    cfg_scale: Annotated[float, Number(0, 30)] = 7
    sample_method: SampleMethod = "euler"
    schedule: Schedule = None
    loras: LoraStrengths = Field(default_factory=dict)

    @abstractmethod
    def family_member(self) -> str:
        """The model within the family: a tier, or a checkpoint's AIR."""

    def first_job(self) -> ImageJob:
        sources = self.sources()
        return ImageJob(
            engine=self.engine,
            family=self.family,
            model=self.family_member(),
            operation=sources.operation,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt or "",
            width=self.width,
            height=self.height,
            seed=self.seed,
            steps=self.steps,
            guidance=self.cfg_scale,
            sampler=self.sample_method,
            scheduler=self.schedule,
            loras=loras_of(self.loras),
            images=sources.images,
            strength=sources.strength,
            format=self.output_format,
            image_metadata=self.image_metadata,
        )
