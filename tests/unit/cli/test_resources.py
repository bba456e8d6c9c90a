"""`palio resources`: weights on this machine."""

import json
from pathlib import Path

import pytest

AIR = "urn:air:sdxl:checkpoint:civitai:101055@128078"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "sdxl_128078.safetensors").write_bytes(bytes(2048))
    (tmp_path / "lora.safetensors").write_bytes(bytes(10))
    (tmp_path / "palio.toml").write_text(
        f'[resources]\nfolders = ["{folder}"]\n[resources.files]\n"civitai:1@2" = "lora.safetensors"\n'
    )
    return folder


def test_it_lists_what_is_here(palio, models: Path):
    rows = [line.split() for line in palio("resources").out.splitlines()]
    assert rows[0] == ["AIR", "FILE", "SIZE", "KNOWN", "BY"]
    assert rows[1] == ["urn:air:civitai:1@2", str(models.parent / "lora.safetensors"), "10", "B", "setting"]
    assert rows[2] == ["-", str(models / "sdxl_128078.safetensors"), "2", "KiB", "-"]


def test_json_has_all_of_it(palio, models: Path):
    items = json.loads(palio("resources", "--json").out)["items"]
    assert items[1] == {"air": None, "path": str(models / "sdxl_128078.safetensors"), "size": 2048, "found": None}


def test_find_prints_the_file(palio, models: Path):
    assert palio("resources", "find", AIR).out == f"{models / 'sdxl_128078.safetensors'}\n"
    assert json.loads(palio("resources", "find", AIR, "--json").out)["found"] == "name"


def test_find_says_why_there_is_none(palio, models: Path):
    missing = palio("resources", "find", "civitai:5@6000")
    assert (missing.code, missing.out) == (1, "")
    assert "[resources] download is off" in missing.err


def test_fetch_of_what_is_here_prints_it_and_asks_nobody(palio, models: Path):
    assert palio("resources", "fetch", AIR).out == f"{models / 'sdxl_128078.safetensors'}\n"
    assert palio("resources", "fetch", "civitai:5@6000").code == 1


def test_scan_counts_and_hashes(palio, models: Path):
    assert palio("resources", "scan").out == "1 files\n"
    assert json.loads(palio("resources", "scan", "--hash", "--json").out) == {"files": 1}


def test_settings_that_cannot_be_are_a_usage_error(palio, tmp_path: Path):
    (tmp_path / "palio.toml").write_text('[resources]\ntrusted_hosts = ["http://x"]\n')
    result = palio("resources")
    assert result.code == 2
    assert "must be a host and a port" in result.err
