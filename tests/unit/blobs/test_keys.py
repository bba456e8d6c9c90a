import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from palio.blobs.keys import load_or_create_key
from palio.errors import SetupError


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "signing.key"

    key = load_or_create_key(path)

    assert len(key) == 32
    assert load_or_create_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["signing.key"]


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    paths = [tmp_path / str(n // 4) for n in range(40)]

    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as processes:
        keys = list(processes.map(load_or_create_key, paths))

    assert len(set(zip(paths, keys, strict=True))) == 10
    assert len(list(tmp_path.iterdir())) == 10


def test_a_file_that_is_no_key_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(b"short")

    with pytest.raises(SetupError, match="5 bytes instead of 32"):
        load_or_create_key(path)
    assert path.read_bytes() == b"short"


def test_a_place_that_cannot_be_written_is_a_setup_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(SetupError, match=r"signing\.key cannot be read or made"):
        load_or_create_key(tmp_path / "file" / "signing.key")
