"""What is Together's alone: FLUX.2, whose prompts it rewrites unless told otherwise, there and through Hugging Face."""

import pytest
from tests.integration.providers.vendors import job, provider, run
from tests.standins.huggingface import HuggingFace
from tests.standins.images import ImagesApi
from tests.standins.server import serving
from tests.standins.together import Together


@pytest.mark.parametrize("is_expanded", [False, True])
@pytest.mark.parametrize("model", ["dev", "flex", "pro", "max"])
async def test_a_prompt_is_rewritten_only_if_the_job_says_so(
    monkeypatch: pytest.MonkeyPatch, model: str, is_expanded: bool
):
    sent = await sent_for(Together(), "together", monkeypatch, model=model, enablePromptExpansion=is_expanded)
    assert sent["prompt_upsampling"] is is_expanded


@pytest.mark.parametrize(("kind", "stand_in"), [("together", Together), ("huggingface", HuggingFace)])
async def test_guidance_has_the_name_that_flux_2_has_for_it(
    monkeypatch: pytest.MonkeyPatch, kind: str, stand_in: type[ImagesApi]
):
    sent = await sent_for(stand_in(), kind, monkeypatch, model="dev", guidanceScale=4.0)
    assert sent["guidance"] == 4.0
    assert "guidance_scale" not in sent
    assert sent["prompt_upsampling"] is False


async def sent_for(
    stand_in: ImagesApi, kind: str, monkeypatch: pytest.MonkeyPatch, **asked: object
) -> dict[str, object]:
    """What a vendor was sent for a job of FLUX.2."""
    with serving(stand_in):
        here = provider(stand_in, kind, monkeypatch)
        await run(here, job(engine="flux2", operation="createImage", **asked))
        await here.close()
    [generation] = stand_in.started
    sent: dict[str, object] = generation.input
    return sent
