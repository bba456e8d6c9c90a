"""What is InvokeAI's alone: items under names that are ours, models by key, and graphs that are whole."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.integration.providers.vendors import ATTEMPT, assignment, follow, job, provider, run
from tests.standins.invokeai import InvokeAI, model
from tests.standins.server import Drops, Page, Says, serving

from palio.providers.base import Ambiguous, Incapable, NotAccepted, Offer, RunFailed, Unable
from palio.providers.invokeai.provider import InvokeAI as Provider

ANOTHER = "0193f3a1b2c4012345678900000000ff"
SD1 = {"engine": "sd1", "model": "urn:air:sd1:checkpoint:civitai:4384@128713"}


@pytest.fixture
def invokeai() -> Iterator[InvokeAI]:
    with serving(stand_in := InvokeAI(running=1)):
        yield stand_in


@pytest.fixture
async def here(invokeai: InvokeAI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    made = provider(invokeai, "invokeai", monkeypatch)
    assert isinstance(made, Provider)
    await made.open()
    yield made
    await made.close()


def nodes(invokeai: InvokeAI, type_: str) -> list[dict[str, Any]]:
    """The nodes of a type in what was enqueued last."""
    return [node for node in invokeai.started[-1].graph["nodes"].values() if node["type"] == type_]


async def test_a_run_whose_start_was_not_answered_is_found_by_the_attempt(invokeai: InvokeAI, here: Provider):
    # Given a start whose answer was lost
    given = assignment(job(engine="z-image"))
    invokeai.order("submit", Drops)
    with pytest.raises(Ambiguous):
        await here.start(given)

    # When it is looked for
    handle = await here.find(ATTEMPT)

    # Then it is that run, and there was no other
    assert handle is not None
    _, made = await follow(here, handle, given)
    assert made.data
    assert len(invokeai.started) == 1


async def test_a_server_can_be_asked_whether_it_would_work(invokeai: InvokeAI, here: Provider):
    assert await here.check() == "here answers and takes the key"
    assert not invokeai.started


async def test_a_run_that_never_was_is_not_found(here: Provider):
    assert await here.find(ANOTHER) is None


async def test_a_server_that_cannot_be_asked_is_not_sure(invokeai: InvokeAI, here: Provider):
    invokeai.order("find", Page())
    with pytest.raises(Ambiguous):
        await here.find(ANOTHER)


@pytest.mark.parametrize("queued", [0, 100])
async def test_only_the_run_itself_is_stopped_whether_it_waits_or_runs(invokeai: InvokeAI, here: Provider, queued: int):
    # Given two runs
    invokeai.queued, invokeai.running = queued, 100
    ours = await here.start(assignment(job(engine="z-image")))
    await here.start(assignment(job(engine="z-image"), ANOTHER))

    # When one is canceled
    await here.cancel(ours)

    # Then the other goes on
    assert [item.is_canceled for item in invokeai.items.values()] == [True, False]


async def test_a_failure_is_told_as_the_server_does(invokeai: InvokeAI, here: Provider):
    invokeai.fails = ("OutOfMemoryError", "CUDA out of memory")
    with pytest.raises(RunFailed, match="OutOfMemoryError: CUDA out of memory"):
        await run(here, job(engine="z-image"))


async def test_a_graph_that_the_server_refuses_is_told_with_its_place(invokeai: InvokeAI, here: Provider):
    # Given a model that was deleted after it had been listed
    invokeai.models = [one for one in invokeai.models if one["name"] != "Z-Image Turbo"]
    with pytest.raises(Incapable, match=r"z_image_model_loader_1\.model: Unknown model"):
        await run(here, job(engine="z-image"))


async def test_a_server_that_is_down_when_palio_starts_is_asked_before_a_run(
    invokeai: InvokeAI, monkeypatch: pytest.MonkeyPatch
):
    invokeai.order("info", Page())
    made = provider(invokeai, "invokeai", monkeypatch)
    await made.open()
    assert isinstance(made.offer(job(engine="z-image")), Offer)
    assert (await run(made, job(engine="z-image"))).data
    await made.close()


async def test_a_server_that_does_not_say_what_it_has_begins_nothing(
    invokeai: InvokeAI, monkeypatch: pytest.MonkeyPatch
):
    invokeai.order("info", Page(), Says(200, {"models": None}))
    made = provider(invokeai, "invokeai", monkeypatch)
    await made.open()
    with pytest.raises(NotAccepted):
        await made.start(assignment(job(engine="z-image")))
    await made.close()
    assert not invokeai.started


async def test_of_several_models_of_a_variant_the_operator_says_which(
    invokeai: InvokeAI, monkeypatch: pytest.MonkeyPatch
):
    # Given a server with two that could be the one
    invokeai.models = [*invokeai.models, model("my turbo", "z-image", "main", variant="turbo")]
    unsure = provider(invokeai, "invokeai", monkeypatch)
    await unsure.open()
    unable = unsure.offer(job(engine="z-image"))
    await unsure.close()

    # When one is named
    named = {"models": {"z-image-turbo": {"files": {"main": "Z-Image Turbo"}}}}
    sure = provider(invokeai, "invokeai", monkeypatch, **named)
    await sure.open()
    await run(sure, job(engine="z-image"))
    await sure.close()

    # Then it is that
    assert isinstance(unable, Unable)
    assert "has 2 of a main model of the variant turbo" in unable.reason
    assert nodes(invokeai, "z_image_model_loader")[0]["model"]["name"] == "Z-Image Turbo"


async def test_parts_come_from_the_main_model_where_that_is_whole(invokeai: InvokeAI, here: Provider):
    await run(here, job(engine="sdcpp", ecosystem="qwen", model="20b", operation="createImage"))
    loader = nodes(invokeai, "qwen_image_model_loader")[0]
    assert loader["model"]["name"] == "Qwen Image 2512"
    assert not {"vae_model", "qwen_vl_encoder_model"} & loader.keys()


async def test_nothing_of_ours_goes_into_the_gallery(invokeai: InvokeAI, here: Provider):
    await run(here, job(**SD1))
    assert all(node["is_intermediate"] for node in invokeai.started[-1].graph["nodes"].values())


@pytest.mark.parametrize("prompt", ["a (tin:1.2) robot", "a tin+ robot", "a robot, rusty--", "a <badly-drawn> robot"])
async def test_words_that_the_server_would_not_take_as_such_are_declined(here: Provider, prompt: str):
    unable = here.offer(job(**SD1, prompt=prompt))
    assert isinstance(unable, Unable)
    assert "in a way of its own" in unable.reason


@pytest.mark.parametrize("prompt", [r"a \(tin\) robot", "a well-made robot - in rain", "1 < 2 and 3 > 2", "2+2 robots"])
async def test_words_that_mean_the_same_there_are_taken(here: Provider, prompt: str):
    assert isinstance(here.offer(job(**SD1, prompt=prompt)), Offer)
