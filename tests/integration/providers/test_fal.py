"""What is fal's alone: its queue, its addresses, and that it does not try again by itself."""

from collections.abc import Iterator

import pytest
from tests.integration.providers.fal import FAL
from tests.integration.providers.vendors import assignment, follow, provider, run
from tests.standins.fal import Fal
from tests.standins.server import Says, serving

from palio.providers.base import Ambiguous


@pytest.fixture
def fal() -> Iterator[Fal]:
    with serving(stand_in := Fal()):
        yield stand_in


async def test_progress_says_how_many_are_ahead_in_the_queue(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.queued, fal.running = 2, 1
    here = provider(fal, "fal", monkeypatch)
    given = assignment(FAL.job)
    seen, _ = await follow(here, await here.start(given), given)
    await here.close()
    assert [progress.ahead for progress in seen] == [1, 0, None]


async def test_a_broken_runner_is_not_tried_again_behind_our_back(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    here = provider(fal, "fal", monkeypatch)
    await here.start(assignment(FAL.job))
    await here.close()
    assert fal.called("submit")[0].headers["x-fal-no-retry"] == "1"


async def test_addresses_are_used_as_they_come_if_they_are_fals(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    # Given an answer whose addresses are somebody else's
    elsewhere = "http://127.0.0.1:1/requests/x"
    urls = {f"{name}_url": elsewhere for name in ("status", "response", "cancel")}
    fal.order("submit", Says(200, {"request_id": "x", **urls}))
    here = provider(fal, "fal", monkeypatch)

    # When a job is started, then nobody else is sent the key
    with pytest.raises(Ambiguous, match="did not say where it can be found"):
        await here.start(assignment(FAL.job))
    await here.close()


async def test_a_proxy_stays_between_palio_and_fal(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    # Given fal behind a proxy, which names the addresses of its queue as they are without one
    fal.shown_as = "https://queue.fal.run"
    here = provider(fal, "fal", monkeypatch)

    # When a job is run, then all of it goes through the proxy
    assert (await run(here, FAL.job)).data
    await here.close()
    assert [phase for phase, _ in fal.calls] == ["submit", "poll", "result", "download"]


async def test_a_run_that_cannot_be_followed_is_stopped(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.queued, fal.shown_as = 100, "https://elsewhere.example"
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(Ambiguous, match="did not say where it can be found"):
        await here.start(assignment(FAL.job))
    await here.close()
    assert fal.started[0].is_canceled


async def test_a_run_that_is_canceled_in_the_queue_is_never_made(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.queued = 100
    here = provider(fal, "fal", monkeypatch)
    await here.cancel(await here.start(assignment(FAL.job)))
    await here.close()
    assert fal.started[0].is_canceled
