"""Finding out what a server of one's own has, again and again."""

import asyncio

import pytest

from palio.providers.base import NotAccepted
from palio.providers.hosted import lookout
from palio.providers.hosted.lookout import Lookout


@pytest.mark.parametrize("failure", [NotAccepted("out of reach"), KeyError("models")])
async def test_it_goes_on_whatever_was_wrong_with_the_last_look(failure: Exception, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lookout, "LOOK_SOON", 0.0)
    looks = 0
    has_seen = asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise failure
        has_seen.set()

    looking = Lookout("gpu", look)
    await looking.open()
    await has_seen.wait()
    await looking.close()

    assert looks == 3
