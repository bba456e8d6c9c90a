"""Replicate's stand-in, driven by Replicate's own Python client, and what is Replicate's alone."""

from collections.abc import Iterator

import pytest
import replicate as client
from replicate.exceptions import ModelError, ReplicateError
from tests.integration.providers.replicate import REPLICATE
from tests.integration.providers.vendors import ATTEMPT, assignment, follow, job, provider
from tests.standins.replicate import SDXL, Replicate
from tests.standins.server import KEY, Says, noise, serving

from palio.providers.base import Ambiguous, Assignment, RateLimited

SCHNELL = "black-forest-labs/flux-schnell"


@pytest.fixture
def stand_in() -> Iterator[Replicate]:
    with serving(made := Replicate()):
        made.running = 1
        yield made


@pytest.fixture
def official(stand_in: Replicate, monkeypatch: pytest.MonkeyPatch) -> client.Client:
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.05")
    return client.Client(api_token=KEY, base_url=stand_in.url)


def test_the_official_client_runs_a_model_and_a_version(stand_in: Replicate, official: client.Client):
    created = official.models.predictions.create(SCHNELL, {"prompt": "a kite", "num_outputs": 1})
    created.wait()
    assert created.status == "succeeded"
    assert len(created.output) == 1
    by_version = official.predictions.create(SDXL, {"prompt": "a kite"})
    by_version.wait()
    assert isinstance(by_version.output, str)
    assert [prediction.model for prediction in stand_in.started] == [SCHNELL, SDXL]


def test_the_official_client_reads_progress_and_cancels(stand_in: Replicate, official: client.Client):
    created = official.models.predictions.create(SCHNELL, {"prompt": "a kite"})
    created.reload()
    assert created.progress is not None
    assert created.progress.percentage == 0.5
    created.cancel()
    created.reload()
    assert created.status == "canceled"


def test_the_official_client_is_told_of_failures(stand_in: Replicate, official: client.Client):
    stand_in.fails = {"error": "CUDA out of memory"}
    with pytest.raises(ModelError, match="out of memory"):
        official.run(SCHNELL, {"prompt": "a kite"}, wait=False)
    with pytest.raises(ReplicateError) as refused:
        official.models.predictions.create(SCHNELL, {"prompt": "a kite", "cfg": 3})
    assert refused.value.status == 422
    with pytest.raises(ReplicateError) as unknown:
        client.Client(api_token="another", base_url=stand_in.url).predictions.get("x")
    assert unknown.value.status == 401


async def test_a_run_is_given_a_deadline_that_the_vendor_keeps(stand_in: Replicate, monkeypatch: pytest.MonkeyPatch):
    here = provider(stand_in, "replicate", monkeypatch, deadline=45.0)
    await here.start(assignment(REPLICATE.job))
    await here.close()
    assert stand_in.started[0].cancel_after == "45s"


async def test_progress_is_read_from_the_log(stand_in: Replicate, monkeypatch: pytest.MonkeyPatch):
    here = provider(stand_in, "replicate", monkeypatch)
    given = assignment(REPLICATE.job)
    seen, _ = await follow(here, await here.start(given), given)
    await here.close()
    assert [progress.rate for progress in seen] == [0.5]


@pytest.mark.parametrize(
    ("says", "seconds"),
    [
        (Says(429, {"detail": "Request was throttled. Your rate limit resets in ~30s."}), 30),
        (Says(429, {"detail": "Request was throttled."}, {"Retry-After": "7"}), 7),
        (Says(429, {"detail": "Request was throttled."}), None),
    ],
)
async def test_how_long_to_wait_is_read_from_where_it_stands(
    stand_in: Replicate, monkeypatch: pytest.MonkeyPatch, says: Says, seconds: float | None
):
    stand_in.order("submit", says)
    here = provider(stand_in, "replicate", monkeypatch)
    with pytest.raises(RateLimited) as limited:
        await here.start(assignment(REPLICATE.job))
    await here.close()
    assert limited.value.retry_after == seconds


async def test_a_large_picture_comes_back_in_every_answer_and_is_read(
    stand_in: Replicate, monkeypatch: pytest.MonkeyPatch
):
    # Given a picture that cannot be compressed
    picture = noise(832, 832)
    assert len(picture) > 2_000_000

    async def load(reference: str) -> bytes:
        return picture

    # When it is edited at a vendor whose answers repeat what was sent
    here = provider(stand_in, "replicate", monkeypatch)
    given = Assignment(ATTEMPT, job(engine="flux2", model="pro", images=["aGVsbG8="]), load)
    _, made = await follow(here, await here.start(given), given)
    await here.close()

    # Then the run goes on to its end
    assert made.data


async def test_a_prediction_without_an_id_is_not_looked_for_among_all(
    stand_in: Replicate, monkeypatch: pytest.MonkeyPatch
):
    stand_in.order("submit", Says(201, {"id": 7, "status": "starting"}))
    here = provider(stand_in, "replicate", monkeypatch)
    with pytest.raises(Ambiguous, match="did not say where it can be found"):
        await here.start(assignment(job(engine="flux2", model="pro", operation="createImage")))
    await here.close()
    assert not stand_in.called("poll")
