"""What is DashScope's alone: two ways to run a job, what each is asked, and tasks that are stopped until they run."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.providers.dashscope import CALL, DASHSCOPE, MODERATED, task
from tests.integration.providers.vendors import assignment, follow, in_haste, job, provider, run
from tests.standins.dashscope import CALLS, TASKS, DashScope
from tests.standins.server import Drops, Hangs, Truncates, serving

from palio.providers.base import Ambiguous, Incapable, KeyRefused, ProviderError, Refused, RunFailed, Unable


@pytest.fixture
def dashscope() -> Iterator[DashScope]:
    with serving(stand_in := DashScope()):
        yield stand_in


async def test_a_task_is_asked_for_where_the_model_takes_one(dashscope: DashScope, monkeypatch: pytest.MonkeyPatch):
    dashscope.pending = dashscope.running = 1
    here = provider(dashscope, "dashscope", monkeypatch)
    wanted = job(engine="qwen", model="plus", operation="createImage", negativePrompt="rust", promptExtend=False)
    given = assignment(wanted)
    seen, made = await follow(here, await here.start(given), given)
    await here.close()
    assert made.data
    assert len(seen) == 2
    assert [call.path for call in dashscope.called("submit")] == [TASKS]
    assert dashscope.started == [
        {
            "model": "qwen-image-plus",
            "input": {"prompt": "a tin robot"},
            "parameters": {
                "n": 1,
                "size": "1328*1328",
                "seed": 7,
                "negative_prompt": "rust",
                "prompt_extend": False,
                "watermark": False,
            },
        }
    ]


async def test_others_are_shown_pictures_and_words_in_one_message(
    dashscope: DashScope, monkeypatch: pytest.MonkeyPatch
):
    here = provider(dashscope, "dashscope", monkeypatch)
    picture = "https://example.com/a.png"
    wanted = job(engine="qwen", model="2.0", operation="editImage", images=[picture, picture], width=1000, height=520)
    made = await run(here, wanted)
    await here.close()
    assert made.data
    assert [call.path for call in dashscope.called("submit")] == [CALLS]
    (asked,) = dashscope.started
    (message,) = asked["input"]["messages"]
    assert [next(iter(part)) for part in message["content"]] == ["image", "image", "text"]
    assert message["content"][0]["image"].startswith("data:image/png;base64,")
    # Where the vendor would round, what it is asked for is round already.
    assert asked["parameters"]["size"] == "1008*528"
    assert asked["parameters"]["prompt_extend"] is True


async def test_a_model_that_keeps_the_size_of_its_picture_is_asked_for_none(
    dashscope: DashScope, monkeypatch: pytest.MonkeyPatch
):
    here = provider(dashscope, "dashscope", monkeypatch)
    await run(here, job(engine="qwen", model="edit", operation="editImage", images=["https://example.com/a.png"]))
    await here.close()
    assert dashscope.started[0]["parameters"] == {"n": 1, "seed": 7, "watermark": False}


async def test_other_sizes_than_the_five_are_declined(dashscope: DashScope, monkeypatch: pytest.MonkeyPatch):
    here = provider(dashscope, "dashscope", monkeypatch)
    wanted = job(engine="qwen", model="max", operation="createImage", width=1024, height=1024)
    answer = here.offer(wanted)
    with pytest.raises(Incapable):
        await here.start(assignment(wanted))
    await here.close()
    assert isinstance(answer, Unable)
    assert "makes images of 1664 x 928, 1472 x 1104" in answer.reason
    assert dashscope.calls == []


@pytest.mark.parametrize("fault", [Hangs, Drops, Truncates])
async def test_a_call_without_a_whole_answer_is_ambiguous_and_made_once(
    dashscope: DashScope, monkeypatch: pytest.MonkeyPatch, fault: Any
):
    dashscope.order("submit", fault)
    here = provider(dashscope, "dashscope", monkeypatch, **in_haste("dashscope", monkeypatch, 0.5))
    with pytest.raises(Ambiguous):
        await here.start(assignment(CALL))
    await here.close()
    assert len(dashscope.started) == 1


async def test_where_a_picture_is_can_be_taken_up_by_another_process(
    dashscope: DashScope, monkeypatch: pytest.MonkeyPatch
):
    given = assignment(CALL)
    first = provider(dashscope, "dashscope", monkeypatch)
    handle = await first.start(given)
    await first.close()
    second = provider(dashscope, "dashscope", monkeypatch)
    seen, made = await follow(second, handle, given)
    with pytest.raises(ProviderError, match="had made the picture"):
        await second.cancel(handle)
    await second.close()
    assert made.data
    assert seen == []
    assert dashscope.called("poll") == []
    assert len(dashscope.started) == 1


async def test_a_task_is_stopped_until_it_runs(dashscope: DashScope, monkeypatch: pytest.MonkeyPatch):
    # Given two tasks that wait
    dashscope.pending, dashscope.running = 1, 5
    here = provider(dashscope, "dashscope", monkeypatch)
    given = assignment(DASHSCOPE.job)
    waiting, running = await here.start(given), await here.start(given)

    # When one of them is stopped, and the other one when it runs
    await here.cancel(waiting)
    for task_ in list(dashscope.tasks.values())[1:]:
        task_.polls = 2

    # Then the first ends, and of the second it is said that it goes on
    with pytest.raises(RunFailed, match="CANCELED"):
        await follow(here, waiting, given)
    with pytest.raises(Incapable, match="Failed to cancel the task"):
        await here.cancel(running)
    await here.close()


async def test_what_moderation_says_of_a_task_is_told(dashscope: DashScope, monkeypatch: pytest.MonkeyPatch):
    dashscope.order("poll", task("FAILED", code="DataInspectionFailed", message=MODERATED))
    here = provider(dashscope, "dashscope", monkeypatch)
    with pytest.raises(Refused, match=f"^here: {MODERATED}"):
        await run(here, DASHSCOPE.job)
    await here.close()


async def test_the_key_can_be_tried_without_cost(dashscope: DashScope, monkeypatch: pytest.MonkeyPatch):
    here = provider(dashscope, "dashscope", monkeypatch)
    assert await here.check() == "here answers and takes the key"
    await here.close()
    assert dashscope.started == []

    stranger = provider(dashscope, "dashscope", monkeypatch, key="another")
    with pytest.raises(KeyRefused):
        await stranger.check()
    await stranger.close()
