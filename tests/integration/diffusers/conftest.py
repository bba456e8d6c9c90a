"""A provider that runs tiny pipelines, as an operator would configure it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.diffusers.orders import tables
from tests.integration.diffusers.store import Store
from tests.integration.diffusers.tiny_fixture import tiny
from tests.integration.providers.vendors import fetch

from palio.providers.diffusers.provider import Diffusers
from palio.providers.registry import configured
from palio.settings import Settings

__all__ = ["tiny"]


@pytest.fixture(scope="session")
def store(tiny: Path) -> Store:
    return Store(tiny)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(tiny: Path, store: Store) -> AsyncIterator[Diffusers]:
    """One child for all tests of a module, in which not quite all pipelines find room."""
    # What a step of a tiny pipeline takes is spent by threads on waiting for each other where others use the cores too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        made = configured(Settings(providers={"gpu": tables(tiny)}, sketch=False), fetch, store)["gpu"]
        assert isinstance(made, Diffusers)
        await made.open()
        try:
            yield made
        finally:
            await made.close()
