"""What is Google's alone: what it is asked for, and an answer that is the picture."""

from collections.abc import Iterator
from io import BytesIO

import msgspec
import pytest
from PIL import Image
from tests.integration.providers.google import EXHAUSTED, JOB
from tests.integration.providers.vendors import assignment, follow, provider, run
from tests.standins.google import Google, candidate, error
from tests.standins.server import serving

from palio.contract.image.job import Operation
from palio.providers.base import Ambiguous, KeyRefused, RateLimited, Refused, RunFailed, Unable


@pytest.fixture
def google() -> Iterator[Google]:
    with serving(stand_in := Google()):
        yield stand_in


async def test_it_asks_for_a_picture_in_a_shape(google: Google, monkeypatch: pytest.MonkeyPatch):
    here = provider(google, "google", monkeypatch)
    made = await run(here, JOB)
    await here.close()
    assert google.started == [
        {
            "model": "gemini-3.1-flash-image",
            "contents": [{"role": "user", "parts": [{"text": "a tin robot"}]}],
            "generationConfig": {
                "responseModalities": ["IMAGE"],
                "imageConfig": {"imageSize": "1K", "aspectRatio": "16:9"},
            },
        }
    ]
    # Not the one that it made while it thought.
    with Image.open(BytesIO(made.data)) as image:
        assert image.size == (1376, 768)


async def test_it_is_shown_the_pictures_of_an_edit_whose_shape_it_keeps(
    google: Google, monkeypatch: pytest.MonkeyPatch
):
    here = provider(google, "google", monkeypatch)
    edit = msgspec.structs.replace(JOB, operation=Operation.edit, aspect=None, images=("a", "b"))
    await run(here, edit)
    await here.close()
    (asked,) = google.started
    assert [next(iter(part)) for part in asked["contents"][0]["parts"]] == ["text", "inlineData", "inlineData"]
    assert asked["contents"][0]["parts"][1]["inlineData"]["mimeType"] == "image/png"
    assert asked["generationConfig"]["imageConfig"] == {"imageSize": "1K"}


async def test_a_picture_within_an_answer_is_gone_with_the_process_that_had_it(
    google: Google, monkeypatch: pytest.MonkeyPatch
):
    first = provider(google, "google", monkeypatch)
    given = assignment(JOB)
    handle = await first.start(given)
    await first.close()
    second = provider(google, "google", monkeypatch)
    with pytest.raises(Ambiguous, match="stopped before it was kept"):
        await follow(second, handle, given)
    await second.close()


async def test_it_says_for_how_long_it_wants_to_be_left_alone(google: Google, monkeypatch: pytest.MonkeyPatch):
    google.order("submit", error(429, "RESOURCE_EXHAUSTED", EXHAUSTED, retryDelay="37.5s"))
    here = provider(google, "google", monkeypatch)
    with pytest.raises(RateLimited) as limited:
        await here.start(assignment(JOB))
    await here.close()
    assert limited.value.retry_after == 37.5


async def test_why_there_is_no_picture_is_told(google: Google, monkeypatch: pytest.MonkeyPatch):
    google.order("submit", candidate("IMAGE_SAFETY", message="Unable to show the picture."), candidate("NO_IMAGE"))
    here = provider(google, "google", monkeypatch)
    with pytest.raises(Refused, match=r"^here: Unable to show the picture\. \(picture blocked\)$"):
        await here.start(assignment(JOB))
    with pytest.raises(RunFailed, match=r"^here: NO_IMAGE"):
        await here.start(assignment(JOB))
    await here.close()


async def test_it_is_offered_jobs_that_name_its_models_and_those_of_an_operators_table(
    google: Google, monkeypatch: pytest.MonkeyPatch
):
    grok = msgspec.structs.replace(JOB, family="grok", model="grok")
    plain = provider(google, "google", monkeypatch)
    assert isinstance(plain.offer(grok), Unable)
    await plain.close()
    models = {"gemini-3.1-flash-lite-image": {"family": "grok", "members": ["grok"]}}
    changed = provider(google, "google", monkeypatch, models=models)
    offer = changed.offer(grok)
    await run(changed, grok)
    await changed.close()
    assert getattr(offer, "model", None) == "gemini-3.1-flash-lite-image"
    assert google.started[0]["model"] == "gemini-3.1-flash-lite-image"


async def test_the_key_can_be_tried_without_cost(google: Google, monkeypatch: pytest.MonkeyPatch):
    here = provider(google, "google", monkeypatch)
    assert await here.check() == "here answers and takes the key"
    await here.close()
    assert google.started == []

    stranger = provider(google, "google", monkeypatch, key="another")
    with pytest.raises(KeyRefused):
        await stranger.check()
    await stranger.close()
