"""SwarmUI: a session for each run, what its answers come to, and what a next process does with a run."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from tests.integration.providers.vendors import ATTEMPT, assignment, follow, job, provider, run
from tests.standins.server import KEY, Drops, Hangs, Page, Says, Truncates, serving
from tests.standins.swarmui import EXPIRED, SwarmUI

from palio.providers.base import (
    Ambiguous,
    Incapable,
    KeyRefused,
    Lost,
    Made,
    NotAccepted,
    Offer,
    ProviderError,
    RateLimited,
    RunFailed,
    Unable,
)
from palio.providers.hosted.signals import Phase, Reply, row_in
from palio.providers.swarmui.provider import SwarmUI as Provider
from palio.providers.wire import Answer

ANOTHER = "0193f3a1b2c4012345678900000000ff"
TURBO = {"engine": "z-image"}


def error(text: str, status: int = 200) -> Says:
    return Says(status, {"error": text})


SAMPLES: dict[str, tuple[Phase, Says, type[ProviderError] | None]] = {
    "images": (Phase.submit, Says(200, {"images": ["View/local/raw/a%231x1.png"]}), None),
    "interrupted": (Phase.submit, Says(200, {"images": []}), RunFailed),
    "no such session": (Phase.submit, Says(401, EXPIRED), Incapable),
    "bad_permissions": (Phase.submit, Says(400, {"error_id": "bad_permissions", "error": "You lack"}), KeyRefused),
    "all are busy": (Phase.submit, error("Timeout! All backends are occupied with other tasks."), NotAccepted),
    "no backend for it": (Phase.submit, error("No backends match the settings of the request given!"), Incapable),
    "invalid value": (Phase.submit, error("Invalid value for param Sampler - 'x' - must be one of: `y`"), Incapable),
    "error": (Phase.submit, error("All available backends failed to load the model 'x'."), RunFailed),
    "success": (Phase.cancel, Says(200, {"success": True}), None),
}
"""An answer for each row, and the error that a run ends with at it."""
OF_HTTP = (
    (Says(401, {}), KeyRefused),
    (Says(403, {}), KeyRefused),
    (Says(404, {}), Incapable),
    (Says(429, {}), RateLimited),
    (Says(503, {}), NotAccepted),
    (Page(200), RunFailed),
    (Page(502), RunFailed),
)


@pytest.fixture
def swarmui() -> Iterator[SwarmUI]:
    with serving(stand_in := SwarmUI()):
        yield stand_in


@pytest.fixture
async def here(swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    made = swarm(swarmui, monkeypatch)
    await made.open()
    yield made
    await made.close()


def swarm(stand_in: SwarmUI, monkeypatch: pytest.MonkeyPatch, **table: Any) -> Provider:
    made = provider(stand_in, "swarmui", monkeypatch, **table)
    assert isinstance(made, Provider)
    return made


async def test_a_server_can_be_asked_whether_it_would_work(swarmui: SwarmUI, here: Provider):
    assert await here.check() == "here opens a session and takes the token"
    swarmui.order("session", Says(401, {"error_id": "bad_permissions", "error": "You lack permissions."}))
    with pytest.raises(KeyRefused):
        await here.check()
    assert not swarmui.started


def test_every_row_has_a_sample():
    assert [row.name for row in Provider.signals] == list(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_of_its_row(name: str):
    phase, says, _ = SAMPLES[name]
    reply = Reply(Answer(says.status, httpx.Headers(says.headers), says.content))
    assert row_in(Provider.signals, phase, reply).name == name


@pytest.mark.parametrize(
    ("says", "ends"),
    [*((says, ends) for phase, says, ends in SAMPLES.values() if phase is Phase.submit and ends), *OF_HTTP],
    ids=str,
)
async def test_an_answer_ends_a_run_as_its_meaning_says(
    swarmui: SwarmUI, here: Provider, says: Says, ends: type[ProviderError]
):
    swarmui.order("submit", says)
    with pytest.raises(ends):
        await run(here, job(**TURBO))


async def test_the_picture_is_in_the_answer_and_not_kept_at_the_server(swarmui: SwarmUI, here: Provider):
    made = await run(here, job(**TURBO))
    assert made.data.startswith(b"\x89PNG")
    assert made.cost == 0
    assert swarmui.started[0]["donotsave"] is True
    assert not swarmui.passed_over


async def test_a_picture_that_the_server_keeps_is_downloaded(swarmui: SwarmUI, here: Provider):
    swarmui.saves = True
    swarmui.order("download", Page(503))
    assert (await run(here, job(**TURBO))).data.startswith(b"\x89PNG")


async def test_each_run_has_a_session_so_that_stopping_one_stops_no_other(swarmui: SwarmUI, here: Provider):
    # Given two runs, one of which is under way
    swarmui.is_slow = True
    given = assignment(job(**TURBO))
    ours = await here.start(given)
    theirs = await here.start(assignment(job(**TURBO), ANOTHER))
    following = asyncio.create_task(follow(here, ours, given))
    await asyncio.to_thread(swarmui.arrived.wait)

    # When it is canceled
    await here.cancel(ours)

    # Then it ends, and the session of the other goes on
    with pytest.raises(RunFailed, match="interrupted"):
        await following
    interrupted = [id_ for id_, event in swarmui.sessions.items() if event.is_set()]
    assert interrupted == [here.run_in(ours).id]
    assert here.run_in(theirs).id != here.run_in(ours).id


async def test_a_run_can_be_canceled_twice_and_after_its_end(here: Provider):
    given = assignment(job(**TURBO))
    handle = await here.start(given)
    await follow(here, handle, given)
    await here.cancel(handle)
    await here.cancel(handle)


async def test_a_run_at_a_server_that_was_started_anew_need_not_be_canceled(swarmui: SwarmUI, here: Provider):
    handle = await here.start(assignment(job(**TURBO)))
    swarmui.sessions.clear()
    await here.cancel(handle)


@pytest.mark.parametrize(("fault", "deadline"), [(Hangs, 5.0), (Drops, 60.0), (Truncates, 60.0)], ids=str)
async def test_a_picture_that_does_not_come_is_called_off_and_begun_again_elsewhere(
    swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch, fault, deadline: float
):
    made = swarm(swarmui, monkeypatch, deadline=deadline)
    swarmui.order("submit", fault)
    given = assignment(job(**TURBO))
    handle = await made.start(given)
    with pytest.raises(RunFailed):
        await follow(made, handle, given)
    await made.close()
    assert len(swarmui.started) == 1
    assert swarmui.sessions[made.run_in(handle).id].is_set()


async def test_a_picture_that_does_not_come_may_be_paid_where_the_operator_names_a_price(
    swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch
):
    made = swarm(swarmui, monkeypatch, price=0.01)
    swarmui.order("submit", Drops)
    with pytest.raises(Ambiguous):
        await run(made, job(**TURBO))
    await made.close()


@pytest.mark.parametrize("phase", ["session", "info"])
@pytest.mark.parametrize("fault", [Drops, Page()], ids=str)
async def test_trouble_before_a_picture_is_asked_for_begins_nothing(
    swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch, phase: str, fault
):
    swarmui.order(phase, fault)
    made = swarm(swarmui, monkeypatch)
    with pytest.raises(NotAccepted):
        await made.start(assignment(job(**TURBO)))
    await made.close()
    assert not swarmui.started


async def test_a_server_that_is_not_there_has_not_accepted(monkeypatch: pytest.MonkeyPatch):
    with serving(gone := SwarmUI()):
        pass
    made = swarm(gone, monkeypatch)
    with pytest.raises(NotAccepted):
        await run(made, job(**TURBO))
    await made.close()


async def test_another_process_stops_what_was_asked_for_and_asks_again(
    swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch
):
    # Given a run that was begun by a process that is gone
    first = swarm(swarmui, monkeypatch)
    given = assignment(job(**TURBO))
    handle = await first.start(given)
    await first.close()

    # When another takes its handle up
    second = swarm(swarmui, monkeypatch)
    _, made = await follow(second, handle, given)
    await second.close()

    # Then it is in the same session, which was interrupted before
    assert isinstance(made, Made)
    asked = [phase for phase, _ in swarmui.calls if phase in ("submit", "cancel")]
    assert asked == ["cancel", "submit"]
    assert swarmui.started[0]["session_id"] == second.run_in(handle).id


async def test_another_process_loses_a_run_whose_server_was_started_anew(
    swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch
):
    first = swarm(swarmui, monkeypatch)
    given = assignment(job(**TURBO))
    handle = await first.start(given)
    await first.close()
    swarmui.sessions.clear()
    second = swarm(swarmui, monkeypatch)
    with pytest.raises(Lost):
        await follow(second, handle, given)
    await second.close()


async def test_a_handle_of_another_provider_leads_nowhere(here: Provider):
    with pytest.raises(Lost):
        await follow(here, "something else", assignment(job(**TURBO)))


async def test_the_token_is_a_cookie_and_in_no_handle_and_no_error(swarmui: SwarmUI, here: Provider):
    handle = await here.start(assignment(job(**TURBO)))
    swarmui.order("submit", error(f"the token\n{KEY} is not good"))
    with pytest.raises(RunFailed) as failed:
        await run(here, job(**TURBO))
    assert KEY not in handle
    assert "the token *** is not good" in str(failed.value)
    assert {call.headers["cookie"] for _, call in swarmui.calls} == {f"swarm_token={KEY}"}


async def test_a_job_is_told_in_parameters_that_the_server_has(swarmui: SwarmUI, here: Provider):
    asked = job(
        engine="sdcpp",
        ecosystem="sd1",
        operation="createVariant",
        image="aGVsbG8=",
        model="urn:air:sd1:checkpoint:civitai:4384@128713",
        loras={"urn:air:sd1:lora:civitai:1@776656": 0.5},
        vaeModel="urn:air:sd1:vae:civitai:1@840000",
        negativePrompt="rust",
        strength=0.4,
        clipSkip=2,
        schedule="karras",
    )
    await run(here, asked)
    sent = swarmui.started[0]
    wanted = {
        "model": "sd15/dreamshaper_8-128713.safetensors",
        "loras": ["robots-776656.safetensors"],
        "loraweights": [0.5],
        "vae": "vae-ft-mse-840000.safetensors",
        "negativeprompt": "rust",
        "initimagecreativity": 0.4,
        "clipstopatlayer": -2,
        "sampler": "euler",
        "scheduler": "karras",
    }
    assert {name: sent.get(name) for name in wanted} == wanted
    assert not swarmui.passed_over


@pytest.mark.parametrize(("engine", "cfg", "guidance"), [("flux2", 1.0, 3.0), ("comfy", 3.0, 4.0)])
async def test_guidance_of_flux_2_is_what_its_engine_calls_so(
    swarmui: SwarmUI, here: Provider, engine: str, cfg: float, guidance: float
):
    inputs: dict[str, dict[str, object]] = {
        "flux2": {"model": "dev", "guidanceScale": 3},
        "comfy": {"ecosystem": "flux2Dev", "cfgScale": 3},
    }
    await run(here, job(engine=engine, operation="createImage", **inputs[engine]))
    sent = swarmui.started[0]
    assert (sent["cfgscale"], sent["fluxguidancescale"]) == (cfg, guidance)


async def test_what_the_server_would_pass_over_is_declined(swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch):
    # Given a server without a parameter
    swarmui.parameters -= {"fluxguidancescale"}
    made = swarm(swarmui, monkeypatch)
    await made.open()
    unable = made.offer(job(engine="flux2", model="dev", operation="createImage"))
    await made.close()

    # Then what depends on it is declined, and nothing else
    assert isinstance(unable, Unable)
    assert "needs fluxguidancescale" in unable.reason
    assert isinstance(made.offer(job(**TURBO)), Offer)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"prompt": "a <random:tin,steel> robot"}, "'<random:tin,steel>' in a prompt for a command"),
        ({"prompt": "a [tin|steel] robot"}, "in a prompt for a command"),
        ({"prompt": "{value} robot"}, "in a prompt for a command"),
        ({"loras": {"urn:air:zimage:lora:civitai:1@434444": 1}}, "whose name has a comma"),
        ({"loras": {"urn:air:zimage:lora:civitai:1@424242": 1}}, "has no file for urn:air"),
    ],
)
async def test_what_the_server_cannot_do_as_asked_is_declined(here: Provider, asked: dict[str, Any], reason: str):
    sdcpp = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}
    unable = here.offer(job(**sdcpp, **asked))
    assert isinstance(unable, Unable)
    assert reason in unable.reason


async def test_words_that_are_no_command_are_taken(here: Provider):
    assert isinstance(here.offer(job(**TURBO, prompt="1 < 2, 3 > 2 and a robot (tin)")), Offer)


async def test_a_sampler_that_the_server_does_not_have_is_declined(here: Provider):
    sdcpp = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}
    unable = here.offer(job(**sdcpp, sampleMethod="heun"))
    assert isinstance(unable, Unable)
    assert "needs the sampler heun" in unable.reason


async def test_an_older_server_lists_its_models_by_names_alone(swarmui: SwarmUI, monkeypatch: pytest.MonkeyPatch):
    swarmui.is_new = False
    made = swarm(swarmui, monkeypatch)
    await made.open()
    assert (await run(made, job(**TURBO))).data
    await made.close()


async def test_a_run_that_is_not_begun_leaves_nothing_behind(here: Provider):
    handle = await here.start(assignment(job(**TURBO), ATTEMPT))
    await here.cancel(handle)
    assert not here._orders
