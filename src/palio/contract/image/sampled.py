"""Fields common to the engines whose sampler callers steer; each ecosystem narrows what it must."""

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from palio.contract.image.fields import LoraStrengths, Number, Seed64, Whole
from palio.contract.image.input import ImageInput, loras_of
from palio.contract.image.job import ImageJob


class SampledInput(ImageInput):
    """An input with size, seed, steps, guidance, LoRAs and a sampler."""

    family: ClassVar[str]

    width: Annotated[int, Whole(64, 2048)] = 1024
    height: Annotated[int, Whole(64, 2048)] = 1024
    seed: Seed64 | None = None
    steps: Annotated[int, Whole(1, 150)] = 20
    cfg_scale: Annotated[float, Number(0, 30)] = 7
    loras: LoraStrengths = Field(default_factory=dict)

    @abstractmethod
    def family_member(self) -> str:
        """The model within the family: a tier, or a checkpoint's AIR."""

    @abstractmethod
    def sampling(self) -> tuple[str | None, str | None]:
        """Sampler and scheduler, in the engine's own words."""

    def first_job(self) -> ImageJob:
        sources = self.sources()
        sampler, scheduler = self.sampling()
        return ImageJob(
            engine=self.engine,
            family=self.family,
            model=self.family_member(),
            operation=sources.operation,
            prompt=self.prompt,
            width=self.width,
            height=self.height,
            seed=self.seed,
            steps=self.steps,
            guidance=self.cfg_scale,
            sampler=sampler,
            scheduler=scheduler,
            loras=loras_of(self.loras),
            images=sources.images,
            strength=sources.strength,
            format=self.output_format,
            image_metadata=self.image_metadata,
        )
