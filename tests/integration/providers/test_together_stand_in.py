"""The stand-in of Together, driven by OpenAI's Python client, which Together says can be used for it.

Its own client cannot be installed beside Palio: version 3.1.1 wants older releases of `rich` and `filelock`.
"""

from collections.abc import Iterator

import openai
import pytest
from tests.standins.server import KEY, serving
from tests.standins.together import Together

MODEL = "black-forest-labs/FLUX.2-pro"


@pytest.fixture
def together() -> Iterator[Together]:
    with serving(stand_in := Together()):
        yield stand_in


@pytest.fixture
def client(together: Together) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=together.url, max_retries=0) as made:
        yield made


def test_it_says_where_the_picture_is(together: Together, client: openai.OpenAI):
    more = {"width": 512, "height": 768, "seed": 7}
    answer = client.images.generate(model=MODEL, prompt="a kite", n=1, response_format="url", extra_body=more)
    assert answer.data is not None
    assert answer.data[0].url is not None
    assert answer.data[0].url.startswith(together.url)
    assert [generation.input["seed"] for generation in together.started] == [7]


def test_it_sends_the_picture_where_that_is_asked_for(client: openai.OpenAI):
    answer = client.images.generate(model=MODEL, prompt="a kite", extra_body={"response_format": "base64"})
    assert answer.data is not None
    assert answer.data[0].b64_json


def test_it_refuses_what_a_model_does_not_take(client: openai.OpenAI):
    with pytest.raises(openai.BadRequestError, match="does not take"):
        client.images.generate(model=MODEL, prompt="a kite", extra_body={"cfg": 3})


def test_it_does_not_know_other_models(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="acme/one", prompt="a kite")


def test_it_wants_a_key(together: Together):
    client = openai.OpenAI(api_key="another", base_url=together.url, max_retries=0)
    with client, pytest.raises(openai.AuthenticationError):
        client.images.generate(model=MODEL, prompt="a kite")
