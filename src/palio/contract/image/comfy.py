"""Fields common to the ecosystems that ComfyUI runs; each ecosystem narrows what it must."""

from typing import Annotated, Literal

from palio.contract.image.fields import Whole
from palio.contract.image.sampled import SampledInput
from palio.contract.image.sampling import Sampler, Scheduler


class ComfyInput(SampledInput):
    """An input of engine `comfy`."""

    engine: Literal["comfy"]
    steps: Annotated[int, Whole(1, 150)] = 30
    sampler: Sampler = None
    scheduler: Scheduler = None

    def sampling(self) -> tuple[str | None, str | None]:
        return self.sampler, self.scheduler
