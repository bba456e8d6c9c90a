"""How a picture that was made comes here: from where, how large, and whether it is one."""

import base64
from collections.abc import Iterator
from itertools import repeat

import pytest
from tests.integration.providers.comfyui import COMFYUI
from tests.integration.providers.fal import FAL
from tests.integration.providers.vendors import Vendor, provider, run
from tests.standins.fal import Fal
from tests.standins.server import Page, Says, StandIn, png, serving

from palio.providers.base import Ambiguous, Lost, Refused, RunFailed
from palio.providers.hosted import downloads


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


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries come one right after the other, so that a test need not wait for many of them."""
    monkeypatch.setattr(downloads, "pauses", lambda random: repeat(0.0))


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
        with pytest.raises(Ambiguous, match="not on the public internet"):
            await run(here, FAL.job)
        await here.close()

    # Then nobody was asked there
    assert elsewhere.calls == []


async def test_a_proxy_of_the_environment_sees_nothing(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    with serving(elsewhere := Elsewhere()):
        monkeypatch.setenv("http_proxy", elsewhere.url)
        monkeypatch.setenv("no_proxy", "")
        here = provider(fal, "fal", monkeypatch)
        assert (await run(here, FAL.job)).data
        await here.close()
    assert elsewhere.calls == []


async def test_a_redirect_from_the_provider_leads_no_further(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    with serving(elsewhere := Elsewhere()):
        fal.order("download", *[Says(302, b"", {"Location": f"{elsewhere.url}/secret.png"})] * 10)
        here = provider(fal, "fal", monkeypatch)
        with pytest.raises(Ambiguous, match="not on the public internet"):
            await run(here, FAL.job)
        await here.close()
    assert elsewhere.calls == []


@pytest.mark.usefixtures("no_pauses")
async def test_a_picture_is_waited_for_as_long_as_there_is_patience(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.order("download", *[Page(503)] * 50)
    here = provider(fal, "fal", monkeypatch, patience=30.0)
    assert (await run(here, FAL.job)).data.startswith(b"\x89PNG")
    await here.close()
    assert len(fal.started) == 1


@pytest.mark.parametrize(("vendor", "ends"), [(FAL, Ambiguous), (COMFYUI, RunFailed)], ids=str)
async def test_a_picture_that_never_comes_is_made_again_only_if_that_costs_nothing(
    vendor: Vendor, ends: type[Exception], monkeypatch: pytest.MonkeyPatch
):
    with serving(stand_in := vendor.stand_in()):
        stand_in.order("download", *[Page(503)] * 50)
        here = provider(stand_in, vendor.kind, monkeypatch, **{**vendor.table, "patience": 0.3})
        with pytest.raises(ends, match="was made and cannot be downloaded"):
            await run(here, vendor.job)
        await here.close()


@pytest.mark.usefixtures("no_pauses")
async def test_a_picture_that_is_not_there_yet_is_asked_for_again(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.order("download", Says(404), Page(), Says(404), Says(410))
    here = provider(fal, "fal", monkeypatch)
    assert (await run(here, FAL.job)).data.startswith(b"\x89PNG")
    await here.close()


async def test_a_redirect_may_be_relative(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.order("download", Says(302, b"", {"Location": "moved-8x8.png"}))
    here = provider(fal, "fal", monkeypatch)
    assert (await run(here, FAL.job)).data == png(8, 8)
    await here.close()
    assert [call.path for call in fal.called("download")][1:] == ["/files/moved-8x8.png"]


@pytest.mark.parametrize("location", ["http://host:port/", "/files/round-8x8.png"])
async def test_a_redirect_that_leads_nowhere_ends_the_run(fal: Fal, monkeypatch: pytest.MonkeyPatch, location: str):
    fal.order("download", *[Says(302, b"", {"Location": location})] * 10)
    here = provider(fal, "fal", monkeypatch, patience=0.3)
    with pytest.raises(Ambiguous, match=r"redirects more than|Invalid URL"):
        await run(here, FAL.job)
    await here.close()
    assert len(fal.called("download")) <= downloads.MAX_REDIRECTS + 1


async def test_a_picture_that_has_expired_is_lost(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    fal.has_expired = True
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(Lost, match="no longer there"):
        await run(here, FAL.job)
    await here.close()


async def test_a_picture_that_is_too_large_is_not_read_to_its_end(fal: Fal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(downloads, "MAX_IMAGE_BYTES", 100)
    here = provider(fal, "fal", monkeypatch)
    with pytest.raises(Ambiguous, match="more than 100 bytes"):
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
    with pytest.raises(Ambiguous, match="cannot be downloaded"):
        await run(here, FAL.job)
    await here.close()
