"""Weights that are not here, for pipelines of diffusers in a real `palio serve`: downloaded first, then used."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from tests.acceptance.test_diffusers import OVER, SOON, configuration, seen, submitted
from tests.acceptance.vendors.serving import make
from tests.conftest import Server, running
from tests.integration.diffusers.orders import LORA, SD1
from tests.integration.diffusers.tiny_fixture import tiny
from tests.standins.model_site import ModelFile, ModelSite, model_site
from tests.standins.server import Waits

__all__ = ["tiny"]

COMING_LORA = "urn:air:sd1:lora:civitai:20@3000"
COMING_CHECKPOINT = "urn:air:sd1:checkpoint:civitai:21@3001"
GONE_LORA = "urn:air:sd1:lora:civitai:22@3002"


@pytest.fixture(scope="module")
def site() -> Iterator[ModelSite]:
    with model_site() as site:
        yield site


@pytest.fixture(scope="module")
def server(tiny: Path, site: ModelSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    site.add(20, 3000, ModelFile("tin.safetensors", (tiny / "sd1-lora.safetensors").read_bytes()))
    resources = {"download": True, "site": site.url, "hub": site.url}
    resources["trusted_hosts"] = [urlsplit(site.storage.url).netloc]
    table = ["[resources]", *(f"{name} = {json.dumps(value)}" for name, value in resources.items())]
    config = "\n".join([configuration(tiny), *table])
    with running(tmp_path_factory.mktemp("downloads"), config, OMP_NUM_THREADS="1") as started:
        yield started
