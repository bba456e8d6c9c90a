"""What is the AI Horde's alone: how a request is written, taken back, and what its pictures come as."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.providers.horde import HORDE, check, error
from tests.integration.providers.vendors import assignment, follow, job, provider, run
from tests.standins.horde import Horde
from tests.standins.server import Page, serving

from palio.providers.base import RateLimited, RunFailed, Unable
from palio.providers.hosted.provider import HostedProvider

SCHNELL = "urn:air:flux1:checkpoint:civitai:618692@699279"
SDXL = "urn:air:sdxl:checkpoint:civitai:101055@128078"


@pytest.fixture
def horde() -> Iterator[Horde]:
    with serving(stand_in := Horde()):
        yield stand_in


@pytest.fixture
async def here(horde: Horde, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostedProvider]:
    made = provider(horde, "horde", monkeypatch)
    yield made
    await made.close()


async def test_a_request_says_all_of_the_job_and_allows_no_change_of_it(horde: Horde, here: HostedProvider):
    lora = "urn:air:sdxl:lora:civitai:180891@776656"
    asked = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL, "steps": 30}
    await run(
        here,
        job(
            **asked,
            negativePrompt="rust",
            sampler="dpmpp_2m",
            scheduler="karras",
            cfgScale=7,
            width=768,
            height=512,
            loras={lora: 0.7},
        ),
    )
    assert horde.started[0].input == {
        "prompt": "a tin robot ### rust",
        "params": {
            "width": 768,
            "height": 512,
            "seed": "7",
            "steps": 30,
            "cfg_scale": 7,
            "sampler_name": "k_dpmpp_2m",
            "karras": True,
            "loras": [{"name": "776656", "is_version": True, "model": 0.7, "clip": 0.7}],
        },
        "models": ["SDXL 1.0"],
        "nsfw": False,
        "censor_nsfw": False,
        "replacement_filter": False,
        "allow_downgrade": False,
        "shared": False,
        "r2": True,
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"engine": "z-image"},
        {
            "engine": "comfy",
            "ecosystem": "flux1",
            "operation": "createImage",
            "model": SCHNELL,
            "sampler": "euler",
            "scheduler": "simple",
        },
    ],
    ids=["z-image", "schnell"],
)
async def test_a_model_without_guidance_is_asked_to_go_without(
    horde: Horde, here: HostedProvider, asked: dict[str, str]
):
    await run(here, job(**asked, width=768, height=512, steps=4))
    assert horde.started[0].input["params"] == {
        "width": 768,
        "height": 512,
        "seed": "7",
        "steps": 4,
        "sampler_name": "k_euler",
        "karras": False,
        "cfg_scale": 1,
    }


async def test_a_prompt_with_the_sign_that_parts_it_is_declined(here: HostedProvider):
    declined = here.offer(job(engine="z-image", prompt="a robot ### with rust"))
    assert isinstance(declined, Unable)
    assert "takes no prompt with ### in it" in declined.reason


async def test_a_run_costs_nothing_and_may_be_repeated(here: HostedProvider):
    made = await run(here, HORDE.job)
    assert made.cost == 0
    assert here.free


async def test_a_request_that_nobody_can_take_is_taken_back(horde: Horde, here: HostedProvider):
    horde.order("poll", check(is_possible=False))
    given = assignment(HORDE.job)
    with pytest.raises(RunFailed):
        await follow(here, await here.start(given), given)
    assert [request.is_canceled for request in horde.started] == [True]


async def test_a_request_that_cannot_be_taken_back_has_failed_all_the_same(horde: Horde, here: HostedProvider):
    horde.order("poll", check(faulted=True))
    horde.order("cancel", Page())
    given = assignment(HORDE.job)
    with pytest.raises(RunFailed, match="faulted"):
        await follow(here, await here.start(given), given)


async def test_a_picture_may_come_within_the_answer(horde: Horde, here: HostedProvider):
    horde.is_inline = True
    assert (await run(here, HORDE.job)).data


async def test_progress_says_how_many_are_ahead_while_it_waits(horde: Horde, here: HostedProvider):
    horde.queued = horde.running = 1
    given = assignment(HORDE.job)
    seen, _ = await follow(here, await here.start(given), given)
    assert [progress.ahead for progress in seen] == [3, None]


async def test_an_address_that_is_kept_out_is_kept_out_for_as_long_as_is_said(horde: Horde, here: HostedProvider):
    horde.order("submit", error(403, "TimeoutIP", "Your IP address has been put into timeout for 90 more seconds."))
    with pytest.raises(RateLimited) as limited:
        await here.start(assignment(HORDE.job))
    assert limited.value.retry_after == 90
