"""Records of files: there until their time has passed, or forgotten on demand."""

from datetime import timedelta

from tests.integration.store.documents import NOON

from palio.store.files import KeptFile
from palio.store.store import Store


def file(name: str, days: float = 1) -> KeptFile:
    return KeptFile(name, "ann", "image/png", 2048, NOON, NOON + timedelta(days=days))


async def test_a_file_is_read_as_it_was_kept(store: Store) -> None:
    plain = file("a.png")
    full = KeptFile("b.png", "ann", "image/webp", 5, NOON, NOON, "workflow", "job", 640, 480, "pg13")
    await store.files.keep(plain, None)
    await store.files.keep(full, None)

    assert await store.files.load("a.png") == plain
    assert await store.files.load("b.png") == full
    assert await store.files.load("c.png") is None


async def test_keeping_a_file_again_leaves_the_first_record(store: Store) -> None:
    await store.files.keep(file("a.png", days=1), None)
    await store.files.keep(file("a.png", days=9), None)

    assert await store.files.load("a.png") == file("a.png", days=1)


async def test_files_expire_when_their_time_has_passed_and_not_when_it_comes(store: Store) -> None:
    for name, days in (("a.png", 1), ("b.png", 2), ("c.png", 3)):
        await store.files.keep(file(name, days), None)

    assert await store.files.expired(NOON + timedelta(days=2)) == ["a.png"]
    assert await store.files.expired(NOON + timedelta(days=2, microseconds=1)) == ["a.png", "b.png"]
    assert len(await store.files.expired(NOON + timedelta(days=9), limit=2)) == 2


async def test_a_file_can_be_kept_longer(store: Store) -> None:
    await store.files.keep(file("a.png", days=1), None)

    await store.files.prolong("a.png", NOON + timedelta(days=30))

    assert await store.files.expired(NOON + timedelta(days=29)) == []
    assert await store.files.load("a.png") == file("a.png", days=30)


async def test_a_forgotten_file_is_gone_and_forgetting_again_is_no_error(store: Store) -> None:
    await store.files.keep(file("a.png"), None)

    await store.files.forget("a.png")
    await store.files.forget("a.png")

    assert await store.files.load("a.png") is None
