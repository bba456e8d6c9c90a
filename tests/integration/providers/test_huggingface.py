"""What is Hugging Face's alone: vendors behind one router, pictures as bytes, and a model that is not loaded yet."""

from collections.abc import Iterator

import pytest
from tests.integration.providers.huggingface import HUGGINGFACE, LOADING
from tests.integration.providers.vendors import assignment, job, provider, run
from tests.standins.huggingface import HuggingFace
from tests.standins.server import Says, serving

from palio.providers.base import NotAccepted, RateLimited

SDXL = "urn:air:sdxl:checkpoint:civitai:101055@128078"
OWN = {"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL}


@pytest.fixture
def huggingface() -> Iterator[HuggingFace]:
    with serving(stand_in := HuggingFace()):
        yield stand_in


async def test_bytes_are_a_picture(huggingface: HuggingFace, monkeypatch: pytest.MonkeyPatch):
    here = provider(huggingface, "huggingface", monkeypatch)
    made = await run(here, job(**OWN, negativePrompt="rust"))
    await here.close()
    assert made.data.startswith(b"\x89PNG")
    [generation] = huggingface.started
    assert generation.input["inputs"] == "a tin robot"
    assert generation.input["parameters"]["negative_prompt"] == "rust"


@pytest.mark.parametrize(
    ("members", "path"),
    [
        (OWN, "/hf-inference/models/stabilityai/stable-diffusion-xl-base-1.0"),
        ({"engine": "z-image"}, "/fal-ai/fal-ai/z-image/turbo"),
        ({"engine": "flux2", "model": "dev"}, "/together/v1/images/generations"),
    ],
)
async def test_a_job_goes_to_the_vendor_of_its_model(
    huggingface: HuggingFace, monkeypatch: pytest.MonkeyPatch, members: dict[str, str], path: str
):
    here = provider(huggingface, "huggingface", monkeypatch)
    await run(here, job(**members))
    await here.close()
    assert [call.path for call in huggingface.called("submit")] == [path]


async def test_a_model_that_is_loading_does_not_hold_up_the_account(
    huggingface: HuggingFace, monkeypatch: pytest.MonkeyPatch
):
    huggingface.order("submit", Says(503, LOADING))
    here = provider(huggingface, "huggingface", monkeypatch)
    with pytest.raises(NotAccepted) as loading:
        await here.start(assignment(HUGGINGFACE.job))
    await here.close()
    assert not isinstance(loading.value, RateLimited)
    assert not huggingface.started


def test_the_key_may_go_to_hugging_face_alone(huggingface: HuggingFace, monkeypatch: pytest.MonkeyPatch):
    here = provider(huggingface, "huggingface", monkeypatch)
    assert here.may_be_asked("https://huggingface.co/api/whoami-v2")
    assert not here.may_be_asked("https://huggingface.co.example.org/api/whoami-v2")
