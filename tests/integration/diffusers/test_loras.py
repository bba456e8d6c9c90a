"""LoRAs where there is hardly room for them, and where pickled ones are allowed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.diffusers.orders import LORA, SD1, tables
from tests.integration.diffusers.store import Store
from tests.integration.providers.vendors import assignment, fetch, follow, job

from palio.providers.base import Incapable, Provider
from palio.providers.registry import configured
from palio.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD_LORA = "urn:air:sd1:lora:civitai:180891@776658"
ROOM = 490_000
"""Bytes: for the pipeline, and for half of a LoRA."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def narrow(tiny: Path, store: Store) -> AsyncIterator[Provider]:
    table = {**tables(tiny), "memory": ROOM, "pickles": True}
    table["files"] |= {ODD_LORA: str(tiny / "sd1-odd-lora.pt")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        made = configured(Settings(providers={"gpu": table}, sketch=False), fetch, store)["gpu"]
        try:
            yield made
        finally:
            await made.close()


async def test_a_pickled_lora_of_which_a_layer_does_not_fit_is_declined_too(narrow: Provider):
    given = assignment(job(**SD1, loras={ODD_LORA: 1}), "odd")
    with pytest.raises(Incapable, match="only 32 of 33 layers fit"):
        await follow(narrow, await narrow.start(given), given)


async def test_what_a_pipeline_wears_takes_room_like_the_pipeline(narrow: Provider):
    given = assignment(job(**SD1, loras={LORA: 1}), "worn")
    with pytest.raises(Incapable, match="it takes 501,360 bytes, and `memory` allows 490,000 for all"):
        await follow(narrow, await narrow.start(given), given)
    # And there is room again without it
    given = assignment(job(**SD1), "bare")
    _, picture = await follow(narrow, await narrow.start(given), given)
    assert picture.data
