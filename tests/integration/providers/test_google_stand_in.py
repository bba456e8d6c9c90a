"""The stand-in of Google, driven by Google's own Python client: what that accepts is what Google says."""

from collections.abc import Iterator

import pytest
from google import genai
from google.genai import errors, types
from tests.standins.google import Google, blocked, candidate, error
from tests.standins.server import KEY, png, serving

MODEL = "gemini-3.1-flash-image"
CONFIG = types.GenerateContentConfig(
    response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="1K")
)


@pytest.fixture
def google() -> Iterator[Google]:
    with serving(stand_in := Google()):
        yield stand_in


def client_of(google: Google, key: str = KEY) -> genai.Client:
    options = types.HttpOptions(base_url=google.url, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture
def client(google: Google) -> Iterator[genai.Client]:
    with client_of(google) as made:
        yield made


def test_it_answers_with_the_picture(google: Google, client: genai.Client):
    made = client.models.generate_content(model=MODEL, contents="a kite", config=CONFIG)
    assert made.candidates is not None
    assert made.candidates[0].finish_reason is types.FinishReason.STOP
    thought, _, picture = made.parts or []
    assert thought.thought
    assert picture.inline_data is not None
    assert picture.inline_data.data == png(1376, 768)
    assert len(google.started) == 1


def test_it_lists_its_models(client: genai.Client):
    assert f"models/{MODEL}" in [model.name for model in client.models.list()]


def test_it_is_shown_pictures(google: Google, client: genai.Client):
    shown = types.Part.from_bytes(data=png(), mime_type="image/png")
    assert client.models.generate_content(model=MODEL, contents=["a kite", shown], config=CONFIG).parts
    with pytest.raises(errors.ClientError, match="INVALID_ARGUMENT"):
        client.models.generate_content(model="gemini-3.1-flash-lite-image", contents=["a kite", shown])


def test_what_moderation_stopped_is_told_as_the_client_reads_it(google: Google, client: genai.Client):
    google.order("submit", blocked("PROHIBITED_CONTENT"), candidate("IMAGE_SAFETY"))
    first = client.models.generate_content(model=MODEL, contents="a kite", config=CONFIG)
    assert first.prompt_feedback is not None
    assert first.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT
    second = client.models.generate_content(model=MODEL, contents="a kite", config=CONFIG)
    assert second.candidates is not None
    assert second.candidates[0].finish_reason is types.FinishReason.IMAGE_SAFETY


@pytest.mark.parametrize(("status", "code"), [(429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE"), (500, "INTERNAL")])
def test_its_trouble_is_told_as_the_client_reads_it(google: Google, client: genai.Client, status: int, code: str):
    google.order("submit", error(status, code, "x"))
    with pytest.raises(errors.APIError) as told:
        client.models.generate_content(model=MODEL, contents="a kite", config=CONFIG)
    assert (told.value.code, told.value.status) == (status, code)


def test_it_wants_a_key_and_a_model_that_it_has(google: Google, client: genai.Client):
    with client_of(google, "another") as stranger, pytest.raises(errors.ClientError, match="API_KEY_INVALID"):
        stranger.models.generate_content(model=MODEL, contents="a kite", config=CONFIG)
    with pytest.raises(errors.ClientError, match="NOT_FOUND"):
        client.models.generate_content(model="another", contents="a kite", config=CONFIG)
