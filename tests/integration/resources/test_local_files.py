"""Weights that the operator has, found without any site."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.resources.conftest import ignore
from tests.standins.model_site import safetensors

from palio.errors import SetupError
from palio.resources import store as stores
from palio.resources.folders import LocalFile, look, scan
from palio.resources.hashes import Hashes
from palio.resources.store import WeightStore
from palio.resources.weights import NotFetched
from palio.settings import ResourcesSettings

AIR = "urn:air:sdxl:checkpoint:civitai:101055@128078"


class NoNetwork(httpx.AsyncBaseTransport):
    """Fails the test when anything is asked of it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was asked for")


@asynccontextmanager
async def opened(data: Path, **chosen: object) -> AsyncIterator[WeightStore]:
    settings = ResourcesSettings.model_validate(chosen)
    async with WeightStore(settings, data / "data", NoNetwork()) as store:
        yield store


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def put(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(safetensors(100, name.encode()))
    return path


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("sdxl_128078.safetensors", True),
        ("sub/folder/sdxl-v128078-fp16.SAFETENSORS", True),
        ("128078/model.gguf", True),
        ("sdxl_1280781.safetensors", False),
        ("sdxl_128078.ckpt", False),
        ("sdxl_128078.zip", False),
        (".hidden/128078.safetensors", False),
    ],
)
async def test_a_file_is_known_by_the_number_of_its_version(tmp_path: Path, models: Path, name: str, is_it: bool):
    path = put(models, name)
    async with opened(tmp_path, folders=[str(models)]) as store:
        await store.scan()
        assert store.path(AIR) == (path if is_it else None)


async def test_pickled_files_are_known_where_they_are_allowed(tmp_path: Path, models: Path):
    path = put(models, "sdxl_128078.ckpt")
    async with opened(tmp_path, folders=[str(models)], allow_pickle=True) as store:
        await store.scan()
        assert store.path(AIR) == path
        assert store.path(f"{AIR}.safetensors") is None
        assert store.path(f"{AIR}.ckpt") == path


async def test_an_air_that_names_a_file_is_not_satisfied_by_the_version(tmp_path: Path, models: Path):
    put(models, "sdxl_128078.safetensors")
    right = put(models, "sdxl_128078_77.safetensors")
    async with opened(tmp_path, folders=[str(models)]) as store:
        await store.scan()
        assert store.path(f"{AIR}+77") == right
        assert store.path(f"{AIR}+78") is None


async def test_a_pipeline_in_parts_counts_as_one(tmp_path: Path, models: Path):
    put(models, "pipe-128078/model_index.json")
    put(models, "pipe-128078/unet/weights.safetensors")
    async with opened(tmp_path, folders=[str(models)]) as store:
        assert await store.scan() == 1
        assert store.path(AIR) == models / "pipe-128078"


async def test_what_the_operator_names_comes_first(tmp_path: Path, models: Path):
    put(models, "sdxl_128078.safetensors")
    named = put(tmp_path, "elsewhere.safetensors")
    async with opened(tmp_path, folders=[str(models)], files={"civitai:101055@128078": str(named)}) as store:
        assert store.path(AIR) == named
        assert await store.fetch(AIR, ignore) == named


@pytest.mark.parametrize(("file", "reason"), [("gone.safetensors", "which is not there"), ("a.ckpt", "which is none")])
async def test_what_the_operator_names_and_cannot_be_used_is_said(tmp_path: Path, file: str, reason: str):
    put(tmp_path, "a.ckpt")
    async with opened(tmp_path, files={AIR: str(tmp_path / file)}) as store:
        assert store.path(AIR) is None
        assert reason in (store.why_not(AIR) or "")
        with pytest.raises(NotFetched, match=reason):
            await store.fetch(AIR, ignore)


def test_a_name_that_is_no_air_is_a_fault_of_the_settings(tmp_path: Path):
    with pytest.raises(SetupError, match="'dream' is no AIR"):
        WeightStore(ResourcesSettings(files={"dream": tmp_path}), tmp_path, NoNetwork())


@pytest.mark.parametrize("variable", ["CIVITAI_TOKEN", "HF_TOKEN"])
async def test_a_token_that_could_not_be_sent_is_a_fault_of_the_settings_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
):
    monkeypatch.delenv("CIVITAI_API_KEY", raising=False)
    monkeypatch.setenv(variable, "a-sec\nret")
    with pytest.raises(SetupError, match=variable) as failure:
        WeightStore(ResourcesSettings(download=True), tmp_path, NoNetwork())
    assert "sec" not in str(failure.value)


async def test_without_downloads_nothing_is_asked_of_the_network(tmp_path: Path, models: Path):
    async with opened(tmp_path, folders=[str(models)]) as store:
        with pytest.raises(NotFetched, match="download is off"):
            await store.fetch(AIR, ignore)
        assert "download is off" in (store.why_not(AIR) or "")


@pytest.mark.parametrize(
    ("air", "reason"),
    [
        ("not an air", "is no AIR"),
        ("../../etc/passwd", "is no AIR"),
        ("openai:dalle@2", "nothing is downloaded from openai"),
        ("civitai:1", "names no version"),
        ("civitai:1@main", "names no version"),
    ],
)
async def test_what_could_not_be_downloaded_is_said_at_once(tmp_path: Path, air: str, reason: str):
    async with opened(tmp_path, download=True) as store:
        assert store.path(air) is None
        assert reason in (store.why_not(air) or "")
        with pytest.raises(NotFetched):
            await store.fetch(air, ignore)


async def test_a_file_that_came_later_is_found_when_it_is_asked_for(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    async with opened(tmp_path, folders=[str(models)]) as store:
        await store.scan()
        path = put(models, "sdxl_128078.safetensors")

        # Given a scan that is fresh, nobody looks again
        assert store.path(AIR) is None
        assert store.why_not(AIR) is not None

        # When it is not, the file may have come, and has
        monkeypatch.setattr(stores, "FRESH_SECONDS", 0.0)
        assert store.why_not(AIR) is None
        assert await store.fetch(AIR, ignore) == path


async def test_of_many_who_miss_something_one_looks(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch):
    looks: list[object] = []

    def look_through(*asked: Any) -> list[LocalFile]:
        looks.append(asked)
        return scan(*asked)

    monkeypatch.setattr(stores, "scan", look_through)
    async with opened(tmp_path, folders=[str(models)]) as store:
        missing = [store.fetch(f"civitai:1@{number}", ignore) for number in range(10_000, 10_010)]
        outcomes = await asyncio.gather(*missing, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {NotFetched}
    assert len(looks) == 1


async def test_a_miss_has_the_folders_looked_through_in_the_background(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    async with opened(tmp_path, folders=[str(models)]) as store:
        await store.scan()
        path = put(models, "sdxl_128078.safetensors")
        monkeypatch.setattr(stores, "FRESH_SECONDS", 0.0)
        async with asyncio.timeout(10):
            while store.path(AIR) is None:  # noqa: ASYNC110 - a scan sets no event that others see
                await asyncio.sleep(0.005)
        assert store.path(AIR) == path


async def test_a_file_that_is_gone_is_not_found(tmp_path: Path, models: Path):
    path = put(models, "sdxl_128078.safetensors")
    async with opened(tmp_path, folders=[str(models)]) as store:
        await store.scan()
        path.unlink()
        assert store.path(AIR) is None


async def test_links_that_lead_in_circles_and_folders_that_are_not_there_do_no_harm(tmp_path: Path, models: Path):
    put(models, "sdxl_128078.safetensors")
    (models / "self").symlink_to(models)
    (models / "nowhere.safetensors").symlink_to(tmp_path / "none")
    async with opened(tmp_path, folders=[str(models), str(tmp_path / "none")]) as store:
        assert await store.scan() == 1


async def test_a_pipe_is_no_file_with_weights(tmp_path: Path, models: Path):
    os.mkfifo(models / "sdxl_128078.safetensors")
    async with opened(tmp_path, folders=[str(models)]) as store:
        assert await store.scan() == 0


async def test_a_file_that_cannot_be_hashed_does_not_keep_others_from_it(tmp_path: Path, models: Path):
    put(models, "a.safetensors")
    path = put(models, "b.safetensors")
    async with opened(tmp_path, folders=[str(models)]) as store:
        await store.scan()
        (models / "a.safetensors").unlink()
        await store.hash_all(ignore)

    file = look(path)
    assert file is not None
    assert list(Hashes(tmp_path / "data" / "resources.sqlite").known([file])) == [path]


async def test_hashing_ends_when_nobody_waits_for_it(tmp_path: Path, models: Path):
    with (models / "endless.safetensors").open("wb") as file:
        file.truncate(2**40)
    began = asyncio.Event()
    async with opened(tmp_path, folders=[str(models)]) as store:
        await store.scan()
        hashing = asyncio.ensure_future(store.hash_all(lambda _: began.set()))
        await began.wait()
        hashing.cancel()

        with pytest.raises(asyncio.CancelledError):
            await hashing


async def test_a_cache_of_hashes_that_cannot_be_read_is_begun_anew(tmp_path: Path, models: Path):
    path = put(models, "sdxl_128078.safetensors")
    data = tmp_path / "data"
    data.mkdir()
    (data / "resources.sqlite").write_bytes(b"no database" * 100)
    async with opened(tmp_path, folders=[str(models)]) as store:
        assert await store.scan() == 1
        await store.hash_all(ignore)
    file = look(path)
    assert file is not None
    assert list(Hashes(data / "resources.sqlite").known([file])) == [path]
