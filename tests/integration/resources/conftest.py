"""Stores of weights that download from a stand-in of a model site."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest
from tests.standins.model_site import ModelSite, model_site

from palio.blobs.guard import GuardedTransport
from palio.resources.failures import Persistence
from palio.resources.store import WeightStore
from palio.resources.web import Patience
from palio.settings import ResourcesSettings

AIR = "urn:air:sdxl:checkpoint:civitai:10@2000"
QUICK = Patience(persistence=Persistence(tries=3, first_pause=0.01))

Open: TypeAlias = Callable[..., AbstractAsyncContextManager[WeightStore]]


@pytest.fixture
def site() -> Iterator[ModelSite]:
    with model_site() as site:
        yield site


@pytest.fixture
def opened(site: ModelSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a store on the test's folder that may download from the site and its storage."""
    for name in ("CIVITAI_API_KEY", "CIVITAI_TOKEN", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    @asynccontextmanager
    async def open_(
        patience: Patience = QUICK, trusted: list[str] | None = None, **chosen: object
    ) -> AsyncIterator[WeightStore]:
        settings = ResourcesSettings.model_validate({"download": True, "site": site.url, "hub": site.url, **chosen})
        hosts = [host(site.url), host(site.storage.url)] if trusted is None else trusted
        async with WeightStore(settings, tmp_path, GuardedTransport(frozenset(hosts)), patience) as store:
            yield store

    return open_


def host(url: str) -> str:
    return urlsplit(url).netloc


def ignore(rate: float) -> None:
    """Hears nothing."""
