"""What is OpenAI's alone, and that of servers which answer as it does: forms, tokens, and lists of models."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from threading import current_thread

import pytest
from tests.integration.providers.openai import OPENAI, OPENAI_COMPATIBLE, SERVES
from tests.integration.providers.vendors import assignment, follow, job, provider, run
from tests.standins.images import error
from tests.standins.openai import OpenAI, form
from tests.standins.openai_compatible import OpenAICompatible
from tests.standins.server import Hangs, Says, serving

from palio.providers.base import Ambiguous, Offer, RateLimited, Unable
from palio.providers.hosted.pictures import inline

PICTURE = "https://example.org/kite.png"
TURBO = "Tongyi-MAI/Z-Image-Turbo"
EDIT = "Qwen/Qwen-Image-Edit-2511"
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
DOCS = Path(__file__).parents[3] / "docs/providers.md"


@pytest.fixture
def openai() -> Iterator[OpenAI]:
    with serving(stand_in := OpenAI()):
        yield stand_in


@pytest.fixture
def own() -> Iterator[OpenAICompatible]:
    with serving(stand_in := OpenAICompatible(TURBO, EDIT)):
        yield stand_in


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"output_tokens": 1000, "input_tokens_details": {"text_tokens": 100, "image_tokens": 1000}}, 0.0385),
        ({"output_tokens": 1000}, None),
        ({"output_tokens": "a lot"}, None),
        (None, None),
    ],
)
async def test_tokens_are_reckoned_or_left_and_never_lose_the_picture(
    openai: OpenAI, monkeypatch: pytest.MonkeyPatch, usage: object, usd: float | None
):
    openai.usage = usage
    here = provider(openai, "openai", monkeypatch, **OPENAI.table)
    made = await run(here, OPENAI.job)
    await here.close()
    assert made.data
    assert made.cost == (None if usd is None else pytest.approx(usd))


async def test_an_edit_sends_its_pictures_as_files_of_their_own_kind(openai: OpenAI, monkeypatch: pytest.MonkeyPatch):
    here = provider(openai, "openai", monkeypatch, models=SERVES)
    edit = job(engine="qwen", model="2.0", operation="editImage", images=[PICTURE, PICTURE], width=1024, height=1024)
    await run(here, edit)
    await here.close()
    [call] = openai.called("submit")
    assert call.path == "/images/edits"
    _, files = form(call)
    assert [(name, media_type) for name, media_type, _ in files] == [("image[]", "image/png")] * 2


async def test_pictures_are_decoded_where_nobody_waits_for_it(openai: OpenAI, monkeypatch: pytest.MonkeyPatch):
    # Given a decoder that says in which thread it works
    threads: list[str] = []

    def watched(url: str) -> bytes:
        threads.append(current_thread().name)
        return inline(url)

    monkeypatch.setattr("palio.providers.openai.inline", watched)

    # When pictures are edited
    here = provider(openai, "openai", monkeypatch, models=SERVES)
    await run(here, job(engine="qwen", model="2.0", operation="editImage", images=[PICTURE], width=1024, height=1024))
    await here.close()

    # Then it is not the one that serves everybody
    assert len(threads) == 1
    assert current_thread().name not in threads


async def test_a_server_of_ones_own_is_sent_what_it_has_members_for(
    own: OpenAICompatible, monkeypatch: pytest.MonkeyPatch
):
    here = provider(own, "openai-compatible", monkeypatch)
    await run(here, job(engine="z-image", width=768, height=512, steps=9))
    qwen = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "editImage", "images": [PICTURE]}
    await run(here, job(**qwen, negativePrompt="rust", cfgScale=4.0))
    await here.close()
    created, edited = own.started
    assert created.input["size"] == "768x512"
    assert (created.input["num_inference_steps"], created.input["guidance_scale"], created.input["seed"]) == (9, 0, 7)
    assert (edited.input["true_cfg_scale"], edited.input["negative_prompt"]) == ("4.0", "rust")


async def test_only_what_a_server_serves_is_offered(own: OpenAICompatible, monkeypatch: pytest.MonkeyPatch):
    here = provider(own, "openai-compatible", monkeypatch)
    await here.open()
    offered, declined = here.offer(job(engine="z-image")), here.offer(job(engine="z-image", model="base", steps=20))
    await here.close()
    assert isinstance(offered, Offer)
    assert (offered.model, offered.price) == (TURBO, 0.0)
    assert isinstance(declined, Unable)
    assert declined.reason == "Tongyi-MAI/Z-Image is none of the models that here serves"


@pytest.mark.parametrize("says", [Says(404, {"detail": "Not Found"}), Says(503, {"detail": "not ready"}), Says(200)])
async def test_a_server_that_lists_nothing_may_have_any_model(
    own: OpenAICompatible, monkeypatch: pytest.MonkeyPatch, says: Says
):
    own.order("models", says)
    here = provider(own, "openai-compatible", monkeypatch)
    await here.open()
    offered = here.offer(job(engine="z-image", model="base", steps=20))
    await here.close()
    assert isinstance(offered, Offer)


async def test_localai_runs_a_job_as_documented_but_for_a_prompt_that_it_would_take_apart(
    own: OpenAICompatible, monkeypatch: pytest.MonkeyPatch
):
    # Given the table that the documentation shows
    [shown] = re.findall(r"^\[providers\.localai\.models\.dreamshaper\]\n(.+?)^```", DOCS.read_text(), re.M | re.S)
    here = provider(own, "openai-compatible", monkeypatch, models={"dreamshaper": tomllib.loads(shown)})

    # When it is asked for jobs
    sd1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage", "model": DREAMSHAPER}
    whole, parted = here.offer(job(**sd1)), here.offer(job(**sd1, prompt="a robot | rust"))
    await here.close()

    # Then it does those that reach the model as they are
    assert isinstance(whole, Offer), whole
    assert isinstance(parted, Unable)
    assert parted.reason == "dreamshaper takes no prompt with | in it, which begins what is not wanted"


async def test_a_server_of_ones_own_needs_no_key(own: OpenAICompatible, monkeypatch: pytest.MonkeyPatch):
    here = provider(own, "openai-compatible", monkeypatch, api_key_env=None)
    await run(here, OPENAI_COMPATIBLE.job)
    await here.close()
    assert "authorization" not in own.called("submit")[0].headers


@pytest.mark.parametrize(("price", "is_free"), [(None, True), (0.01, False)])
def test_what_a_server_of_ones_own_makes_is_free_unless_it_has_a_price(
    own: OpenAICompatible, monkeypatch: pytest.MonkeyPatch, price: float | None, is_free: bool
):
    here = provider(own, "openai-compatible", monkeypatch, price=price)
    assert here.free is is_free
    # What costs nothing is made again by a next process, and need not be found.
    assert here.resumable is not is_free


async def test_a_picture_within_the_answer_is_gone_with_its_process(openai: OpenAI, monkeypatch: pytest.MonkeyPatch):
    # Given a run whose answer was the picture, which is in no handle
    first = provider(openai, "openai", monkeypatch, **OPENAI.table)
    given = assignment(OPENAI.job)
    handle = await first.start(given)
    await first.close()
    assert len(handle) < 200

    # When another process takes the handle up
    second = provider(openai, "openai", monkeypatch, **OPENAI.table)
    with pytest.raises(Ambiguous, match="before it was kept"):
        await follow(second, handle, given)
    await second.close()

    # Then it is not asked for again
    assert len(openai.started) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
        ({"retry-after-ms": "999999999"}, 3600.0),
        ({"retry-after-ms": "inf", "Retry-After": "2"}, 2.0),
        ({}, None),
    ],
)
async def test_how_long_to_wait_may_be_said_in_milliseconds(
    openai: OpenAI, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], seconds: float | None
):
    openai.order("submit", Says(429, error("slow down", "rate_limit_exceeded"), headers))
    here = provider(openai, "openai", monkeypatch, **OPENAI.table)
    with pytest.raises(RateLimited) as limited:
        await here.start(assignment(OPENAI.job))
    await here.close()
    assert limited.value.retry_after == seconds


async def test_an_answer_that_never_comes_is_waited_for_as_long_as_the_deadline_says(
    openai: OpenAI, monkeypatch: pytest.MonkeyPatch
):
    openai.order("submit", Hangs)
    here = provider(openai, "openai", monkeypatch, **OPENAI.table, deadline=5)
    with pytest.raises(Ambiguous, match="did not answer within 5 s"):
        await here.start(assignment(OPENAI.job))
    await here.close()
    assert len(openai.started) == 1


async def test_whether_the_key_is_good_is_asked_for_free(openai: OpenAI, monkeypatch: pytest.MonkeyPatch):
    here = provider(openai, "openai", monkeypatch)
    assert await here.check() == "here answers and takes the key"
    await here.close()
    assert not openai.started
