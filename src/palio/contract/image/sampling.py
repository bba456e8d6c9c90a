"""Samplers and schedules as the engines name them: stable-diffusion.cpp's words and ComfyUI's.

Members of these types may be left out but not be null. Source: the enums SdCppSampleMethod, SdCppSchedule,
ComfySampler and ComfyScheduler of the contract's OpenAPI.
"""

from typing import Annotated, TypeAlias

from palio.contract.image.fields import Choice

SampleMethod: TypeAlias = Annotated[
    str | None,
    Choice(
        *("euler", "heun", "dpm2", "dpm++2s_a", "dpm++2m", "dpm++2mv2", "ipndm", "ipndm_v", "ddim_trailing"),
        *("euler_a", "lcm", "res_multistep", "res_2s", "tcd", "er_sde"),
    ),
]
Schedule: TypeAlias = Annotated[
    str | None,
    Choice(
        *("simple", "discrete", "karras", "exponential", "ays", "bong_tangent", "gits", "sgm_uniform"),
        *("smoothstep", "kl_optimal", "lcm"),
    ),
]
Sampler: TypeAlias = Annotated[
    str | None,
    Choice(
        *("euler", "euler_ancestral", "euler_cfg_pp", "euler_ancestral_cfg_pp", "heun", "heunpp2", "dpm_2"),
        *("dpm_2_ancestral", "lms", "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral"),
        *("dpmpp_2s_ancestral_cfg_pp", "dpmpp_sde", "dpmpp_sde_gpu", "dpmpp_2m", "dpmpp_2m_cfg_pp"),
        *("dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "ddpm", "lcm", "ipndm"),
        *("ipndm_v", "deis", "ddim", "uni_pc", "uni_pc_bh2", "res_multistep", "er_sde"),
    ),
]
Scheduler: TypeAlias = Annotated[
    str | None, Choice("normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta")
]
