"""What is stable-diffusion.cpp's alone: one model that is loaded, its queue, and what it cannot stop."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.integration.providers.vendors import assignment, follow, job, provider, run
from tests.standins.sdcpp import StableDiffusionCpp
from tests.standins.server import Page, serving

from palio.contract.image.job import ImageJob
from palio.providers.base import Incapable, NotAccepted, Offer, ProviderError, RateLimited, RunFailed, Unable
from palio.providers.sdcpp import Loaded
from palio.providers.sdcpp import StableDiffusionCpp as Provider

ANOTHER = "0193f3a1b2c4012345678900000000ff"


def z_image(**more: Any) -> ImageJob:
    input_ = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}
    return job(**{**input_, "width": 96, "height": 64, **more})


def sd1(**more: Any) -> ImageJob:
    input_ = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage", "width": 96, "height": 64}
    return job(**{**input_, "model": "urn:air:sd1:checkpoint:civitai:4384@128713", **more})


@pytest.fixture
def sdcpp() -> Iterator[StableDiffusionCpp]:
    with serving(stand_in := StableDiffusionCpp()):
        yield stand_in


@pytest.fixture
async def here(sdcpp: StableDiffusionCpp, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    made = await opened(sdcpp, monkeypatch)
    yield made
    await made.close()


async def opened(sdcpp: StableDiffusionCpp, monkeypatch: pytest.MonkeyPatch, **table: Any) -> Provider:
    made = provider(sdcpp, "sdcpp", monkeypatch, **table)
    assert isinstance(made, Provider)
    await made.open()
    return made


@pytest.mark.parametrize(
    ("file", "name", "is_called"),
    [
        ("z_image_turbo-Q4_K_M.gguf", "z_image_turbo", True),
        ("z_image_turbo-Q4_K_M.gguf", "z_image", False),
        ("Z-Image-Turbo_bf16.safetensors", "z_image_turbo", True),
        ("z_image_max.gguf", "z_image", False),
        ("flux2_dev_fp8mixed.safetensors", "flux2-dev", True),
        ("flux1-dev-q8_0.gguf", "flux1-dev", True),
        ("flux1-dev-kontext_fp8_scaled.safetensors", "flux1-dev", False),
        ("FLUX.2-klein-4B-Q8_0.gguf", "flux-2-klein-4b", True),
        ("flux-2-klein-base-4b.safetensors", "flux-2-klein-4b", False),
        ("qwen_image_2512_fp8_e4m3fn.safetensors", "qwen-image-2512", True),
        ("mine.gguf", "mine.gguf", True),
        ("mine.safetensors", "mine.gguf", False),
        ("", "z_image", False),
    ],
)
def test_a_model_is_known_by_its_file_whatever_its_precision(file: str, name: str, is_called: bool):
    assert Loaded(file, {}, frozenset(), frozenset()).is_called(name) is is_called


async def test_the_model_that_is_loaded_is_offered_and_no_other(sdcpp: StableDiffusionCpp, here: Provider):
    offer = here.offer(z_image())
    assert isinstance(offer, Offer)
    assert (offer.model, offer.price) == ("z-image-turbo", 0)
    for other in (z_image(model="base"), sd1(), job(engine="flux2", model="klein")):
        assert isinstance(here.offer(other), Unable)
    unable = here.offer(z_image(model="base"))
    assert isinstance(unable, Unable)
    assert "needs z_image, and here has loaded z_image_turbo-Q4_K_M.gguf" in unable.reason


async def test_a_checkpoint_is_known_by_the_number_of_its_version_or_by_name(
    sdcpp: StableDiffusionCpp, monkeypatch: pytest.MonkeyPatch
):
    sdcpp.model = "dreamshaper_8-128713.safetensors"
    named = {"urn:air:sd1:checkpoint:civitai:1@2": sdcpp.model, "urn:air:sd1:checkpoint:civitai:3@4": "x.gguf"}
    made = await opened(sdcpp, monkeypatch, files=named)
    assert isinstance(made.offer(sd1()), Offer)
    assert isinstance(made.offer(sd1(model="urn:air:sd1:checkpoint:civitai:1@2")), Offer)
    for model, reason in (("3@4", "needs x.gguf, and here has loaded dreamshaper_8"), ("5@6", "has no file for")):
        unable = made.offer(sd1(model=f"urn:air:sd1:checkpoint:civitai:{model}"))
        assert isinstance(unable, Unable)
        assert reason in unable.reason
    await made.close()


async def test_an_operator_says_which_model_a_file_is(sdcpp: StableDiffusionCpp, monkeypatch: pytest.MonkeyPatch):
    sdcpp.model = "my-merge.gguf"
    made = await opened(sdcpp, monkeypatch, models={"z-image-turbo": {"files": {"model": "my-merge.gguf"}}})
    assert (await run(made, z_image())).data
    await made.close()
    whatever = await opened(sdcpp, monkeypatch, models={"z-image-turbo": {"files": {}}})
    assert isinstance(whatever.offer(z_image()), Offer)
    await whatever.close()


async def test_nothing_is_begun_at_a_server_that_has_another_model_by_now(sdcpp: StableDiffusionCpp, here: Provider):
    # Given a server that was started again with another model since it was asked
    sdcpp.model = "qwen-image-2512-Q4_K_M.gguf"

    # When a job is begun that was offered before, then it is declined
    with pytest.raises(Incapable, match="has loaded qwen-image-2512"):
        await here.start(assignment(z_image()))
    assert not sdcpp.started


async def test_a_server_that_says_nothing_of_itself_gets_nothing(
    sdcpp: StableDiffusionCpp, monkeypatch: pytest.MonkeyPatch
):
    sdcpp.order("info", Page(), Page())
    made = await opened(sdcpp, monkeypatch)
    unable = made.offer(z_image())
    assert isinstance(unable, Unable)
    assert "before here has said what it has loaded" in unable.reason
    with pytest.raises(NotAccepted):
        await made.start(assignment(z_image()))
    await made.close()
    assert not sdcpp.started


async def test_a_full_queue_takes_no_job_and_is_no_fault(sdcpp: StableDiffusionCpp, here: Provider):
    sdcpp.max_queue_size = 1
    await here.start(assignment(z_image()))
    with pytest.raises(RateLimited, match="job queue is full"):
        await here.start(assignment(z_image(), ANOTHER))


async def test_progress_says_how_many_are_ahead(sdcpp: StableDiffusionCpp, here: Provider):
    sdcpp.queued = 1
    await here.start(assignment(z_image(), ANOTHER))
    given = assignment(z_image())
    seen, _ = await follow(here, await here.start(given), given)
    assert seen[0].ahead == 2


async def test_a_job_in_the_queue_is_canceled(sdcpp: StableDiffusionCpp, here: Provider):
    sdcpp.queued = 1000
    handle = await here.start(assignment(z_image()))
    await here.cancel(handle)
    assert [made.is_cancelled for made in sdcpp.started] == [True]


@pytest.mark.parametrize("can_stop", [False, True])
async def test_a_picture_under_way_is_stopped_where_the_server_can(
    sdcpp: StableDiffusionCpp, here: Provider, can_stop: bool
):
    sdcpp.running, sdcpp.can_stop = 1000, can_stop
    handle = await here.start(assignment(z_image()))
    sdcpp.started[0].polls = 1
    if can_stop:
        await here.cancel(handle)
    else:
        with pytest.raises(ProviderError, match="makes the picture already, and cannot stop that"):
            await here.cancel(handle)
    assert sdcpp.started[0].is_cancelled is can_stop


async def test_a_failure_is_told(sdcpp: StableDiffusionCpp, here: Provider):
    sdcpp.fails = "generate_image returned no results"
    with pytest.raises(RunFailed, match="here: generate_image returned no results"):
        await run(here, z_image())


async def test_a_request_names_all_that_it_depends_on(sdcpp: StableDiffusionCpp, here: Provider):
    lora = "urn:air:zimage:lora:civitai:180891@776656"
    await run(here, z_image(loras={lora: 0.5}, cfgScale=1, steps=8, sampleMethod="euler_a", schedule="simple"))
    body = sdcpp.started[0].body
    assert body["lora"] == [{"path": "robots-776656.safetensors", "multiplier": 0.5}]
    assert body["sample_params"] == {
        "sample_steps": 8,
        "sample_method": "euler_a",
        "scheduler": "simple",
        "guidance": {"txt_cfg": 1},
    }
    assert (body["negative_prompt"], body["clip_skip"], body["batch_count"]) == ("", -1, 1)


async def test_no_guidance_is_1_to_the_server(sdcpp: StableDiffusionCpp, here: Provider):
    await run(here, z_image(cfgScale=0))
    assert sdcpp.started[0].body["sample_params"]["guidance"] == {"txt_cfg": 1}


@pytest.mark.parametrize(
    ("engine", "guidance"),
    [
        ({"engine": "flux2", "model": "dev", "guidanceScale": 3}, {"txt_cfg": 1, "distilled_guidance": 3}),
        ({"engine": "sdcpp", "ecosystem": "flux2Dev", "cfgScale": 3}, {"txt_cfg": 3, "distilled_guidance": 4}),
    ],
)
async def test_guidance_of_flux_2_is_that_of_the_engine_whose_word_it_is(
    sdcpp: StableDiffusionCpp, monkeypatch: pytest.MonkeyPatch, engine: dict[str, Any], guidance: dict[str, float]
):
    sdcpp.model = "flux2-dev-Q4_K_S.gguf"
    made = await opened(sdcpp, monkeypatch)
    await run(made, job(**engine, operation="createImage"))
    assert sdcpp.started[0].body["sample_params"]["guidance"] == guidance
    await made.close()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"loras": {"urn:air:zimage:lora:civitai:1@424242": 1}}, "has no file for urn:air:zimage:lora"),
        ({"schedule": "smoothstep"}, "needs smoothstep, which here does not have"),
    ],
)
async def test_what_the_server_does_not_have_is_declined(here: Provider, more: dict[str, Any], reason: str):
    with pytest.raises(Incapable, match=reason):
        await here.start(assignment(z_image(**more)))
