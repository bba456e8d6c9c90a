"""Servers with AUTOMATIC1111's API: requests held open, whose picture is stopped, and files that are really there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.integration.providers.vendors import ATTEMPT, assignment, follow, job, provider, run
from tests.standins.a1111 import A1111, CHECKPOINTS, OUT_OF_MEMORY, WRONG_SAMPLER, with_auth
from tests.standins.server import KEY, Drips, Drops, Hangs, Page, Says, Truncates, serving

from palio.contract.image.job import ImageJob
from palio.providers.a1111 import provider as adapter
from palio.providers.a1111.provider import WebUI as Provider
from palio.providers.base import (
    Ambiguous,
    Incapable,
    KeyRefused,
    Lost,
    NotAccepted,
    Offer,
    ProviderError,
    RateLimited,
    RunFailed,
    Unable,
    Unfunded,
)
from palio.providers.hosted.account import Limits
from palio.providers.hosted.signals import Phase, Reply, row_in
from palio.providers.wire import Answer

DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
LORA = "urn:air:sd1:lora:civitai:180891@776656"
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SCHNELL = "urn:air:flux1:checkpoint:civitai:618692@699279"
PROBLEM = {"detail": "x"}


def sd1(**more: Any) -> ImageJob:
    input_ = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage", "model": DREAMSHAPER}
    return job(**{**input_, "width": 96, "height": 64, **more})


def flux1(**more: Any) -> ImageJob:
    input_ = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": SCHNELL, "steps": 4}
    return job(**{**input_, **more})


@pytest.fixture
def a1111() -> Iterator[A1111]:
    with serving(stand_in := A1111()):
        yield stand_in


@pytest.fixture
async def here(a1111: A1111, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    made = await opened(a1111, monkeypatch)
    yield made
    await made.close()


async def opened(a1111: A1111, monkeypatch: pytest.MonkeyPatch, **table: Any) -> Provider:
    made = provider(a1111, "a1111", monkeypatch, **table)
    assert isinstance(made, Provider)
    await made.open()
    return made


async def until(holds: Callable[[], object], a1111: A1111) -> None:
    """Wait for something at the stand-in."""
    await asyncio.to_thread(a1111.wait_until, holds)


# Answers.


@pytest.mark.parametrize(
    ("row", "says", "ends"),
    [
        ("no images", Says(200, {"images": [], "parameters": {}, "info": "{}"}), RunFailed),
        ("error", Says(500, OUT_OF_MEMORY), RunFailed),
        ("any other 4xx", Says(400, WRONG_SAMPLER), Incapable),
        ("any other 4xx", Says(422, {"detail": [{"loc": ["body", "steps"], "msg": "x"}]}), Incapable),
        ("404", Says(404, WRONG_SAMPLER), Incapable),
        ("401", Says(401, PROBLEM), KeyRefused),
        ("402", Says(402, PROBLEM), Unfunded),
        ("403", Says(403, PROBLEM), KeyRefused),
        ("429", Says(429, PROBLEM, {"Retry-After": "7"}), RateLimited),
        ("408, 425 or 503", Says(503, PROBLEM), NotAccepted),
        # Nobody knows what became of these, but they cost nothing.
        ("any other 5xx", Says(500, b"Internal Server Error", {"Content-Type": "text/plain"}), RunFailed),
        ("any other 5xx", Page(), RunFailed),
        ("no answer that is known", Page(200), RunFailed),
        ("no answer that is known", Says(200, {}), RunFailed),
    ],
    ids=str,
)
async def test_an_answer_leads_where_its_meaning_does(
    a1111: A1111, here: Provider, row: str, says: Says, ends: type[ProviderError]
):
    a1111.order("submit", says)
    with pytest.raises(ProviderError) as ended:
        await run(here, sd1())
    assert type(ended.value) is ends
    reply = Reply(Answer(says.status, httpx.Headers(says.headers), says.content))
    assert row_in(Provider.signals, Phase.submit, reply).name == row


def test_every_row_is_seen_in_these_tests():
    assert {row.name for row in Provider.signals} == {"images", "no images", "error", "interrupted"}


async def test_the_error_of_a_server_is_told(a1111: A1111, here: Provider):
    a1111.order("submit", Says(500, OUT_OF_MEMORY))
    with pytest.raises(RunFailed, match="here: OutOfMemoryError: CUDA out of memory"):
        await run(here, sd1())
    a1111.order("submit", Says(422, {"detail": [{"loc": ["body", "steps"], "msg": "not an integer"}]}))
    with pytest.raises(Incapable, match=r"here: body\.steps: not an integer"):
        await run(here, sd1())


@pytest.mark.parametrize("fault", [Hangs, Drops, Truncates, Drips(0.05)], ids=str)
@pytest.mark.parametrize("price", [None, 0.01])
async def test_a_request_without_a_whole_answer_is_not_sent_again_where_it_may_cost(
    a1111: A1111, fault: Any, price: float | None, monkeypatch: pytest.MonkeyPatch
):
    a1111.order("submit", fault)
    made = await opened(a1111, monkeypatch, **({} if price is None else {"price": price}))
    # Given less time than an operator may choose
    made.account = replace(made.account, limits=Limits(deadline=0.5))
    with pytest.raises(RunFailed if price is None else Ambiguous):
        await run(made, sd1())
    await made.close()
    assert len(a1111.called("submit")) == 1


async def test_a_server_that_is_not_there_has_not_accepted(monkeypatch: pytest.MonkeyPatch):
    with serving(a1111 := A1111()):
        made = await opened(a1111, monkeypatch)
        # Given no connection that is left from when it was there
        a1111.order("info", Drops)
        with pytest.raises(Ambiguous):
            await made.wire.exchange("GET", "sdapi/v1/options")
    with pytest.raises(NotAccepted):
        await run(made, sd1())
    await made.close()


async def test_a_server_with_a_password_gets_it_and_it_is_never_shown(monkeypatch: pytest.MonkeyPatch):
    with serving(a1111 := with_auth()):
        made = await opened(a1111, monkeypatch)
        assert (await run(made, sd1())).data
        a1111.order("submit", Says(401, {"detail": f"the key\n{KEY} is not good"}))
        with pytest.raises(KeyRefused, match=r"the key \*\*\* is not good"):
            await run(made, sd1())
        await made.close()


# A run.


async def test_progress_is_that_of_the_run_while_its_request_is_open(a1111: A1111, here: Provider):
    a1111.running = 3
    given = assignment(sd1())
    seen, made = await follow(here, await here.start(given), given)
    assert [round(progress.rate, 2) for progress in seen] == [0.0, 0.33, 0.67]
    assert made.data.startswith(b"\x89PNG")
    assert made.cost == 0
    assert a1111.started[0].task == ATTEMPT


async def test_progress_of_a_run_in_line_says_nothing(a1111: A1111, here: Provider):
    given = assignment(sd1())
    with a1111.working_for_another():
        handle = await here.start(given)
        await until(lambda: a1111.waiting, a1111)
        events = here.watch(handle, given)
        first = asyncio.ensure_future(anext(events))
        await until(lambda: a1111.called("poll"), a1111)
        assert not first.done()
    assert (await first).data
    await events.aclose()


async def test_a_server_without_tasks_tells_its_own_progress(a1111: A1111, here: Provider):
    a1111.has_tasks, a1111.running = False, 3
    given = assignment(sd1())
    seen, _ = await follow(here, await here.start(given), given)
    assert max(progress.rate for progress in seen) > 0.5


async def test_progress_that_cannot_be_asked_for_costs_no_run(a1111: A1111, here: Provider):
    a1111.running = 1
    a1111.order("poll", Page(), Drops, Says(200, {"progress": "much"}))
    assert (await run(here, sd1())).data
    assert len(a1111.started) == 1


async def test_a_run_of_a_process_that_is_gone_is_lost_and_may_be_begun_again(
    a1111: A1111, here: Provider, monkeypatch: pytest.MonkeyPatch
):
    given = assignment(sd1())
    handle = await here.start(given)
    another = await opened(a1111, monkeypatch)
    with pytest.raises(Lost):
        await follow(another, handle, given)
    await another.close()
    assert (await follow(here, handle, given))[1].data
    assert here.free
    assert not here.resumable
    with pytest.raises(Lost):
        await follow(here, "something else", given)


async def test_one_picture_is_asked_for_at_a_time_whatever_the_table_says(
    a1111: A1111, monkeypatch: pytest.MonkeyPatch
):
    made = await opened(a1111, monkeypatch, concurrency=8)
    assert made.concurrency == 1
    await made.close()


# Stopping.


async def test_a_run_that_is_made_is_interrupted(a1111: A1111, here: Provider):
    a1111.running = 1000
    handle = await here.start(assignment(sd1()))
    await until(lambda: a1111.current, a1111)
    await here.cancel(handle)
    assert a1111.stopped == [ATTEMPT]
    await until(lambda: not a1111.current, a1111)


async def test_a_run_in_line_is_interrupted_when_its_turn_comes_and_nobody_elses_is(a1111: A1111, here: Provider):
    # Given a run that waits for another client's picture
    a1111.running = 1000
    with a1111.working_for_another() as another:
        handle = await here.start(assignment(sd1()))
        await until(lambda: a1111.waiting, a1111)

        # When it is canceled by someone who waits no longer than Palio does
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await here.cancel(handle)
        assert not another.is_interrupted

    # Then it is stopped once it has its turn
    await until(lambda: a1111.stopped, a1111)
    assert a1111.stopped == [ATTEMPT]


async def test_a_run_that_is_nearly_done_is_left_to_end(a1111: A1111, here: Provider, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adapter, "LAST_MOMENT", 0.0)
    a1111.running = 2
    handle = await here.start(assignment(sd1()))
    await until(lambda: a1111.current, a1111)
    await here.cancel(handle)
    assert not a1111.stopped
    assert not a1111.called("cancel")


@pytest.mark.parametrize("flavour", ["webui", "sdnext"])
async def test_a_server_that_does_not_say_whose_picture_it_makes_is_never_interrupted(
    a1111: A1111, flavour: str, monkeypatch: pytest.MonkeyPatch
):
    a1111.has_tasks, a1111.flavour, a1111.running = False, flavour, 1000
    made = await opened(a1111, monkeypatch)
    handle = await made.start(assignment(sd1()))
    await until(lambda: a1111.current, a1111)
    with pytest.raises(ProviderError, match="would interrupt any"):
        await made.cancel(handle)
    assert not a1111.called("cancel")
    await made.close()


async def test_a_run_that_is_waited_for_no_longer_is_interrupted(a1111: A1111, here: Provider):
    # Given a picture that takes longer than it may
    a1111.running = 1000
    here.account = replace(here.account, limits=Limits(deadline=0.5))
    with pytest.raises(RunFailed, match="did not answer within"):
        await run(here, sd1())

    # Then it does not hold up the next one
    assert a1111.stopped == [ATTEMPT]
    a1111.running = 0
    here.account = replace(here.account, limits=Limits())
    assert (await run(here, sd1())).data


async def test_a_run_in_line_that_is_waited_for_no_longer_stops_nobody_elses(a1111: A1111, here: Provider):
    here.account = replace(here.account, limits=Limits(deadline=0.5))
    with a1111.working_for_another() as another:
        with pytest.raises(RunFailed, match="did not answer within"):
            await run(here, sd1())
        assert not another.is_interrupted
        assert not a1111.called("cancel")


async def test_an_interrupt_that_is_lost_is_asked_for_again_while_it_is_ours(a1111: A1111, here: Provider):
    a1111.running = 1000
    a1111.order("cancel", Page())
    handle = await here.start(assignment(sd1()))
    await until(lambda: a1111.current, a1111)
    await here.cancel(handle)
    assert a1111.stopped == [ATTEMPT]


async def test_a_picture_that_somebody_else_stopped_is_no_picture(a1111: A1111, here: Provider):
    # Given a run that somebody at the server's page interrupts, which is answered with what there is by then
    a1111.running = 1000
    given = assignment(sd1())
    handle = await here.start(given)
    await until(lambda: a1111.current, a1111)
    await here.wire.exchange("POST", "sdapi/v1/interrupt")

    # When it is followed to its end, then it failed
    with pytest.raises(RunFailed, match="somebody stopped the picture at here"):
        await follow(here, handle, given)

    # And the next one is none the worse for it
    a1111.running = 0
    assert (await run(here, sd1())).data


async def test_a_run_can_be_canceled_twice_and_after_its_end(a1111: A1111, here: Provider):
    given = assignment(sd1())
    handle = await here.start(given)
    await follow(here, handle, given)
    await here.cancel(handle)
    await here.cancel(handle)
    assert not a1111.called("cancel")


async def test_closing_does_not_wait_for_a_picture(a1111: A1111, monkeypatch: pytest.MonkeyPatch):
    a1111.running = 1000
    made = await opened(a1111, monkeypatch)
    await made.start(assignment(sd1()))
    await until(lambda: a1111.current, a1111)
    await made.close()
    assert a1111.current
    assert len(asyncio.all_tasks()) == 1


async def test_closing_ends_an_interrupt_of_a_picture_that_has_ended_meanwhile(
    a1111: A1111, monkeypatch: pytest.MonkeyPatch
):
    # Given a picture that ends while it is being interrupted, which is not answered
    a1111.running = 1
    a1111.order("cancel", Hangs)
    made = await opened(a1111, monkeypatch)
    handle = await made.start(assignment(sd1()))
    await until(lambda: a1111.current, a1111)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await made.cancel(handle)
    assert a1111.called("cancel")
    assert not a1111.current

    # When the provider is closed, then nothing goes on
    await made.close()
    assert len(asyncio.all_tasks()) == 1


# What a job comes to.


async def test_a_request_names_all_that_it_depends_on(a1111: A1111, here: Provider):
    wanted = sd1(loras={LORA: 0.00001}, vaeModel="urn:air:sd1:vae:civitai:1@840000", clipSkip=2, negativePrompt="rust")
    await run(here, wanted)
    await run(here, sd1(clipSkip=-1))
    first, second = a1111.started
    assert first.checkpoint == second.checkpoint == CHECKPOINTS[0]
    assert first.body["prompt"] == "<lora:robots-776656:0.00001>a tin robot"
    assert first.loras == {"robots-776656": 0.00001}
    assert first.body["negative_prompt"] == "rust"
    assert (first.parts, second.parts) == (["vae-ft-mse-840000.safetensors"], [])
    settings = [made.body["override_settings"]["CLIP_stop_at_last_layers"] for made in (first, second)]
    assert settings == [2, 1]
    assert first.body["override_settings_restore_afterwards"] is False
    assert (first.body["restore_faces"], first.body["tiling"]) == (False, False)


async def test_forge_is_told_its_modules_and_guides_flux(a1111: A1111, monkeypatch: pytest.MonkeyPatch):
    a1111.flavour = "forge"
    made = await opened(a1111, monkeypatch)
    await run(made, flux1())
    await run(made, flux1(diffuserModel="urn:air:flux1:checkpoint:civitai:9@900001", cfgScale=4))
    await run(made, sd1())
    schnell, own, other = a1111.started
    assert schnell.checkpoint == "flux1-schnell.safetensors"
    assert sorted(schnell.parts) == ["ae.safetensors", "clip_l.safetensors", "t5xxl_fp16.safetensors"]
    assert (own.body["cfg_scale"], own.body["distilled_cfg_scale"]) == (1, 4)
    # What the one before had must not stay.
    assert other.parts == []
    await made.close()


async def test_sdnext_is_told_in_its_own_members(a1111: A1111, monkeypatch: pytest.MonkeyPatch):
    a1111.flavour = "sdnext"
    made = await opened(a1111, monkeypatch)
    await run(made, sd1(clipSkip=2))
    assert a1111.started[0].body["clip_skip"] == 2
    assert not {"restore_faces", "tiling"} & a1111.started[0].body.keys()
    unable = made.offer(sd1(schedule="karras"))
    assert isinstance(unable, Unable)
    assert "needs Karras" in unable.reason
    await made.close()


async def test_a_picture_of_another_checkpoint_than_was_asked_for_is_no_picture(a1111: A1111, here: Provider):
    a1111.steals = "pony.safetensors"
    with pytest.raises(RunFailed, match="made the picture with pony in place of dreamshaper_8"):
        await run(here, sd1())


@pytest.mark.parametrize("name", ["pony.safetensors", "pony", "0000000003", f"{3:064x}"])
async def test_a_checkpoint_can_be_named_by_anything_that_the_server_calls_it(
    a1111: A1111, name: str, monkeypatch: pytest.MonkeyPatch
):
    made = await opened(a1111, monkeypatch, files={"urn:air:sd1:checkpoint:civitai:7@8": name})
    await run(made, sd1(model="urn:air:sd1:checkpoint:civitai:7@8"))
    assert a1111.started[0].checkpoint == "pony.safetensors"
    await made.close()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"model": "urn:air:sd1:checkpoint:civitai:1@424242"}, "has no file for urn:air:sd1:checkpoint"),
        ({"loras": {"urn:air:sd1:lora:civitai:2@434343": 1}}, r"\[providers.here.files\] can name one"),
        ({"loras": {"urn:air:sd1:lora:civitai:2@777001": 1}}, "cannot name the LoRA 'bad=name-777001' in a prompt"),
        ({"vaeModel": "urn:air:sd1:vae:civitai:1@434343"}, "has no file for urn:air:sd1:vae"),
        ({"sampleMethod": "dpm++2s_a"}, r"needs DPM\+\+ 2S a, which here does not have"),
        ({"sampleMethod": "res_2s"}, "has no sampler res_2s"),
        ({"schedule": "ays"}, "needs Align Your Steps, which here does not have"),
        ({"prompt": "a robot <lora:another:1>"}, "would read <name:...> as the name of a file"),
        ({"negativePrompt": "<hypernet:x"}, "would read <name:...> as the name of a file"),
    ],
)
async def test_what_is_not_there_or_cannot_be_said_is_declined(here: Provider, more: dict[str, Any], reason: str):
    with pytest.raises(Incapable, match=reason):
        await here.start(assignment(sd1(**more)))


@pytest.mark.parametrize("sampler", ["ddim", "uni_pc"])
async def test_a_schedule_that_a_sampler_does_not_go_by_is_declined(here: Provider, sampler: str):
    comfy = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL_BASE}
    unable = here.offer(job(**comfy, sampler=sampler, scheduler="karras"))
    assert isinstance(unable, Unable)
    assert "would leave out the schedule karras" in unable.reason
    assert isinstance(here.offer(job(**comfy, sampler=sampler, scheduler="ddim_uniform")), Offer)
    assert isinstance(here.offer(job(**comfy, sampler=sampler)), Offer)


async def test_flux_is_for_forge(here: Provider):
    unable = here.offer(flux1())
    assert isinstance(unable, Unable)
    assert "needs Forge" in unable.reason


async def test_nothing_is_offered_before_the_server_has_said_what_it_has(a1111: A1111, monkeypatch: pytest.MonkeyPatch):
    a1111.order("info", Page())
    made = provider(a1111, "a1111", monkeypatch)
    await made.open()
    unable = made.offer(sd1())
    assert isinstance(unable, Unable)
    assert "before here has said what it has" in unable.reason
    await made.close()
    again = await opened(a1111, monkeypatch)
    assert isinstance(again.offer(sd1()), Offer)
    await again.close()
