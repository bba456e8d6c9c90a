"""Images that submissions refer to are looked at before anything is accepted, and remembered for a while."""

import asyncio
import base64
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter, noise, png
from tests.integration.engine.running import engine, image, variant_of

from palio.engine.inputs import MAX_KEPT_BYTES
from palio.errors import BadRequest


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


async def test_an_image_that_is_none_is_refused_at_its_place(tmp_path: Path) -> None:
    bad = data_url(b"not a picture")
    async with engine(tmp_path, Painter()) as palio:
        with pytest.raises(BadRequest) as raised:
            await palio.submit(image(), variant_of(bad))
        assert await palio.store.workflows.unfinished() == []

    assert list(raised.value.errors) == ["steps[1].input.image"]


async def test_the_same_image_may_be_loaded_by_many_jobs_at_once(tmp_path: Path) -> None:
    large, small = data_url(noise(1000)), data_url(png())
    async with engine(tmp_path) as palio:
        inputs = palio.orchestrator.room.inputs
        times = MAX_KEPT_BYTES // len(large) + 5

        loaded = await asyncio.gather(*(inputs.load(large) for _ in range(times)))
        again = [await inputs.load(small), await inputs.load(large)]

    assert len({*loaded, again[1]}) == 1
    assert again[0] == png()
