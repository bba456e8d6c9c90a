"""What is Ark's alone: what it is asked for, and what becomes of an answer that says where the picture is."""

from collections.abc import Iterator

import pytest
from tests.integration.providers.ark import ARK, MODERATED
from tests.integration.providers.vendors import assignment, job, provider, run
from tests.standins.ark import Ark, picture_error
from tests.standins.server import Says, serving

from palio.providers.base import KeyRefused, Refused


@pytest.fixture
def ark() -> Iterator[Ark]:
    with serving(stand_in := Ark()):
        yield stand_in


async def test_it_asks_for_one_picture_without_a_watermark_and_where_it_is(ark: Ark, monkeypatch: pytest.MonkeyPatch):
    here = provider(ark, "ark", monkeypatch)
    await run(here, job(engine="seedream", version="v4.5", images=["https://example.com/a.png"]))
    await here.close()
    (asked,) = ark.started
    assert asked.pop("image")[0].startswith("data:image/png;base64,")
    assert asked == {
        "model": "seedream-4-5-251128",
        "prompt": "a tin robot",
        # Its smallest: the job asks for 1024 x 1024.
        "size": "1920x1920",
        "response_format": "url",
        "watermark": False,
        "sequential_image_generation": "disabled",
    }


async def test_the_address_is_on_record_before_it_is_downloaded(ark: Ark, monkeypatch: pytest.MonkeyPatch):
    here = provider(ark, "ark", monkeypatch)
    handle = await here.start(assignment(ARK.job))
    await here.close()
    assert f"{ark.url}/content/1-1024x1024.png" in handle
    assert ark.called("download") == []


async def test_what_moderation_says_of_a_picture_is_told(ark: Ark, monkeypatch: pytest.MonkeyPatch):
    ark.order("submit", picture_error("OutputImageSensitiveContentDetected", MODERATED))
    here = provider(ark, "ark", monkeypatch)
    with pytest.raises(Refused, match=f"^here: {MODERATED}"):
        await here.start(assignment(ARK.job))
    await here.close()


@pytest.mark.parametrize(("side", "price", "size"), [(1024, 0.045, "1024x1024"), (2048, 0.09, "2048x2048")])
async def test_small_pictures_of_the_pro_model_have_their_own_price(
    ark: Ark, monkeypatch: pytest.MonkeyPatch, side: int, price: float, size: str
):
    here = provider(ark, "ark", monkeypatch)
    wanted = job(engine="seedream", version="v5.0-pro", width=side, height=side)
    offer = here.offer(wanted)
    await run(here, wanted)
    await here.close()
    assert getattr(offer, "price", None) == price
    assert ark.started[0]["size"] == size


async def test_in_china_a_model_has_another_id(ark: Ark, monkeypatch: pytest.MonkeyPatch):
    models = {"seedream-4-0-250828": {"id": "doubao-seedream-4-0-250828"}}
    here = provider(ark, "ark", monkeypatch, models=models)
    ark.order("submit", Says(200, {"data": [{"url": f"{ark.url}/content/1-64x64.png"}]}))
    await run(here, ARK.job)
    await here.close()
    assert [call.json["model"] for call in ark.called("submit")] == ["doubao-seedream-4-0-250828"]


async def test_the_key_can_be_tried_without_cost(ark: Ark, monkeypatch: pytest.MonkeyPatch):
    here = provider(ark, "ark", monkeypatch)
    assert await here.check() == "here answers and takes the key"
    await here.close()
    assert ark.started == []

    stranger = provider(ark, "ark", monkeypatch, key="another")
    with pytest.raises(KeyRefused):
        await stranger.check()
    await stranger.close()
