"""What is Black Forest Labs' alone: where it is asked, and what it says that a job costs."""

from collections.abc import Iterator

import pytest
from tests.integration.providers.bfl import BFL
from tests.integration.providers.vendors import assignment, provider, run
from tests.standins.bfl import BlackForestLabs
from tests.standins.server import Says, serving

from palio.providers.base import Ambiguous, Made
from palio.providers.hosted.provider import HostedProvider


@pytest.fixture
def bfl() -> Iterator[BlackForestLabs]:
    with serving(stand_in := BlackForestLabs()):
        yield stand_in


@pytest.mark.parametrize(("cost", "usd"), [(3, 0.03), (None, None), ("a lot", None), ({"x": []}, None)])
async def test_a_cost_is_read_or_left_and_never_loses_the_picture(
    bfl: BlackForestLabs, monkeypatch: pytest.MonkeyPatch, cost: object, usd: float | None
):
    bfl.cost = cost
    here = provider(bfl, "bfl", monkeypatch)
    made: Made = await run(here, BFL.job)
    await here.close()
    assert made.data
    assert made.cost == usd


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/",
        "https://bfl.ai.example.org/get_result",
        "http://api.bfl.ai/get",
        "https://[",
        "file:///x",
    ],
)
async def test_the_key_goes_nowhere_but_to_the_vendor(
    bfl: BlackForestLabs, monkeypatch: pytest.MonkeyPatch, address: str
):
    bfl.order("submit", Says(200, {"id": "x", "polling_url": address}))
    here = provider(bfl, "bfl", monkeypatch)
    with pytest.raises(Ambiguous, match="did not say where it can be found"):
        await here.start(assignment(BFL.job))
    await here.close()


def test_the_regions_of_the_vendor_are_its_own(bfl: BlackForestLabs, monkeypatch: pytest.MonkeyPatch):
    here: HostedProvider = provider(bfl, "bfl", monkeypatch)
    assert here.may_be_asked("https://api.eu2.bfl.ai/v1/get_result?id=x")
