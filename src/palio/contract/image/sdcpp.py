"""Fields common to the ecosystems that stable-diffusion.cpp runs; each ecosystem narrows what it must."""

from typing import Literal

from msgspec.structs import replace

from palio.contract.image.fields import Prompt10000
from palio.contract.image.job import ImageJob
from palio.contract.image.sampled import SampledInput
from palio.contract.image.sampling import SampleMethod, Schedule


class SdcppInput(SampledInput):
    """An input of engine `sdcpp`."""

    engine: Literal["sdcpp"]
    negative_prompt: Prompt10000 | None = None
    sample_method: SampleMethod = "euler"
    schedule: Schedule = None

    def sampling(self) -> tuple[str | None, str | None]:
        return self.sample_method, self.schedule

    def first_job(self) -> ImageJob:
        return replace(super().first_job(), negative_prompt=self.negative_prompt or "")
