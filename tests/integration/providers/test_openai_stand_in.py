"""The stand-ins of OpenAI and of servers like it, driven by OpenAI's own Python client."""

from collections.abc import Iterator

import openai
import pytest
from tests.standins.images import error
from tests.standins.openai import OpenAI
from tests.standins.openai_compatible import OpenAICompatible
from tests.standins.server import KEY, Says, png, serving

MODEL = "gpt-image-2"
TURBO = "Tongyi-MAI/Z-Image-Turbo"


@pytest.fixture
def stand_in() -> Iterator[OpenAI]:
    with serving(made := OpenAI()):
        yield made


@pytest.fixture
def client(stand_in: OpenAI) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=stand_in.url, max_retries=0) as made:
        yield made


def test_it_makes_a_picture_and_counts_tokens(client: openai.OpenAI):
    answer = client.images.generate(model=MODEL, prompt="a kite", size="1024x1024", n=1, output_format="png")
    assert answer.data is not None
    assert answer.data[0].b64_json
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.image_tokens == 100


def test_it_edits_the_files_of_a_form(stand_in: OpenAI, client: openai.OpenAI):
    files = [("1.png", png(), "image/png"), ("2.png", png(), "image/png")]
    answer = client.images.edit(model=MODEL, prompt="a kite", image=files)
    assert answer.data is not None
    assert len(stand_in.started[0].input["image"]) == 2


def test_it_refuses_files_of_no_kind(client: openai.OpenAI):
    with pytest.raises(openai.BadRequestError, match="unsupported mimetype"):
        client.images.edit(model=MODEL, prompt="a kite", image=[("1", png(), "application/octet-stream")])


def test_it_refuses_what_it_does_not_take(client: openai.OpenAI):
    with pytest.raises(openai.BadRequestError, match="Unknown parameter"):
        client.images.generate(model=MODEL, prompt="a kite", extra_body={"seed": 7})


def test_its_trouble_is_told_as_the_client_reads_it(stand_in: OpenAI, client: openai.OpenAI):
    stand_in.order("submit", Says(429, error("no money", "insufficient_quota")))
    with pytest.raises(openai.RateLimitError) as trouble:
        client.images.generate(model=MODEL, prompt="a kite")
    assert trouble.value.code == "insufficient_quota"


def test_a_server_of_ones_own_lists_what_it_serves_and_takes_more(own_client: openai.OpenAI):
    assert [model.id for model in own_client.models.list()] == [TURBO]
    more = {"seed": 7, "num_inference_steps": 9, "guidance_scale": 0.0}
    answer = own_client.images.generate(
        model=TURBO, prompt="a kite", size="512x512", response_format="b64_json", extra_body=more
    )
    assert answer.data is not None
    assert answer.data[0].b64_json


@pytest.fixture
def own_client() -> Iterator[openai.OpenAI]:
    with serving(made := OpenAICompatible()), openai.OpenAI(api_key="none", base_url=made.url) as client:
        yield client
