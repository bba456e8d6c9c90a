"""Weights that are not here, for pipelines of diffusers in a real `palio serve`: downloaded first, then used."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from safetensors.numpy import load_file, save
from tests.acceptance.test_diffusers import OVER, SOON, configuration, seen, submitted
from tests.acceptance.vendors.serving import make
from tests.conftest import Server, running
from tests.integration.diffusers.orders import LORA, SD1
from tests.integration.diffusers.tiny_fixture import tiny
from tests.standins.model_site import ModelFile, ModelSite, model_site
from tests.standins.server import Truncates

__all__ = ["tiny"]

COMING_LORA = "urn:air:sd1:lora:civitai:20@3000"
COMING_CHECKPOINT = "urn:air:sd1:checkpoint:civitai:21@3001"
WRONG_CHECKPOINT = "urn:air:sd1:checkpoint:civitai:21@3003"
PARTIAL_CHECKPOINT = "urn:air:sd1:checkpoint:civitai:21@3004"
GONE_LORA = "urn:air:sd1:lora:civitai:22@3002"


@pytest.fixture(scope="module")
def site() -> Iterator[ModelSite]:
    with model_site() as site:
        yield site


@pytest.fixture(scope="module")
def server(tiny: Path, site: ModelSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    site.add(20, 3000, ModelFile("tin.safetensors", (tiny / "sd1-lora.safetensors").read_bytes()))
    site.add(21, 3001, ModelFile("dream.safetensors", (tiny / "sd1-one-file.safetensors").read_bytes()))
    site.add(21, 3003, ModelFile("wrong.safetensors", (tiny / "flux1-lora.safetensors").read_bytes()))
    layers = {name: layer for name, layer in load_file(tiny / "sd1-one-file.safetensors").items() if "mid" not in name}
    site.add(21, 3004, ModelFile("partial.safetensors", save(layers)))
    resources: dict[str, object] = {"download": True, "site": site.url, "hub": site.url}
    resources["trusted_hosts"] = [urlsplit(site.storage.url).netloc]
    table = ["[resources]", *(f"{name} = {json.dumps(value)}" for name, value in resources.items())]
    config = "\n".join([configuration(tiny), *table])
    with running(tmp_path_factory.mktemp("downloads"), config, OMP_NUM_THREADS="1") as started:
        yield started


def statuses(client: httpx.Client, id_: str) -> list[str]:
    """What the only step of a workflow was seen to be, to its end."""
    seen_so_far: list[str] = []
    until = time.monotonic() + SOON
    while not seen_so_far or seen_so_far[-1] not in OVER:
        assert time.monotonic() < until
        status = str(seen(client, id_)["steps"][0]["status"])
        if status not in seen_so_far[-1:]:
            seen_so_far.append(status)
        time.sleep(0.02)
    return seen_so_far


def picture(server: Server, **input_: object) -> Image.Image:
    made = make(server, {"made": {"seed": 7, **SD1, **input_}})["made"]
    assert isinstance(made, Image.Image), made
    return made


@pytest.mark.parametrize(
    "input_", [{"loras": {COMING_LORA: 0.7}}, {"model": COMING_CHECKPOINT}], ids=["lora", "checkpoint"]
)
def test_what_is_not_here_is_downloaded_first_and_then_used(server: Server, site: ModelSite, input_: dict[str, object]):
    # Given weights of which half come at first
    site.storage.order("bytes", Truncates)
    downloads = len(site.storage.calls)

    # When a job asks for them, it is being prepared until they are here
    with server.client() as client:
        given = {"seed": 7, "prompt": "a tin robot", **SD1, **input_}
        id_ = submitted(client, {"$type": "imageGen", "input": given})
        told = statuses(client, id_)
        assert told[-1] == "succeeded", json.dumps(seen(client, id_))
    assert "preparing" in told
    assert len(site.storage.calls) == downloads + 2

    # Then they make what the same weights make that the operator has named, and are not downloaded again
    named = {"loras": {LORA: 0.7}} if "loras" in input_ else {}
    assert picture(server, **input_).tobytes() == picture(server, **named).tobytes()
    assert len(site.storage.calls) == downloads + 2


def test_weights_that_the_site_does_not_have_are_in_the_error_of_the_job(server: Server):
    said = make(server, {"gone": {**SD1, "loras": {GONE_LORA: 1}}})["gone"]
    assert "does not have it (404)" in str(said)


@pytest.mark.parametrize("checkpoint", [WRONG_CHECKPOINT, PARTIAL_CHECKPOINT])
def test_a_file_that_is_no_such_model_is_for_another_provider(server: Server, checkpoint: str):
    said = str(make(server, {"wrong": {**SD1, "model": checkpoint}})["wrong"])
    assert "no_provider_available: gpu: sd1: civitai-21@" in said
    assert "cannot be loaded" in said
    # Where the file lies is nobody's business.
    assert str(server.data) not in said
