"""The stand-in of Hugging Face's router, driven by Hugging Face's own Python client."""

from collections.abc import Iterator

import pytest
from huggingface_hub import InferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers._common import HARDCODED_MODEL_INFERENCE_MAPPING
from tests.standins.huggingface import HuggingFace
from tests.standins.server import KEY, serving

OURS = "stabilityai/stable-diffusion-xl-base-1.0"
AT_OTHERS = {
    "fal-ai": ("Tongyi-MAI/Z-Image-Turbo", "fal-ai/z-image/turbo"),
    "together": ("black-forest-labs/FLUX.2-dev", "black-forest-labs/FLUX.2-dev"),
}
"""A model of each other vendor, and its id there."""


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[HuggingFace]:
    with serving(stand_in := HuggingFace()):
        monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", f"{stand_in.url}/{{provider}}")
        # Which is asked of another host, that is not here.
        for vendor, (model, id_) in AT_OTHERS.items():
            mapping = InferenceProviderMapping(
                provider=vendor, hf_model_id=model, providerId=id_, status="live", task="text-to-image"
            )
            monkeypatch.setitem(HARDCODED_MODEL_INFERENCE_MAPPING[vendor], model, mapping)
        yield stand_in


def test_its_own_inference_answers_with_a_picture(router: HuggingFace):
    client = InferenceClient(provider="hf-inference", api_key=f"hf_{KEY}")
    address = f"{router.url}/hf-inference/models/{OURS}"
    image = client.text_to_image("a kite", model=address, width=512, height=768, seed=7, num_inference_steps=20)
    assert image.size == (512, 768)
    assert [generation.model for generation in router.started] == [f"hf-inference/{OURS}"]


@pytest.mark.parametrize("vendor", AT_OTHERS)
def test_the_vendors_behind_it_are_asked_in_their_own_ways(router: HuggingFace, vendor: str):
    client = InferenceClient(provider=vendor, api_key=f"hf_{KEY}")
    image = client.text_to_image(
        "a kite", model=AT_OTHERS[vendor][0], width=512, height=768, seed=7, num_inference_steps=8
    )
    assert image.size == (512, 768)


def test_it_wants_a_key(router: HuggingFace):
    client = InferenceClient(provider="fal-ai", api_key="hf_another")
    with pytest.raises(HfHubHTTPError, match="401"):
        client.text_to_image("a kite", model=AT_OTHERS["fal-ai"][0])
