"""How a picture that was made comes here: from where, how large, and whether it is one."""

import base64
from collections.abc import Iterator

import pytest
from tests.integration.providers.fal import FAL
from tests.integration.providers.vendors import provider, run
from tests.standins.fal import Fal
from tests.standins.server import Says, StandIn, png, serving

from palio.providers.base import Lost, Refused, RunFailed
from palio.providers.hosted import provider as hosted


class Elsewhere(StandIn):
    """A host that is not the provider's, on the same machine."""

    def phase(self, call) -> str:
        return "any"

    def answer(self, phase: str, call) -> Says:
        return Says(200, png(), {"Content-Type": "image/png"})


@pytest.fixture
def fal() -> Iterator[Fal]:
    with serving(stand_in := Fal()):
        yield stand_in


def shown(url: str) -> dict[str, object]:
    """A result that says that the picture is at a URL."""
    return {"images": [{"url": url}]}


async def test_a_picture_is_fetched_from_where_the_operator_said_the_provider_is(
    fal: Fal, monkeypatch: pytest.MonkeyPatch
):
    here = provider(fal, "fal", monkeypatch)
    assert (await run(here, FAL.job)).data.startswith(b"\x89PNG")
    await here.close()


async def test_any_other_host_must_be_public(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    # Given a result that points into the operator's own network
    with serving(elsewhere := Elsewhere()):
        fal.says = shown(f"{elsewhere.url}/secret.png")
        here = provider(fal, "fal", monkeypatch)

        # When it is downloaded
        with pytest.raises(RunFailed, match="not on the public internet"):
            await run(here, FAL.job)
        await here.close()

    # Then nobody was asked there
    assert elsewhere.calls == []


async def test_a_redirect_from_the_provider_leads_no_further(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    with serving(elsewhere := Elsewhere()):
        fal.order("download", *[Says(302, b"", {"Location": f"{elsewhere.url}/secret.png"})] * 10)
        here = provider(fal, "fal", monkeypatch)
        with pytest.raises(RunFailed, match="not on the public internet"):
            await run(here, FAL.job)
        await here.close()
    assert elsewhere.calls == []


async def test_a_picture_that_has_expired_is_lost(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.has_expired = True
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(Lost, match="no longer there"):
        await run(here, FAL.job)
    await here.close()


async def test_a_picture_that_is_too_large_is_not_read_to_its_end(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hosted, "MAX_IMAGE_BYTES", 100)
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(RunFailed, match="more than 100 bytes"):
        await run(here, FAL.job)
    await here.close()


async def test_a_picture_that_was_blacked_out_was_refused(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.colour = (0, 0, 0)
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(Refused, match="black"):
        await run(here, FAL.job)
    await here.close()


async def test_a_refusal_says_by_what_it_was_known(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.says = {"has_nsfw_concepts": [True]}
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(Refused, match="has_nsfw_concepts"):
        await run(here, FAL.job)
    await here.close()


async def test_a_picture_may_come_inside_the_answer(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.says = shown("data:image/png;base64," + base64.b64encode(png(8, 8)).decode())
    here = provider(fal, "fal", monkeypatch)
    assert (await run(here, FAL.job)).data == png(8, 8)
    await here.close()


@pytest.mark.parametrize("url", ["data:image/png;base64,????", "data:image/png,abc", "http://[", "file:///etc/passwd"])
async def test_nonsense_in_place_of_a_picture_ends_the_run(fal: Fal, monkeypatch: pytest.MonkeyPatch, url: str):
    fal.says = shown(url)
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(RunFailed):
        await run(here, FAL.job)
    await here.close()
