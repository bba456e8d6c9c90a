"""What is ComfyUI's alone: ids that are ours, stopping at old servers, and what is installed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from tests.integration.providers.vendors import ATTEMPT, PROMPT, assignment, follow, job, provider
from tests.standins.comfyui import ComfyUI
from tests.standins.server import Drops, Page, Says, serving

from palio.providers.base import Ambiguous, Offer, Progress, RunFailed, Unable
from palio.providers.comfyui.provider import ComfyUI as Provider
from palio.providers.hosted import queue

ANOTHER = "0193f3a1b2c4012345678900000000ff"
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
SD1 = {"engine": "comfy", "ecosystem": "sd1", "operation": "createImage", "model": DREAMSHAPER}
SDCPP_SD1 = {**SD1, "engine": "sdcpp"}
SDXL = {**SD1, "ecosystem": "sdxl", "model": "urn:air:sdxl:checkpoint:civitai:101055@128078"}


def net(preprocessor: str, **more: Any) -> dict[str, Any]:
    """A ControlNet of an input."""
    whole = {"preprocessor": preprocessor, "weight": 1, "startStep": 0, "endStep": 1, "image": "aGVsbG8="}
    return {name: value for name, value in {**whole, **more}.items() if value is not None}


@pytest.fixture
def comfyui() -> Iterator[ComfyUI]:
    with serving(stand_in := ComfyUI(running=1)):
        yield stand_in


@pytest.fixture
async def here(comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    made = provider(comfyui, "comfyui", monkeypatch)
    assert isinstance(made, Provider)
    await made.open()
    yield made
    await made.close()


async def test_a_run_whose_start_was_not_answered_is_found_by_the_attempt(comfyui: ComfyUI, here: Provider):
    # Given a start whose answer was lost
    given = assignment(job(engine="z-image"))
    comfyui.order("submit", Drops)
    with pytest.raises(Ambiguous):
        await here.start(given)

    # When it is looked for, while it waits and after it is over
    handle = await here.find(ATTEMPT)
    assert handle is not None
    assert PROMPT in handle
    _, made = await follow(here, handle, given)

    # Then it is that run, and there was no other
    assert made.data
    assert await here.find(ATTEMPT) is not None
    assert len(comfyui.started) == 1


async def test_a_run_that_never_was_is_not_found(here: Provider):
    assert await here.find(ANOTHER) is None


async def test_a_server_that_cannot_be_asked_is_not_sure(comfyui: ComfyUI, here: Provider):
    comfyui.order("poll", Page())
    with pytest.raises(Ambiguous):
        await here.find(ANOTHER)


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("queued", [0, 100])
async def test_a_run_is_stopped_whether_it_waits_or_runs(comfyui: ComfyUI, here: Provider, is_old: bool, queued: int):
    # Given a run that waits, or runs
    comfyui.is_old, comfyui.queued, comfyui.running = is_old, queued, 100
    handle = await here.start(assignment(job(engine="z-image")))
    comfyui.answer("poll", comfyui.calls[-1][1])

    # When it is canceled
    await here.cancel(handle)

    # Then it will not be made
    prompt = comfyui.prompts.get(PROMPT)
    assert prompt is None or prompt.is_interrupted


async def test_stopping_a_run_at_an_old_server_leaves_what_others_run_alone(comfyui: ComfyUI, here: Provider):
    # Given a server that interrupts whatever runs, where a run of ours is over and another's goes on
    comfyui.is_old, comfyui.running = True, 0
    given = assignment(job(engine="z-image"))
    ours = await here.start(given)
    await follow(here, ours, given)
    comfyui.running = 100
    await here.start(assignment(job(engine="z-image"), ANOTHER))
    comfyui.prompts[PROMPT].polls = 1000
    comfyui.answer("poll", comfyui.calls[-1][1])

    # When ours is canceled
    await here.cancel(ours)

    # Then nothing was interrupted
    assert not any(prompt.is_interrupted for prompt in comfyui.prompts.values())
    assert not comfyui.called("/interrupt")


async def test_a_failure_names_the_node(comfyui: ComfyUI, here: Provider):
    comfyui.fails = {"node_type": "KSampler", "exception_type": "OutOfMemoryError", "exception_message": "no memory"}
    given = assignment(job(engine="z-image"))
    with pytest.raises(RunFailed, match="KSampler: no memory"):
        await follow(here, await here.start(given), given)


async def test_progress_says_how_many_are_ahead(comfyui: ComfyUI, here: Provider):
    comfyui.queued = 1
    await here.start(assignment(job(engine="z-image"), ANOTHER))
    given = assignment(job(engine="z-image"))
    seen, _ = await follow(here, await here.start(given), given)
    assert seen[0].ahead == 1
    assert seen[-1].ahead is None


async def test_a_model_is_offered_where_its_files_and_nodes_are(comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch):
    # Given a server without the nodes of one family
    del comfyui.nodes["TextEncodeQwenImageEditPlus"]
    made = provider(comfyui, "comfyui", monkeypatch)
    await made.open()

    # Then it offers what it can run, and says what it is missing for the rest
    offer = made.offer(job(engine="flux1", model="urn:air:flux1:checkpoint:civitai:618692@699279"))
    assert isinstance(offer, Offer)
    assert (offer.model, offer.price) == ("flux1-schnell-fp8", 0)
    unable = made.offer(job(engine="qwen", images=["aGVsbG8="]))
    assert isinstance(unable, Unable)
    assert "needs the nodes TextEncodeQwenImageEditPlus" in unable.reason
    await made.close()


async def test_a_server_that_is_down_when_palio_starts_is_hoped_for(comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch):
    comfyui.order("info", Page())
    made = provider(comfyui, "comfyui", monkeypatch)
    await made.open()
    assert isinstance(made.offer(job(engine="z-image")), Offer)
    await made.close()


async def test_the_same_picture_is_uploaded_under_the_same_name(comfyui: ComfyUI, here: Provider):
    edit = job(engine="qwen", images=["aGVsbG8="])
    await here.start(assignment(edit))
    await here.start(assignment(edit, ANOTHER))
    assert len(comfyui.called("upload")) == 2
    assert len(comfyui.uploads) == 1


async def test_a_queue_full_of_other_peoples_graphs_is_read(comfyui: ComfyUI, here: Provider):
    given = assignment(job(engine="z-image"))
    handle = await here.start(given)
    others = [[nth, f"x{nth}", {"1": {"class_type": "x" * 4096, "inputs": {}}}, {}, []] for nth in range(500)]
    comfyui.order("poll", Says(200, {"queue_running": [], "queue_pending": [*others, [900, PROMPT, {}, {}, []]]}))
    seen, _ = await follow(here, handle, given)
    assert seen[0].ahead == 500


def test_a_run_is_only_free_where_the_operator_names_no_price(comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch):
    assert provider(comfyui, "comfyui", monkeypatch).free
    assert provider(comfyui, "comfyui", monkeypatch, price=0).free
    assert not provider(comfyui, "comfyui", monkeypatch, price=0.01).free


async def test_closing_can_be_canceled(comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch):
    made = provider(comfyui, "comfyui", monkeypatch)
    await made.open()
    closing = asyncio.create_task(made.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()


def told(kind: str, **data: Any) -> dict[str, Any]:
    """A message of the server about the run."""
    return {"type": kind, "data": {"prompt_id": PROMPT, **data}}


async def test_progress_is_what_the_server_tells_of_itself(comfyui: ComfyUI, here: Provider):
    # Given a server that tells of its steps, of others, and nonsense
    comfyui.running = 1000
    another = {"type": "progress", "data": {"prompt_id": ANOTHER, "value": 9, "max": 10}}
    comfyui.tells = [
        b"{",
        {"type": "status"},
        another,
        told("progress", value=1, max=0),
        told("progress", value=5, max=20),
    ]
    given = assignment(job(engine="z-image"))
    handle = await here.start(given)

    # When the run is followed, then that is how far it is
    async with aclosing(here.watch(handle, given)) as events:
        async for event in events:
            assert isinstance(event, Progress)
            if event.rate:
                assert event.rate == 0.25
                break


@pytest.mark.parametrize("kind", ["execution_success", "execution_error", "execution_interrupted"])
async def test_a_run_that_is_said_to_be_over_is_asked_about_at_once(
    comfyui: ComfyUI, here: Provider, monkeypatch: pytest.MonkeyPatch, kind: str
):
    # Given a run that would be asked about again only in an hour
    monkeypatch.setattr(queue, "gap", lambda *_: 3600.0)
    comfyui.running, comfyui.tells = 1, [told(kind)]
    given = assignment(job(engine="z-image"))

    # When the server tells that it is over, then it is the history that says how it ended
    _, made = await follow(here, await here.start(given), given)
    assert made.data


async def test_a_server_that_breaks_off_telling_is_asked(comfyui: ComfyUI, here: Provider):
    comfyui.tells = [b"x" * 60_000] * 40
    given = assignment(job(engine="z-image"))
    _, made = await follow(here, await here.start(given), given)
    assert made.data
    # Which is over with the run.
    assert not here._news


@pytest.mark.parametrize(
    ("sent", "steps", "cfg"),
    [({}, 4, 1), ({"cfgScale": 3}, 4, 3), ({"negativePrompt": "rust"}, 4, 5), ({"modelVersion": "4b-base"}, 20, 5)],
    ids=str,
)
async def test_a_distilled_klein_takes_its_own_steps_also_where_it_is_guided(
    comfyui: ComfyUI, here: Provider, sent: dict[str, Any], steps: int, cfg: float
):
    given = assignment(job(engine="flux2", model="klein", operation="createImage", **sent))
    await follow(here, await here.start(given), given)
    assert nodes(comfyui, "Flux2Scheduler")[0]["steps"] == steps
    assert nodes(comfyui, "CFGGuider")[0]["cfg"] == cfg


def nodes(comfyui: ComfyUI, class_type: str) -> list[dict[str, Any]]:
    """The inputs of the nodes of a class in what was submitted last."""
    graph = comfyui.started[-1].graph
    return [node["inputs"] for node in graph.values() if node["class_type"] == class_type]


async def test_a_control_net_is_led_by_what_the_server_makes_of_its_picture(comfyui: ComfyUI, here: Provider):
    # When a job has two
    nets = [net("openpose", weight=0.8, endStep=0.6), net("canny", startStep=0.1)]
    await here.start(assignment(job(**SD1, width=512, height=768, controlNets=nets)))

    # Then each has the file for what leads it, and its node what it suggests and the size of the picture
    files = [inputs["control_net_name"] for inputs in nodes(comfyui, "ControlNetLoader")]
    assert files == ["control_v11p_sd15_openpose_fp16.safetensors", "control_v11p_sd15_canny_fp16.safetensors"]
    posed, edged = nodes(comfyui, "OpenposePreprocessor")[0], nodes(comfyui, "Canny")[0]
    assert (posed["detect_hand"], posed["resolution"]) == ("enable", 512)
    assert (edged["low_threshold"], edged["high_threshold"]) == (0.4, 0.8)
    applied = [
        (inputs["strength"], inputs["start_percent"], inputs["end_percent"])
        for inputs in nodes(comfyui, "ControlNetApplyAdvanced")
    ]
    assert applied == [(0.8, 0, 0.6), (1, 0.1, 1)]


async def test_a_control_net_for_everything_is_told_what_leads_it(comfyui: ComfyUI, here: Provider):
    nets = [net("depthAnythingV2")]
    await here.start(assignment(job(**SDXL, controlNets=nets)))
    assert [inputs["type"] for inputs in nodes(comfyui, "SetUnionControlNetType")] == ["depth"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (net("gray"), "has no node for the preprocessor gray"),
        (net("midasDepth"), "needs the nodes MiDaS-DepthMapPreprocessor"),
        (net("tile"), "needs the nodes TilePreprocessor"),
        (net("canny", image=None), "with an image only"),
        (net("canny", mask="aGVsbG8="), "without a mask only"),
        (net("canny", weight=11), "from 0 to 10, not 11"),
        (net("canny", startStep=0.9, endStep=0.1), "start and end between 0 and 1"),
    ],
)
async def test_a_control_net_that_cannot_be_done_exactly_is_declined(
    here: Provider, asked: dict[str, Any], reason: str
):
    unable = here.offer(job(**SD1, controlNets=[asked]))
    assert isinstance(unable, Unable)
    assert reason in unable.reason


async def test_a_model_without_control_nets_takes_none(here: Provider):
    turbo = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}
    unable = here.offer(job(**turbo, controlNets=[net("canny")]))
    assert isinstance(unable, Unable)
    assert "takes no ControlNet" in unable.reason


async def test_an_embedding_is_loaded_where_a_prompt_names_it(comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch):
    # Given an embedding whose name bears the number of its version, and one that the operator names
    named = {"urn:air:sd1:embedding:civitai:7808@9208": "EasyNegative.safetensors"}
    made = provider(comfyui, "comfyui", monkeypatch, files=named)
    await made.open()

    # When prompts name them
    airs = ["urn:air:sd1:embedding:civitai:5@555001", *named]
    asked = job(**SDCPP_SD1, embeddings=airs, prompt="a Tinplate robot", negativePrompt="easynegative, rust")
    await made.start(assignment(asked))
    texts = {inputs["text"] for inputs in nodes(comfyui, "CLIPTextEncode")}

    # Then they are written as the server reads them, and one that no prompt names is declined
    assert texts == {"a embedding:styles/tinplate-555001 robot", "embedding:EasyNegative, rust"}
    unable = made.offer(job(**SDCPP_SD1, embeddings=airs, prompt="a robot", negativePrompt="easynegative"))
    await made.close()
    assert isinstance(unable, Unable)
    assert "no prompt says tinplate" in unable.reason
