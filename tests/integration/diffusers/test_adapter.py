"""Real pipelines of diffusers, if tiny ones, through the adapter and its child process."""

import asyncio
import io
import itertools
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from tests.integration.diffusers.orders import (
    KLEIN,
    LORA,
    NOWHERE,
    ONE_FILE,
    ORDERS,
    OTHER_LORA,
    PICKLED,
    PICTURE,
    QWEN,
    SD1,
    SDXL,
    Z_IMAGE,
)
from tests.integration.diffusers.store import BROKEN, FETCHED
from tests.integration.providers.vendors import assignment, follow, job

from palio.providers.base import Incapable, Made, Offer, Progress, RunFailed, Unable
from palio.providers.diffusers.provider import Diffusers

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = {**SD1, "steps": 150, "width": 256, "height": 256}


IDS = (f"attempt{nth}" for nth in itertools.count())


async def made(provider: Diffusers, **input_: Any) -> tuple[list[Progress], bytes]:
    given = assignment(job(**input_), next(IDS))
    seen, picture = await follow(provider, await provider.start(given), given)
    return seen, picture.data


async def to_the_end(events: AsyncIterator[Progress | Made]) -> None:
    async for _ in events:
        pass


@pytest.mark.parametrize("name", ORDERS)
async def test_every_family_makes_a_picture_of_the_size_that_was_asked_for(provider: Diffusers, name: str):
    assert isinstance(provider.offer(job(**ORDERS[name])), Offer)
    seen, data = await made(provider, **ORDERS[name])
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (ORDERS[name]["width"], ORDERS[name]["height"])
    assert len(picture.getcolors(1_000_000) or []) > 100
    assert seen[-1] == Progress(1.0)


async def test_the_same_seed_makes_the_same_bytes_and_another_makes_others(provider: Diffusers):
    _, first = await made(provider, **SD1)
    _, second = await made(provider, **SD1)
    _, other = await made(provider, **{**SD1, "seed": 8})
    assert first == second
    assert first != other


async def test_what_a_job_asks_for_makes_a_difference(provider: Diffusers):
    changes: list[dict[str, Any]] = [
        *({}, {"prompt": "a kite"}, {"negativePrompt": "rust"}, {"cfgScale": 3}, {"clipSkip": 1}, {"clipSkip": 3}),
        *({"sampleMethod": "euler_a"}, {"schedule": "karras"}, {"steps": 5}, {"loras": {LORA: 1}}),
        *({"loras": {LORA: 0.5}}, {"prompt": "a kite " * 40}),
    ]
    pictures = [(await made(provider, **{**SD1, **change}))[1] for change in changes]
    assert len(set(pictures)) == len(changes)
    # And nothing of it is left behind
    assert (await made(provider, **SD1))[1] == pictures[0]


async def test_each_step_is_heard_of_and_loading_comes_before(provider: Diffusers):
    # Given nothing of the pipeline in memory, as the others do not leave room for it
    for name in ("z-image", "flux2-klein"):
        await made(provider, **ORDERS[name])
    assert isinstance(cold := provider.offer(job(**SD1)), Offer)

    seen, _ = await made(provider, **SD1)
    assert seen == [
        Progress(0.0, is_preparing=True),
        Progress(1.0, is_preparing=True),
        *(Progress(nth / 4) for nth in range(1, 5)),
    ]

    # When it runs again, nothing is loaded
    assert isinstance(warm := provider.offer(job(**SD1)), Offer)
    assert warm.preparation == 0 < cold.preparation
    assert [event.rate for event in (await made(provider, **SD1))[0]] == [0.25, 0.5, 0.75, 1.0]


async def test_a_run_stops_at_the_next_step_and_the_next_one_takes_its_place(provider: Diffusers):
    await made(provider, **SD1)
    pid = provider.pid

    # Given one under way, and one behind it
    long, short = assignment(job(**LONG), "long"), assignment(job(**LONG), "behind")
    async with aclosing(provider.watch("long", long)) as first, aclosing(provider.watch("behind", short)) as second:  # type: ignore[type-var]
        assert not isinstance(event := await anext(first), Made)
        assert event.rate < 0.5
        assert await anext(second) == Progress(0.0, ahead=1)

    # When both are called off, it is confirmed
    await provider.cancel("behind")
    await provider.cancel("long")

    # Then the same process is free again
    await made(provider, **SD1)
    assert provider.pid == pid
    await provider.cancel("long")


@pytest.mark.parametrize(
    ("input_", "reason"),
    [
        ({**SD1, "model": NOWHERE}, "there is no file for urn:air:sd1:checkpoint:civitai:1@424242"),
        ({**SD1, "loras": {"urn:air:sd1:lora:civitai:2@434343": 1}}, "[providers.gpu.files] can name one"),
        (
            {**SD1, "sampleMethod": "euler_a", "schedule": "karras"},
            "no sampler euler_ancestral with the scheduler karras",
        ),
        ({**SD1, "sampleMethod": "er_sde"}, "has no sampler er_sde"),
        ({**Z_IMAGE, "sampleMethod": "heun"}, "has no sampler heun"),
        ({**SD1, "embeddings": ["urn:air:sd1:embedding:civitai:1@2"]}, "takes no embeddings"),
        ({**SD1, "width": 100}, "multiples of 8"),
        ({**SD1, "prompt": "a (tin:1.3) robot"}, "gives words no weight, which '(' in a prompt does"),
        ({**SD1, "negativePrompt": "[rust]"}, "gives words no weight, which '[' in a prompt does"),
        ({**SDXL, "model": ONE_FILE}, "has no `config` in its files"),
        ({**SD1, "vaeModel": "urn:air:sd1:vae:civitai:1@2"}, "takes no other vae than its own"),
        ({**SD1, "operation": "createVariant", "image": PICTURE, "strength": 0.2}, "that leaves none"),
        (
            {**KLEIN, "modelVersion": "9b"},
            "there is no file for urn:air:flux2:checkpoint:huggingface:black-forest-labs",
        ),
        ({**QWEN, "operation": "editImage", "images": [PICTURE]}, "Qwen-Image-Edit-2511"),
    ],
)
async def test_what_a_pipeline_cannot_do_is_declined(provider: Diffusers, input_: dict[str, Any], reason: str):
    offer = provider.offer(job(**input_))
    assert isinstance(offer, Unable)
    assert reason in offer.reason


async def test_a_lora_whose_file_was_written_anew_is_loaded_anew(provider: Diffusers, tiny: Path):
    file = tiny / "sd1-lora.safetensors"
    before, first = file.read_bytes(), (await made(provider, **SD1, loras={LORA: 1}))[1]
    try:
        save_file({name: 2 * layer for name, layer in load_file(file).items()}, file)
        assert (await made(provider, **SD1, loras={LORA: 1}))[1] != first
    finally:
        file.write_bytes(before)
    assert (await made(provider, **SD1, loras={LORA: 1}))[1] == first


async def test_brackets_that_are_letters_are_read_as_such(provider: Diffusers):
    # Given that ComfyUI has no square brackets, and a family has no weights
    in_comfy = {**SD1, "engine": "comfy", "sampler": "euler", "scheduler": "normal", "prompt": "a [tin] robot"}
    for input_ in (in_comfy, {**Z_IMAGE, "prompt": "a (tin:1.3) robot"}):
        assert isinstance(provider.offer(job(**input_)), Offer)

    _, escaped = await made(provider, **{**in_comfy, "prompt": r"a \[tin\] robot"})
    assert escaped == (await made(provider, **in_comfy))[1]


@pytest.mark.parametrize(
    ("input_", "reason"),
    [
        ({**SD1, "loras": {OTHER_LORA: 1}}, "has nothing for this kind of model"),
        ({**SD1, "model": PICKLED}, "is not there"),
        ({**Z_IMAGE, "prompt": "a " * 400}, "longer than the 480"),
    ],
)
async def test_what_shows_only_in_the_child_is_for_another_provider(
    provider: Diffusers, input_: dict[str, Any], reason: str
):
    with pytest.raises(Incapable, match=reason):
        await made(provider, **input_)


async def test_files_that_may_hold_programs_are_left_alone(provider: Diffusers, tiny: Path):
    (tiny / "sd1.ckpt").write_bytes(b"\x80")
    try:
        with pytest.raises(Incapable, match="`pickles = true` allows such files"):
            await made(provider, **{**SD1, "model": PICKLED})
    finally:
        (tiny / "sd1.ckpt").unlink()


async def test_weights_that_are_not_here_are_fetched_while_the_run_is_being_prepared(provider: Diffusers):
    # Given an offer that says that there is something to wait for
    input_ = {**SD1, "model": FETCHED}
    assert isinstance(offer := provider.offer(job(**input_)), Offer)
    assert offer.preparation > 600

    # When it is taken up
    seen, data = await made(provider, **input_)

    # Then it is told how far they have come, and what they make is no other than from the same file elsewhere
    assert seen[:2] == [Progress(0.5, is_preparing=True), Progress(1.0, is_preparing=True)]
    assert data == (await made(provider, **SD1))[1]


async def test_weights_that_cannot_be_fetched_after_all_are_for_another_provider(provider: Diffusers):
    with pytest.raises(Incapable, match="is gone"):
        await made(provider, **{**SD1, "model": BROKEN})


async def test_no_more_is_kept_than_there_is_room_for(provider: Diffusers):
    # Given one that is used again and again while others come and go
    for name in ("flux1", "sdxl", "flux1", "z-image"):
        await made(provider, **ORDERS[name])
    assert (await made(provider, **ORDERS["flux1"]))[0][0] == Progress(0.25)

    # Then what was used longest ago has gone
    assert (await made(provider, **SDXL))[0][0] == Progress(0.0, is_preparing=True)


async def test_a_run_that_takes_more_memory_than_there_is_fails_and_the_process_lives(provider: Diffusers):
    await made(provider, **SD1)
    pid = provider.pid
    assert pid is not None
    used = psutil.Process(pid).memory_info().vms
    resource.prlimit(pid, resource.RLIMIT_AS, (used + 30_000_000, resource.RLIM_INFINITY))
    try:
        with pytest.raises(RunFailed, match="cpu ran out of memory at 1024 x 1024"):
            await made(provider, **{**SD1, "width": 1024, "height": 1024, "steps": 1})
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await made(provider, **SD1)
    assert provider.pid == pid


async def test_a_process_that_says_nothing_for_too_long_is_ended_and_another_takes_its_place(provider: Diffusers):
    await made(provider, **SD1)
    pid = provider.pid
    assert pid is not None
    async with aclosing(provider.watch("silent", assignment(job(**LONG), "silent"))) as events:  # type: ignore[type-var]
        await anext(events)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(RunFailed, match="nothing was heard of it for 15 s"):
            await to_the_end(events)
    await made(provider, **SD1)
    assert provider.pid != pid


async def test_a_process_that_is_killed_fails_its_runs_alone(provider: Diffusers):
    pid = provider.pid
    assert pid is not None
    async with aclosing(provider.watch("killed", assignment(job(**LONG), "killed"))) as events:  # type: ignore[type-var]
        await anext(events)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(RunFailed, match="signal SIGKILL"):
            await to_the_end(events)
    # And nothing is loaded any more
    assert isinstance(offer := provider.offer(job(**SD1)), Offer)
    assert offer.preparation > 0
    # What is asked of it then is no error
    await asyncio.wait_for(provider.cancel("killed"), 5)
