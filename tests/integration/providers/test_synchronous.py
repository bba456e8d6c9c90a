"""A vendor whose answer is the picture: what is kept of it, and what a next process can do with that."""

import base64
from collections.abc import Iterator, Sequence

import pytest
from tests.integration.providers.fal import FAL
from tests.integration.providers.vendors import assignment, fetch, follow
from tests.standins.server import Call, Says, StandIn, png, serving

from palio.providers.base import Ambiguous, Made
from palio.providers.catalog.reading import read_catalog
from palio.providers.hosted.account import Account
from palio.providers.hosted.orders import Order, Request
from palio.providers.hosted.signals import SUCCESS, Meaning, Reply, Signal, has
from palio.providers.hosted.synchronous import SynchronousProvider

JOB = FAL.job
INLINE = "data:image/png;base64," + base64.b64encode(png(8, 8)).decode()


class Studio(StandIn):
    """Makes a picture at once, and says how mature it is."""

    shows_address = False

    def phase(self, call: Call) -> str:
        return "make" if call.method == "POST" else "download"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            return Says(200, png(8, 8), {"Content-Type": "image/png"})
        self.started.append(call.json)
        picture = f"{self.url}/a.png" if self.shows_address else INLINE
        return Says(200, {"picture": picture, "usd": 0.02, "level": "pg13"})


class Adapter(SynchronousProvider):
    kind = "studio"
    base_url = "http://127.0.0.1"
    key_variable = None
    signals = (Signal("picture", Meaning.done, SUCCESS, has("picture")),)

    def submission(self, order: Order) -> Request:
        return Request("POST", "make", order.payload)

    def pictures(self, reply: Reply) -> Sequence[str]:
        return [reply.text("picture")]

    def cost(self, run: object, reply: Reply) -> float | None:
        return reply.number("usd")

    def nsfw_level(self, reply: Reply) -> str | None:
        return reply.text("level")


@pytest.fixture
def studio() -> Iterator[Studio]:
    with serving(stand_in := Studio()):
        yield stand_in


def adapter(studio: Studio) -> Adapter:
    return Adapter(Account("studio", 2, studio.url, None, read_catalog("fal"), fetch))


@pytest.mark.parametrize("shows_address", [True, False])
async def test_what_the_answer_says_of_the_picture_comes_with_it(studio: Studio, shows_address: bool):
    studio.shows_address = shows_address
    here = adapter(studio)
    given = assignment(JOB)

    [made] = [event async for event in here.watch(await here.start(given), given)]

    assert isinstance(made, Made)
    assert (made.data, made.cost, made.nsfw_level) == (png(8, 8), 0.02, "pg13")
    await here.close()


async def test_a_next_process_downloads_what_is_on_record(studio: Studio):
    studio.shows_address = True
    before, after = adapter(studio), adapter(studio)
    given = assignment(JOB)

    _, made = await follow(after, await before.start(given), given)

    assert (made.data, len(studio.started)) == (png(8, 8), 1)
    await before.close()
    await after.close()


async def test_a_picture_that_went_with_its_process_is_not_made_again(studio: Studio):
    before, after = adapter(studio), adapter(studio)
    given = assignment(JOB)

    with pytest.raises(Ambiguous, match="the server stopped before it was kept"):
        await follow(after, await before.start(given), given)

    assert len(studio.started) == 1
    await before.close()
    await after.close()


async def test_pictures_that_nobody_comes_for_do_not_pile_up(studio: Studio):
    here = adapter(studio)
    handles = [await here.start(assignment(JOB, f"attempt{number}")) for number in range(6)]

    with pytest.raises(Ambiguous):
        await follow(here, handles[1], assignment(JOB))
    _, made = await follow(here, handles[2], assignment(JOB))

    assert made.data == png(8, 8)
    await here.close()
