import os
from pathlib import Path

import pytest

from palio.blobs.names import new_blob_id
from palio.blobs.objects import ObjectStore, StorageError
from palio.errors import BadRequest, SetupError

KEY = "MZXW6YTBOI4TQNJSGY3TQOJQGE.jpeg"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return ObjectStore.open(str(tmp_path / "däta 100%" / "blobs") if request.param == "folder" else "memory:///")


def test_what_is_put_can_be_got_until_it_is_deleted(store: ObjectStore) -> None:
    assert store.get(KEY) is None
    assert not store.exists(KEY)

    store.put(KEY, b"first")
    store.put(KEY, b"second")
    assert store.get(KEY) == b"second"
    assert store.exists(KEY)

    store.delete(KEY)
    store.delete(KEY)
    assert store.get(KEY) is None


def test_large_and_empty_objects_are_kept_whole(store: ObjectStore) -> None:
    large = os.urandom(12 * 1024 * 1024)
    other = new_blob_id("png")

    store.put(KEY, large)
    store.put(other, b"")

    assert store.get(KEY) == large
    assert store.get(other) == b""


def test_keys_are_spread_over_folders_by_their_first_two_characters(tmp_path: Path) -> None:
    ObjectStore.open(str(tmp_path)).put(KEY, b"bytes")

    assert (tmp_path / "MZ" / KEY).read_bytes() == b"bytes"
    assert os.listdir(tmp_path / "MZ") == [KEY]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name an open file")
def test_sync_reaches_the_file_its_folder_and_the_folder_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    store = ObjectStore.open(str(tmp_path))

    store.put(KEY, b"bytes")
    assert synced == []
    store.sync(KEY)

    assert synced == [f"{tmp_path}/MZ/{KEY}", f"{tmp_path}/MZ", str(tmp_path)]


def test_a_put_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore.open(str(tmp_path))
    store.put(KEY, b"before")

    def no_space(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(StorageError, match="No space left"):
        store.put(KEY, b"after")

    assert store.get(KEY) == b"before"
    assert os.listdir(tmp_path / "MZ") == [KEY]


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "MZ/x",
        "MZXW\0",
        "MZXW\\x",
        "MZXW..png",
        ".hidden",
        "x" * 300,
        "é" * 8,
    ],
)
def test_odd_keys_are_refused(store: ObjectStore, key: str) -> None:
    for use in (store.get, store.exists, store.delete, lambda key: store.put(key, b"")):
        with pytest.raises(BadRequest, match="not the id of a blob"):
            use(key)


def test_a_place_that_cannot_be_used_is_a_setup_error_that_hides_passwords(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(SetupError, match="file/blobs"):
        ObjectStore.open(str(tmp_path / "file" / "blobs"))
    with pytest.raises(SetupError) as refused:
        ObjectStore.open("ftp://user:hunter2@host/path")
    assert "hunter2" not in str(refused.value)


def test_buckets_are_opened_by_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-south-1")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")

    for url in ("s3://bucket/prefix", "gs://bucket/prefix", "az://container/prefix"):
        assert ObjectStore.open(url)
