"""Fields common to the ecosystems that ComfyUI runs; each ecosystem narrows what it must."""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from palio.contract.image.fields import LoraStrengths, Number, Seed64, Whole
from palio.contract.image.input import ImageInput, loras_of
from palio.contract.image.job import ImageJob
from palio.contract.image.sampling import Sampler, Scheduler


class ComfyInput(ImageInput):
    """An input of engine `comfy`."""

    family: ClassVar[str]

    engine: Literal["comfy"]
    width: Annotated[int, Whole(64, 2048)] = 1024
    height: Annotated[int, Whole(64, 2048)] = 1024
    seed: Seed64 | None = None
    steps: Annotated[int, Whole(1, 150)] = 30
    cfg_scale: Annotated[float, Number(0, 30)] = 7
    sampler: Sampler = None
    scheduler: Scheduler = None
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
            width=self.width,
            height=self.height,
            seed=self.seed,
            steps=self.steps,
            guidance=self.cfg_scale,
            sampler=self.sampler,
            scheduler=self.scheduler,
            loras=loras_of(self.loras),
            images=sources.images,
            strength=sources.strength,
            format=self.output_format,
            image_metadata=self.image_metadata,
        )
