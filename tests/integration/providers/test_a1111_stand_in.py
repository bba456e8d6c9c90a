"""The stand-in of AUTOMATIC1111's web UI, driven by a client that people use with it: what that accepts is the API."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import webuiapi
from PIL import Image
from tests.standins.a1111 import A1111, CHECKPOINTS, LORAS
from tests.standins.server import serving


@pytest.fixture
def a1111() -> Iterator[A1111]:
    with serving(stand_in := A1111()):
        yield stand_in


@pytest.fixture
def client(a1111: A1111) -> Iterator[webuiapi.WebUIApi]:
    yield from connected(a1111)


def connected(a1111: A1111, **options: str) -> Iterator[webuiapi.WebUIApi]:
    made = webuiapi.WebUIApi(host="127.0.0.1", port=urlsplit(a1111.url).port, scheduler="Automatic", **options)
    with made.session:
        yield made


def test_it_makes_a_picture_with_what_the_request_names(a1111: A1111, client: webuiapi.WebUIApi):
    made = client.txt2img(
        prompt="a tin robot <lora:robots-776656:0.7>",
        seed=7,
        width=96,
        height=64,
        override_settings={"sd_model_checkpoint": CHECKPOINTS[1]},
    )
    assert made.image.size == (96, 64)
    assert made.info["all_seeds"] == [7]
    assert made.info["sd_model_name"] == "sd_xl_base_1.0"
    assert a1111.started[0].loras == {"robots-776656": 0.7}


def test_it_varies_a_picture(client: webuiapi.WebUIApi):
    made = client.img2img(images=[Image.new("RGB", (96, 64))], prompt="a kite", width=96, height=64, seed=7)
    assert made.image.size == (96, 64)


def test_it_lists_what_it_has(client: webuiapi.WebUIApi):
    assert len(client.get_sd_models()) == len(CHECKPOINTS)
    assert [lora["name"] for lora in client.get_loras()] == [file.removesuffix(".safetensors") for file in LORAS]
    assert "Euler a" in client.util_get_sampler_names()
    assert "Karras" in [scheduler["label"] for scheduler in client.get_schedulers()]


def test_it_tells_and_stops_whatever_it_makes(a1111: A1111, client: webuiapi.WebUIApi):
    a1111.running = 4
    with a1111.working_for_another() as another:
        assert client.get_progress()["progress"] == 0
        assert client.get_progress()["progress"] == 0.25
        client.interrupt()
        assert another.is_interrupted
    assert client.get_progress()["progress"] == 0


def test_it_wants_the_user_and_password_that_it_was_started_with(a1111: A1111):
    a1111.auth = "me:secret"
    for client in connected(a1111, username="me", password="secret"):
        assert client.txt2img(prompt="a kite", seed=7).image
    for client in connected(a1111):
        with pytest.raises(RuntimeError, match="Incorrect username or password"):
            client.txt2img(prompt="a kite", seed=7)
