"""Downloads from a model site, over real HTTP."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from tests.integration.resources.conftest import AIR, QUICK, Open, host, ignore
from tests.standins.model_site import LOGIN, TOKEN, ModelFile, ModelSite, safetensors
from tests.standins.server import Drips, Drops, Hangs, Page, Says, Truncates

from palio.resources.failures import Persistence, Unavailable
from palio.resources.part import Part
from palio.resources.shelf import Shelf, part_of
from palio.resources.store import WeightStore
from palio.resources.web import Patience
from palio.resources.weights import NotFetched

MIB = 1024 * 1024
WEIGHTS = safetensors(3 * MIB)
ENDLESS = b'{"weight": {"data_offsets": [0, Infinity]}}'


async def refused(store: WeightStore, air: str = AIR) -> str:
    """Why an AIR cannot be had, which is then known without asking again."""
    with pytest.raises(NotFetched) as failure:
        await store.fetch(air, ignore)
    assert store.why_not(air) == str(failure.value)
    return str(failure.value)


def downloads(data: Path, ending: str = ".safetensors") -> list[Path]:
    return sorted(path for path in (data / "downloads").glob("*") if path.name.endswith(ending))


async def test_weights_come_whole_and_are_known_from_then_on(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    rates: list[float] = []
    async with opened() as store:
        # Given that they are not here, but could be had
        assert (store.path(AIR), store.why_not(AIR)) == (None, None)

        path = await store.fetch(AIR, rates.append)

        assert path.read_bytes() == WEIGHTS
        assert store.path(AIR) == path
        assert store.path("civitai:10@2000") == path
        assert rates == sorted(rates)
        assert rates[-1] == 1.0
        assert downloads(tmp_path, ".part") == []

    async with opened(download=False) as later:
        assert later.path(AIR) == path
        [holding] = await later.holdings()
        assert (holding.air, holding.size, holding.found) == ("urn:air:civitai:10@2000", len(WEIGHTS), "download")


async def test_a_token_goes_to_the_site_and_not_to_where_it_redirects(
    site: ModelSite, opened: Open, monkeypatch: pytest.MonkeyPatch
):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, needs_token=True))
    monkeypatch.setenv("CIVITAI_TOKEN", TOKEN)
    async with opened() as store:
        await store.fetch(AIR, ignore)

    assert {call.headers["authorization"] for _, call in site.calls} == {f"Bearer {TOKEN}"}
    assert all("authorization" not in call.headers for call in site.storage.called("bytes"))


async def test_a_token_does_not_go_to_a_download_url_of_another_site(
    site: ModelSite, opened: Open, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CIVITAI_API_KEY", TOKEN)
    elsewhere = f"{site.storage.url}/2000/dream.safetensors"
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, says={"downloadUrl": elsewhere}))
    async with opened() as store:
        await store.fetch(AIR, ignore)

    assert all("authorization" not in call.headers for call in site.storage.called("bytes"))


async def test_without_a_token_that_is_needed_the_reason_is_said_and_remembered(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, needs_token=True))
    async with opened() as store:
        assert "wants a token (401)" in await refused(store)
        assert "wants a token (401)" in await refused(store)

    assert len(site.called("describe")) == 1


async def test_redirects_to_private_addresses_are_not_followed(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    async with opened(trusted=[host(site.url)]) as store:
        assert "is not on the public internet" in await refused(store)

    assert site.storage.calls == []


async def test_redirects_are_bounded(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    round_ = Says(302, b"", {"Location": "/api/download/models/2000/7"})
    site.order("download", *[round_] * 20)
    async with opened() as store:
        assert "redirects more than 5 times" in await refused(store)

    assert len(site.called("download")) == 6


@pytest.mark.parametrize("has_etags", [True, False])
async def test_what_broke_off_is_gone_on_with(site: ModelSite, opened: Open, has_etags: bool):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.has_etags = has_etags
    site.storage.order("bytes", Truncates, Truncates)
    async with opened() as store:
        path = await store.fetch(AIR, ignore)

    assert path.read_bytes() == WEIGHTS
    starts = [call.headers.get("range") for call in site.storage.called("bytes")]
    half = len(WEIGHTS) // 2
    assert starts == [None, f"bytes={half}-", f"bytes={half + (len(WEIGHTS) - half) // 2}-"]
    assert ("if-range" in site.storage.called("bytes")[1].headers) is has_etags


async def test_a_server_without_ranges_sends_all_again(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.has_ranges = False
    site.storage.order("bytes", Truncates)
    async with opened() as store:
        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    "answer",
    [
        Says(416, b"", {"Content-Range": "bytes */5"}),
        Says(206, b"x" * 10, {"Content-Range": "bytes 0-9/10"}),
        Says(206, b"x" * 10),
    ],
)
async def test_a_rest_that_is_not_the_rest_is_not_taken(site: ModelSite, opened: Open, answer: Says):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.order("bytes", Truncates, answer)
    async with opened() as store:
        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS

    assert ["range" in call.headers for call in site.storage.called("bytes")] == [False, True, False]


async def test_a_part_of_another_file_is_not_gone_on_with(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.order("bytes", *[Truncates] * 9)
    async with opened() as store:
        assert "broke off" in await refused(store)
    [part] = downloads(tmp_path, ".part")
    assert part.stat().st_size > 0

    # When the site has another file by now
    other = safetensors(2 * MIB, b"other")
    site.storage.faults.clear()
    site.add(10, 2000, ModelFile("dream.safetensors", other))
    async with opened() as store:
        assert (await store.fetch(AIR, ignore)).read_bytes() == other


async def test_a_part_that_was_damaged_is_noticed_and_begun_anew(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.order("bytes", *[Truncates] * 9)
    async with opened() as store:
        await refused(store)
    [part] = downloads(tmp_path, ".part")
    part.write_bytes(bytes(part.stat().st_size))
    site.storage.faults.clear()

    async with opened() as store:
        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS


async def test_a_note_that_cannot_be_read_says_nothing(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    async with opened() as store:
        place = store._shelf.place("civitai:10@2000", ".safetensors")
        place.parent.mkdir()
        place.with_name(f"{place.name}.json").write_bytes(b'{"air": "\xff"}')

        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS


async def test_a_part_that_is_whole_is_only_checked(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.order("bytes", *[Truncates] * 9)
    async with opened() as store:
        await refused(store)
    [part] = downloads(tmp_path, ".part")
    part.write_bytes(WEIGHTS)
    asked = len(site.storage.calls)

    async with opened() as store:
        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS
    assert len(site.storage.calls) == asked


async def test_a_file_with_another_hash_is_not_kept(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, says={"hashes": {"SHA256": "AB" * 32}}))
    async with opened() as store:
        assert "hash" in await refused(store)

    assert downloads(tmp_path) == downloads(tmp_path, ".part") == []


@pytest.mark.parametrize("content", [b"x" * 1000, len(ENDLESS).to_bytes(8, "little") + ENDLESS])
async def test_without_a_hash_the_format_is_checked(site: ModelSite, opened: Open, content: bytes):
    site.add(10, 2000, ModelFile("dream.safetensors", content, says={"hashes": {}}))
    async with opened() as store:
        assert "what came is no file of format .safetensors" in await refused(store)


async def test_a_login_page_is_not_taken_for_weights(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, says={"hashes": {}}))
    site.order("download", Page(200, LOGIN))
    async with opened() as store:
        assert "it probably wants a login" in await refused(store)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Says(404, {"error": "no"}), "does not have it (404)"),
        (Says(403, {"error": "no"}), "wants a token (403)"),
        (Says(451, {"error": "no"}), "answered 451"),
        (Page(200, LOGIN), "something that is not JSON"),
        (Says(200, b'{"id": 1, "files": [{"name": "\xff"}]}'), "something that is not JSON"),
        (Says(200, b'{"x": ' + b"[" * 10_000), "something that is not JSON"),
        (Says(200, {"id": "x"}), "what cannot be understood"),
        (Says(200, b"[" + b"0," * 5 * MIB), "says more than"),
    ],
)
async def test_what_a_site_says_that_does_not_help_is_passed_on_and_not_asked_again(
    site: ModelSite, opened: Open, fault: Says, reason: str
):
    site.order("describe", fault)
    async with opened() as store:
        assert reason in await refused(store)

    assert len(site.called("describe")) == 1


@pytest.mark.parametrize("fault", [Drops, Says(500, {}), Says(503, {}), Page(502), Says(429, {}, {"Retry-After": "0"})])
async def test_what_passes_is_tried_again(site: ModelSite, opened: Open, fault: Says):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.order("describe", fault)
    site.order("download", fault)
    site.storage.order("bytes", fault)
    async with opened() as store:
        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS


async def test_a_site_that_says_when_to_come_again_is_left_alone_till_then(site: ModelSite, opened: Open):
    site.order("describe", Says(429, {}, {"Retry-After": "900"}))
    async with opened() as store:
        assert "takes no more requests for now" in await refused(store)

    assert len(site.called("describe")) == 1


async def test_a_site_that_hangs_or_is_too_slow_is_given_up(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    once = Persistence(tries=1, first_pause=0.01)
    site.storage.order("bytes", Drips(0.01))
    async with opened(Patience(slow_seconds=0.2, persistence=once)) as store:
        assert "is too slow" in await refused(store)
    site.storage.order("bytes", Hangs)
    async with opened(Patience(read_seconds=0.2, persistence=once)) as store:
        assert "cannot be reached" in await refused(store)
    site.order("describe", Drips(0.05))
    async with opened(Patience(document_seconds=0.2, persistence=once)) as store:
        assert "did not answer in time" in await refused(store)


async def test_all_who_wait_share_one_download(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    async with opened() as store, asyncio.TaskGroup() as group:
        tasks = [group.create_task(store.fetch(air, ignore)) for air in (AIR, AIR, "civitai:10@2000")]

    assert len({task.result() for task in tasks}) == 1
    assert len(site.storage.calls) == 1


async def test_the_last_who_waits_takes_the_download_along_and_the_part_stays(
    site: ModelSite, opened: Open, tmp_path: Path
):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.order("bytes", Truncates, Hangs)
    slow = Patience(persistence=Persistence(first_pause=60, longest_pause=60))
    half = asyncio.Event()

    def tell(rate: float) -> None:
        if rate > 0.3:
            half.set()

    async with opened(slow) as store:
        # Given two who wait for one download that has come some way
        first, second = (asyncio.ensure_future(store.fetch(AIR, tell)) for _ in range(2))
        await asyncio.wait_for(half.wait(), 10)

        # When one of them goes, it goes on
        first.cancel()
        await asyncio.wait([first])
        assert not second.done()

        # When the other goes too, it stops
        second.cancel()
        await asyncio.wait([second])

        # And who comes then goes on from there
        site.storage.faults.clear()
        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS
    calls = site.storage.called("bytes")
    assert ["range" in calls[0].headers, "range" in calls[-1].headers] == [False, True]


async def test_those_who_wait_when_the_server_stops_are_told(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.order("bytes", Hangs)
    started = asyncio.Event()
    async with opened() as store:
        waiting = asyncio.ensure_future(store.fetch(AIR, lambda _: started.set()))
        await started.wait()
    with pytest.raises(NotFetched, match="the server stops"):
        await waiting


async def test_a_file_larger_than_one_may_be_is_not_begun(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    async with opened(max_file_bytes=MIB) as store:
        assert "max_file_bytes" in await refused(store)

    assert site.called("download") == []


async def test_a_file_larger_than_its_site_said_is_not_taken(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, says={"sizeKB": 100}))
    async with opened() as store:
        assert "is larger than the 102400 bytes that its site says" in await refused(store)


async def test_the_longest_unused_makes_room_and_what_is_in_use_does_not(site: ModelSite, opened: Open, tmp_path: Path):
    airs = [f"civitai:{number}@{number}000" for number in range(1, 5)]
    for number in range(1, 5):
        site.add(number, number * 1000, ModelFile("m.safetensors", safetensors(MIB, bytes([number])), id=number))
    async with opened(max_bytes=3 * MIB + 1000) as store:
        paths = [await store.fetch(air, ignore) for air in airs[:3]]
        # Given that all are in use, there is no room for another
        assert "in use" in await refused(store, airs[3])

    # When two were not used for long, the older one makes room
    async with opened(max_bytes=3 * MIB + 1000) as store:
        os.utime(paths[0], (1000, 1000))
        os.utime(paths[1], (500, 500))
        await store.fetch(airs[3], ignore)

        assert [path.exists() for path in paths] == [True, False, True]
        assert store.path(airs[1]) is None
        assert not paths[1].with_name(paths[1].name + ".json").exists()


async def test_a_download_that_the_operator_lists_does_not_make_room(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(1, 1000, ModelFile("m.safetensors", safetensors(MIB, b"1")))
    site.add(2, 2000, ModelFile("m.safetensors", safetensors(MIB, b"2")))
    async with opened(max_bytes=MIB + 1000) as store:
        path = await store.fetch("civitai:1@1000", ignore)
    os.utime(path, (500, 500))
    async with opened(max_bytes=MIB + 1000, files={"civitai:9@9": str(path)}) as store:
        assert "there is no room" in await refused(store, "civitai:2@2000")
    assert path.exists()


@pytest.mark.parametrize("megabytes", [2, 4])
async def test_nothing_is_given_up_for_what_would_find_no_room_all_the_same(
    site: ModelSite, opened: Open, megabytes: int
):
    site.add(1, 10001, ModelFile("m.safetensors", safetensors(MIB, b"1")))
    site.add(2, 10002, ModelFile("m.safetensors", safetensors(MIB, b"2")))
    site.add(3, 10003, ModelFile("m.safetensors", safetensors(megabytes * MIB, b"3")))
    async with opened(max_bytes=2 * MIB + 1000) as store:
        # Given a download that is in use, and one that is not
        await store.fetch("civitai:1@10001", ignore)
        unused = await store.fetch("civitai:2@10002", ignore)
        os.utime(unused, (500, 500))

        assert "there is no room" in await refused(store, "civitai:3@10003")

        assert unused.exists()


async def test_a_full_disk_is_said_and_leaves_nothing_behind(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    async with opened() as store:
        # Given a disk on which nothing can be written any more
        place = store._shelf.place("civitai:10@2000", ".safetensors")
        place.parent.mkdir()
        part_of(place).symlink_to("/dev/full")

        assert "the disk is full" in await refused(store)

    assert not part_of(place).is_symlink()


async def test_a_disk_with_too_little_left_is_not_filled(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, says={"sizeKB": 2**39}))
    async with opened(max_bytes=2**50, max_file_bytes=2**50) as store:
        assert "the disk is full" in await refused(store)
    assert site.called("download") == []


def test_what_others_have_still_to_bring_is_not_given_away(tmp_path: Path):
    shelf = Shelf(tmp_path, 2**60, lambda path: False)
    place, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    half = shutil.disk_usage(tmp_path).free // 2

    # Given a disk that has room for one file, but not for that and another one that is on its way
    shelf.make_room(place, half, {})
    with pytest.raises(Unavailable, match="the disk is full"):
        shelf.make_room(place, half, {other: half})


async def test_a_folder_that_cannot_be_written_is_said(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    (tmp_path / "downloads").write_text("in the way")
    async with opened() as store:
        assert "cannot be written" in await refused(store)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"virusScanResult": "Danger"}, "dangerous"),
        ({"pickleScanResult": "Danger"}, "dangerous"),
        ({"metadata": {"format": "PickleTensor"}}, "none of its files is one of"),
        ({"name": "dream.ckpt"}, "pickled files can run code"),
        ({"name": "dream.zip"}, "none of its files is one of"),
        ({"name": ".safetensors"}, "none of its files is one of"),
        ({"sizeKB": None}, "does not say how large"),
        ({"sizeKB": 1e308}, "does not say how large"),
        ({"downloadUrl": "file:///etc/passwd"}, "cannot be used"),
        ({"downloadUrl": "https://x:port/"}, "not valid"),
    ],
)
async def test_files_that_are_not_to_be_had_are_not_downloaded(
    site: ModelSite, opened: Open, says: dict[str, object], reason: str
):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS, says=says))
    async with opened() as store:
        assert reason in await refused(store)
    assert site.storage.calls == []


async def test_pickled_files_come_where_the_operator_allows_them(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.ckpt", b"pickle" * 100))
    async with opened(allow_pickle=True) as store:
        assert (await store.fetch(AIR, ignore)).suffix == ".ckpt"


async def test_a_version_of_another_model_is_refused(site: ModelSite, opened: Open):
    site.add(11, 2000, ModelFile("dream.safetensors", WEIGHTS))
    async with opened() as store:
        assert "version 2000 is one of model 11, not of 10" in await refused(store)


async def test_the_file_and_the_format_that_an_air_names_are_chosen(site: ModelSite, opened: Open):
    small, large = safetensors(MIB, b"small"), safetensors(2 * MIB, b"large")
    gguf = b"GGUF" + bytes(5000)
    site.add(
        10,
        2000,
        ModelFile("pickle.ckpt", b"x" * 50, id=1),
        ModelFile("small.safetensors", small, id=2, primary=False),
        ModelFile("large.safetensors", large, id=3, primary=False),
        ModelFile("tiny.gguf", gguf, id=4, primary=False),
    )
    async with opened() as store:
        assert (await store.fetch("civitai:10@2000+3", ignore)).read_bytes() == large
        assert (await store.fetch("civitai:10@2000.gguf", ignore)).read_bytes() == gguf
        assert (await store.fetch("civitai:10@2000.safetensor", ignore)).read_bytes() == small
        assert "no such file of that version" in await refused(store, "civitai:10@2000+9")
        assert "pickled" in await refused(store, "civitai:10@2000.ckpt")


async def test_files_come_from_a_hub_where_they_are_named_or_single(site: ModelSite, opened: Open):
    one, other = safetensors(MIB, b"one"), safetensors(MIB, b"other")
    site.add_repository("owner/single", single__safetensors=one, old__bin=b"x")
    site.add_repository("owner/several", a__safetensors=one, b__safetensors=other)
    async with opened() as store:
        assert (await store.fetch("huggingface:owner/single@main", ignore)).read_bytes() == one
        assert (await store.fetch("huggingface:owner/several/b.safetensors@v1", ignore)).read_bytes() == other
        assert (await store.fetch("huggingface:owner/several/b.safetensors", ignore)).read_bytes() == other
        assert "names none of them" in await refused(store, "huggingface:owner/several@main")
        assert "no such file" in await refused(store, "huggingface:owner/several/c.safetensors@main")
        assert "wants a token (401)" in await refused(store, "huggingface:owner/none@main")
        assert store.why_not("huggingface:owner") is not None
        assert store.why_not("huggingface:owner/../x@main") is not None


async def test_a_file_that_is_here_and_has_the_hash_is_not_downloaded(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "renamed.safetensors").write_bytes(WEIGHTS)
    (folder / "other.safetensors").write_bytes(WEIGHTS[:-1] + b"x")
    async with opened(folders=[str(folder)]) as store:
        assert await store.fetch(AIR, ignore) == folder / "renamed.safetensors"
        assert store.path(AIR) == folder / "renamed.safetensors"
    assert site.storage.calls == []

    # And that is known after a restart too, without the site
    async with opened(folders=[str(folder)], download=False) as store:
        await store.scan()
        assert store.path(AIR) == folder / "renamed.safetensors"
        assert {each.air for each in await store.holdings()} == {"urn:air:civitai:10@2000", None}

    # But not of another file of that name
    (folder / "renamed.safetensors").write_bytes(WEIGHTS + b"more")
    async with opened(folders=[str(folder)], download=False) as store:
        await store.scan()
        assert store.path(AIR) is None


async def test_another_process_that_downloads_it_is_waited_for(site: ModelSite, opened: Open):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    site.storage.order("bytes", Truncates)
    a_while = Patience(persistence=Persistence(first_pause=0.5))
    async with opened(a_while) as one, opened(QUICK) as other, asyncio.TaskGroup() as group:
        tasks = [group.create_task(store.fetch(AIR, ignore)) for store in (one, other)]

    assert tasks[0].result() == tasks[1].result()
    assert len(site.storage.calls) == 2


async def test_what_another_process_brings_at_the_last_moment_is_not_brought_again(
    site: ModelSite, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    site.add(10, 2000, ModelFile("dream.safetensors", WEIGHTS))
    hold = Part.hold

    def late(path: Path) -> Part | None:
        path.with_suffix("").write_bytes(WEIGHTS)
        return hold(path)

    monkeypatch.setattr(Part, "hold", late)
    async with opened() as store:
        assert (await store.fetch(AIR, ignore)).read_bytes() == WEIGHTS

    assert site.storage.calls == []
    assert downloads(tmp_path, ".part") == []
