"""Images that submissions refer to are looked at before anything is accepted, and remembered for a while."""

import asyncio
import base64
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter, noise, png
from tests.integration.engine.running import engine, image, ref, variant_of

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


async def test_an_image_in_the_arguments_is_refused_where_it_stands(tmp_path: Path) -> None:
    bad = data_url(b"not a picture")
    async with engine(tmp_path, Painter()) as palio:
        with pytest.raises(BadRequest) as raised:
            await palio.submit(variant_of(ref("$arguments", "drafts[1]")), arguments={"drafts": ["", bad]})

    assert list(raised.value.errors) == ["arguments.drafts[1]"]


async def test_a_workflow_that_needs_too_many_images_is_refused_before_any_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("palio.engine.inputs.MAX_IMAGES", 2)
    async with engine(tmp_path, Painter()) as palio:
        with pytest.raises(BadRequest) as raised:
            await palio.submit(*(variant_of(data_url(bytes([number]))) for number in range(3)))

    assert list(raised.value.errors) == ["steps[2].input.image"]


async def test_the_same_image_may_be_loaded_by_many_jobs_at_once(tmp_path: Path) -> None:
    large, small = data_url(noise(1000)), data_url(png())
    async with engine(tmp_path) as palio:
        inputs = palio.orchestrator.room.inputs
        times = MAX_KEPT_BYTES // len(large) + 5

        loaded = await asyncio.gather(*(inputs.load(large) for _ in range(times)))
        again = [await inputs.load(small), await inputs.load(large)]

    assert len({*loaded, again[1]}) == 1
    assert again[0] == png()
