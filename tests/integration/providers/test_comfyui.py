"""What is ComfyUI's alone: ids that are ours, stopping at old servers, and what is installed."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.providers.vendors import ATTEMPT, PROMPT, assignment, follow, job, provider
from tests.standins.comfyui import ComfyUI
from tests.standins.server import Drops, Page, Says, serving

from palio.providers.base import Ambiguous, Offer, RunFailed, Unable
from palio.providers.comfyui.provider import ComfyUI as Provider
from palio.providers.hosted import lookout

ANOTHER = "0193f3a1b2c4012345678900000000ff"


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


async def test_closing_works_after_what_looks_at_the_server_has_died(
    comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    # Given a provider whose next look goes wrong in a way that nobody thought of
    monkeypatch.setattr(lookout, "LOOK_EVERY", 0.0)
    made = provider(comfyui, "comfyui", monkeypatch)
    await made.open()
    await made.wire.close()
    await asyncio.wait(looks())

    # When it is closed, then that is told, and no error of the one who closes
    await made.close()
    assert "no longer asked what it has installed" in caplog.text


async def test_closing_can_be_canceled(comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch):
    made = provider(comfyui, "comfyui", monkeypatch)
    await made.open()
    closing = asyncio.create_task(made.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()


def looks() -> list[asyncio.Task[object]]:
    """What goes on in the background."""
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
