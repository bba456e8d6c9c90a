"""Which scheduler of diffusers a sampler is, and how its steps are spaced. Data; nothing here needs diffusers.

Sources: the tables in diffusers' own documentation (`api/schedulers/overview`); ComfyUI's `comfy/samplers.py` for what
its words for spacings mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Settings: TypeAlias = Mapping[str, bool | int | str]


@dataclass(frozen=True, slots=True)
class Sampler:
    """A scheduler's class, what it is made with, and the spacings it has (a name and what it is made with for that)."""

    name: str
    settings: Settings = field(default_factory=dict)
    spacings: Mapping[str, Settings] = field(default_factory=dict)


TIMESTEPS: Mapping[str, Settings] = {
    "normal": {"timestep_spacing": "linspace"},
    "simple": {"timestep_spacing": "trailing"},
    "sgm_uniform": {"timestep_spacing": "trailing"},
    "ddim_uniform": {"timestep_spacing": "leading"},
}
SIGMAS: Mapping[str, Settings] = {
    **TIMESTEPS,
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
}
OWN: Mapping[str, Settings] = {"simple": {}}
"""The one spacing of flow matching: equal steps, shifted as the model's own scheduler does."""

DIFFUSION: Mapping[str, Sampler] = {
    "euler": Sampler("EulerDiscreteScheduler", spacings=SIGMAS),
    "euler_ancestral": Sampler("EulerAncestralDiscreteScheduler", spacings=TIMESTEPS),
    "heun": Sampler("HeunDiscreteScheduler", spacings=SIGMAS),
    "dpm_2": Sampler("KDPM2DiscreteScheduler", spacings=SIGMAS),
    "dpm_2_ancestral": Sampler("KDPM2AncestralDiscreteScheduler", spacings=SIGMAS),
    "dpmpp_2m": Sampler("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}, SIGMAS),
    "dpmpp_2m_sde": Sampler(
        "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}, SIGMAS
    ),
    "deis": Sampler("DEISMultistepScheduler", spacings=SIGMAS),
    "uni_pc_bh2": Sampler("UniPCMultistepScheduler", {"solver_type": "bh2"}, SIGMAS),
    "ddim": Sampler("DDIMScheduler", spacings=TIMESTEPS),
    "ddim_trailing": Sampler("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "ddpm": Sampler("DDPMScheduler", spacings=TIMESTEPS),
    "lcm": Sampler("LCMScheduler"),
    "tcd": Sampler("TCDScheduler"),
}
"""The samplers of SD 1.x and SDXL."""

FLOW: Mapping[str, Sampler] = {"euler": Sampler("FlowMatchEulerDiscreteScheduler", spacings=OWN)}
"""The samplers of models that were trained by flow matching."""


def no_sampling(samplers: Mapping[str, Sampler], sampler: str | None, spacing: str | None) -> str | None:
    """Why there is no such sampler with such a spacing; None if there is."""
    if spacing is None and (sampler is None or sampler in samplers):
        return None
    chosen = samplers.get(sampler or "euler")
    if chosen is None:
        return f"has no sampler {sampler}"
    return None if spacing in chosen.spacings else f"has no sampler {sampler or 'euler'} with the scheduler {spacing}"
