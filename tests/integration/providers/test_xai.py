"""What is xAI's alone: how pictures to edit are sent, and what it says that a job costs.

Its stand-in is driven by no client of xAI's: that speaks gRPC.
"""

from collections.abc import Iterator

import pytest
from tests.integration.providers.vendors import job, provider, run
from tests.integration.providers.xai import XAI
from tests.standins.server import serving
from tests.standins.xai import Xai

PICTURE = "https://example.org/kite.png"


@pytest.fixture
def xai() -> Iterator[Xai]:
    with serving(stand_in := Xai()):
        yield stand_in


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"cost_in_usd_ticks": 220_000_000}, 0.022),
        ({}, None),
        (None, None),
        ({"cost_in_usd_ticks": "a lot"}, None),
    ],
)
async def test_ticks_are_read_or_left_and_never_lose_the_picture(
    xai: Xai, monkeypatch: pytest.MonkeyPatch, usage: object, usd: float | None
):
    xai.usage = usage
    here = provider(xai, "xai", monkeypatch)
    made = await run(here, XAI.job)
    await here.close()
    assert made.data
    assert made.cost == usd


@pytest.mark.parametrize(("count", "member"), [(1, "image"), (3, "images")])
async def test_an_edit_sends_its_pictures_as_objects(
    xai: Xai, monkeypatch: pytest.MonkeyPatch, count: int, member: str
):
    here = provider(xai, "xai", monkeypatch)
    await run(here, job(engine="grok", seed=None, operation="editImage", images=[PICTURE] * count))
    await here.close()
    [call] = xai.called("submit")
    assert call.path == "/images/edits"
    sent = call.json[member]
    assert len(sent if isinstance(sent, list) else [sent]) == count
    assert "aspect_ratio" not in call.json
