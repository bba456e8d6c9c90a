"""What is Civitai's alone: money, progress, runs that are found again, addresses that expire."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from tests.integration.providers.civitai import CIVITAI
from tests.integration.providers.vendors import ATTEMPT, assignment, follow, job, provider, run
from tests.standins.civitai import Civitai, Ending, problem
from tests.standins.server import Drops, Page, Says, serving

from palio.contract.image.job import ControlNet
from palio.errors import SetupError
from palio.providers.base import Ambiguous, Offer, Refused, Unable

AIR = "urn:air:sdxl:checkpoint:civitai:101055@128078"


@pytest.fixture
def stand_in() -> Iterator[Civitai]:
    with serving(made := Civitai()):
        yield made


@pytest.mark.parametrize(
    ("asked", "usd"),
    [
        ({"engine": "z-image"}, 0.008),
        ({"engine": "flux2", "model": "pro"}, 0.035),
        ({"engine": "seedream", "model": "v4.5"}, 0.06),
        ({"engine": "flux1-kontext", "model": "max", "images": ["aGVsbG8="]}, 0.09),
    ],
    ids=str,
)
async def test_an_offer_costs_what_the_contract_publishes(
    stand_in: Civitai, asked: dict[str, Any], usd: float, monkeypatch: pytest.MonkeyPatch
):
    here = provider(stand_in, "civitai", monkeypatch)
    offer = here.offer(job(**asked))
    await here.close()
    assert isinstance(offer, Offer)
    assert offer.price == pytest.approx(usd)


async def test_an_operator_says_what_buzz_is_worth_and_what_a_model_costs(
    stand_in: Civitai, monkeypatch: pytest.MonkeyPatch
):
    own = {"seedream": {"price": {"usd": 0.5, "source": "mine", "as_of": "2026-11-01"}}}
    here = provider(stand_in, "civitai", monkeypatch, usd_per_buzz=0.002, models=own)
    offers = here.offer(job(engine="z-image")), here.offer(job(engine="seedream"))
    made = await run(here, CIVITAI.job)
    await here.close()
    assert [offer.price for offer in offers if isinstance(offer, Offer)] == [pytest.approx(0.016), 0.5]
    assert made.cost == pytest.approx(0.016)


async def test_what_buzz_may_pay_and_whether_for_mature_content_is_passed_on(
    stand_in: Civitai, monkeypatch: pytest.MonkeyPatch
):
    here = provider(stand_in, "civitai", monkeypatch, currencies="yellow, blue", allow_mature_content=False)
    await run(here, CIVITAI.job)
    await here.close()
    sent = stand_in.started[0].template
    assert (sent["currencies"], sent["allowMatureContent"]) == (["yellow", "blue"], False)
    with pytest.raises(SetupError, match="currencies are blue, green, yellow, not gold"):
        provider(stand_in, "civitai", monkeypatch, currencies="gold")


@pytest.mark.parametrize(
    ("moved", "usd"),
    [
        ({"list": [{"type": "debit", "amount": 8}]}, 0.008),
        ({"list": [{"type": "debit", "amount": 8}, {"type": "credit", "amount": 5}]}, 0.003),
        ({"list": []}, 0.0),
        (None, None),
    ],
    ids=str,
)
async def test_a_run_cost_what_was_taken_less_what_was_given_back(
    stand_in: Civitai, moved: dict[str, Any] | None, usd: float | None, monkeypatch: pytest.MonkeyPatch
):
    # Given a workflow that shows these movements of Buzz
    here = provider(stand_in, "civitai", monkeypatch)
    given = assignment(CIVITAI.job)
    handle = await here.start(given)
    (known,) = stand_in.workflows.values()
    known.polls = 1
    shown = {**stand_in._shown(known), "transactions": moved}
    stand_in.order("poll", Says(200, shown))

    # When it is over, then they are what the run cost
    _, made = await follow(here, handle, given)
    await here.close()
    assert made.cost == (None if usd is None else pytest.approx(usd))


async def test_a_run_tells_its_place_in_line_and_how_far_it_is(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    stand_in.before = ["scheduled", "preparing", "processing"]
    stand_in.ending = Ending(image={"nsfwLevel": "r"})
    here = provider(stand_in, "civitai", monkeypatch)
    given = assignment(CIVITAI.job)
    seen, made = await follow(here, await here.start(given), given)
    await here.close()
    assert [(each.rate, each.ahead, each.is_preparing) for each in seen] == [
        (0.0, 3, False),
        (0.5, None, True),
        (0.5, None, False),
    ]
    assert made.nsfw_level == "r"


async def test_a_level_that_the_contract_does_not_know_is_none(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    stand_in.ending = Ending(image={"nsfwLevel": "something"})
    here = provider(stand_in, "civitai", monkeypatch)
    made = await run(here, CIVITAI.job)
    await here.close()
    assert made.nsfw_level is None


async def test_what_blocked_a_picture_is_told(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    stand_in.ending = Ending(
        "failed", job={"reason": "blocked", "blockedReason": "a real person"}, image=None, errors=["it was stopped"]
    )
    here = provider(stand_in, "civitai", monkeypatch)
    with pytest.raises(Refused, match=r"it was stopped blocked a real person \(blocked\)"):
        await run(here, CIVITAI.job)
    await here.close()


async def test_what_withholds_a_picture_is_told(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    stand_in.ending = Ending(image={"available": False, "url": None, "nsfwLevel": "x"})
    here = provider(stand_in, "civitai", monkeypatch)
    with pytest.raises(Refused, match="the picture is mature, which the Buzz that paid for it is not for"):
        await run(here, CIVITAI.job)
    await here.close()


async def test_a_run_is_sent_under_its_own_name_and_never_shared(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    here = provider(stand_in, "civitai", monkeypatch, deadline=90)
    await here.start(assignment(CIVITAI.job))
    await here.close()
    sent = stand_in.started[0].template
    assert sent["externalId"] == f"palio-{ATTEMPT}"
    assert sent["tags"] == ["palio", f"palio-{ATTEMPT}"]
    # What is answered with an earlier workflow has the same steps and arguments.
    assert sent["arguments"] == {"attempt": ATTEMPT}
    assert sent["steps"][0]["timeout"] == "00:01:30"


async def test_a_run_whose_answer_was_lost_is_found(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    # Given a submission that was taken, and whose answer was lost
    stand_in.order("submit", Drops)
    here = provider(stand_in, "civitai", monkeypatch)
    given = assignment(CIVITAI.job)
    with pytest.raises(Ambiguous):
        await here.start(given)

    # When it is looked for
    handle = await here.find(ATTEMPT)

    # Then it is followed to its image, and was begun once
    assert handle is not None
    _, made = await follow(here, handle, given)
    await here.close()
    assert made.data
    assert len(stand_in.started) == 1


async def test_a_submission_that_never_arrived_cannot_arrive_later(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    # Given a submission that is still on its way when the run is looked for
    here = provider(stand_in, "civitai", monkeypatch)
    assert await here.find(ATTEMPT) is None

    # When it arrives after all
    await here.start(assignment(CIVITAI.job))

    # Then nothing is begun or paid by it, and the run still cannot be found
    assert stand_in.started == []
    assert await here.find(ATTEMPT) is None
    await here.close()


async def test_a_run_that_is_not_listed_yet_is_found_by_its_name(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    here = provider(stand_in, "civitai", monkeypatch)
    handle = await here.start(assignment(CIVITAI.job))
    stand_in.order("list", Says(200, {"items": []}))
    found = await here.find(ATTEMPT)
    await here.close()
    assert found is not None
    assert json.loads(found)["id"] == json.loads(handle)["id"]


async def test_a_list_of_other_workflows_holds_no_run(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    # Given somebody between who forgets what was asked for
    other = {"id": "5418-1", "tags": ["palio", "palio-another"]}
    stand_in.order("list", Says(200, {"items": [other]}))
    here = provider(stand_in, "civitai", monkeypatch)
    assert await here.find(ATTEMPT) is None
    await here.close()


@pytest.mark.parametrize("phase", ["list", "whatif"])
@pytest.mark.parametrize("says", [Page(), problem(429, "slow down"), problem(401, "who?"), Says(200, {})], ids=str)
async def test_who_cannot_say_whether_there_is_a_run_has_not_said_that_there_is_none(
    stand_in: Civitai, phase: str, says: Says, monkeypatch: pytest.MonkeyPatch
):
    stand_in.order(phase, says)
    here = provider(stand_in, "civitai", monkeypatch)
    with pytest.raises(Ambiguous):
        await here.find(ATTEMPT)
    await here.close()


async def test_an_address_that_has_expired_is_had_anew(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    # Given a picture whose address is no longer good when it is downloaded
    stand_in.order("download", problem(403, "The signature has expired."))
    here = provider(stand_in, "civitai", monkeypatch)

    # When the run is followed, then the picture comes from a new one
    made = await run(here, CIVITAI.job)
    await here.close()
    assert made.data
    assert len(stand_in.called("renew")) == 1


async def test_an_address_that_cannot_be_had_anew_is_tried_again(stand_in: Civitai, monkeypatch: pytest.MonkeyPatch):
    stand_in.order("download", Page())
    stand_in.order("renew", Page())
    here = provider(stand_in, "civitai", monkeypatch)
    made = await run(here, CIVITAI.job)
    await here.close()
    assert made.data


async def test_the_pictures_of_control_nets_are_sent_and_their_airs_named(
    stand_in: Civitai, monkeypatch: pytest.MonkeyPatch
):
    # Given a job with ControlNets, one by a picture of the owner's and one by an AIR
    sketch = {"preprocessor": "canny", "weight": 1, "startStep": 0, "endStep": 1, "image": "aGVsbG8="}
    known = {**sketch, "image": AIR}
    asked = job(engine="comfy", ecosystem="sdxl", operation="createImage", model=AIR, controlNets=[sketch, known])

    # When it is run
    here = provider(stand_in, "civitai", monkeypatch)
    await run(here, asked)
    await here.close()

    # Then the vendor has the picture itself
    first, second = stand_in.started[0].template["steps"][0]["input"]["controlNets"]
    assert first["image"].startswith("data:image/png;base64,")
    assert second["image"] == AIR


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 4096}, "sdcpp/sdxl makes sides of 64 to 2048 pixels, not 4096"),
        ({"sampler": "nope"}, "sdcpp/sdxl takes no such sampleMethod: must be one of"),
        ({"clip_skip": 5}, "sdcpp/sdxl cannot be told clip_skip"),
        ({"components": {"clipL": AIR}}, "sdcpp/sdxl cannot be told components"),
        ({"control_nets": (ControlNet("canny", 1, 0, 1),)}, "sdcpp/sdxl cannot be told control_nets"),
        ({"options": {"turbo": True}}, "sdcpp/sdxl takes no such turbo: Extra inputs are not permitted"),
        ({"engine": "other"}, "takes no engine; the job asks for other|has no sdxl"),
        ({"family": "other"}, "has no other urn:air"),
    ],
    ids=str,
)
async def test_what_cannot_be_said_exactly_is_declined(
    stand_in: Civitai, changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
):
    asked = job(engine="sdcpp", ecosystem="sdxl", operation="createImage", model=AIR)
    here = provider(stand_in, "civitai", monkeypatch)
    offer = here.offer(replace(asked, **changes))
    await here.close()
    assert isinstance(offer, Unable)
    assert any(part in offer.reason for part in reason.split("|")), offer.reason
