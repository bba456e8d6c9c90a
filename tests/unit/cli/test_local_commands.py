"""Commands that need no server, and the front door."""

import subprocess
import sys
from pathlib import Path

import pytest

from palio import __version__


def test_help_is_the_front_door(palio):
    result = palio("--help")
    assert result.code == 0
    for word in (
        "serve",
        "image",
        "submit",
        "get",
        "list",
        "watch",
        "cancel",
        "delete",
        "token",
        "config",
        "capability",
    ):
        assert word in result.out
    assert 'palio image "' in result.out


def test_no_arguments_show_the_help_too(palio):
    result = palio()
    assert "Usage: palio" in result.out + result.err


def test_version_is_printed_alone(palio):
    assert palio("--version").out == f"palio {__version__}\n"


def test_an_unknown_command_or_option_is_a_usage_error(palio):
    assert palio("fly").code == 2
    assert palio("get", "--fast", "wf1").code == 2
    assert palio("get").code == 2


def test_config_show_says_where_each_setting_comes_from(palio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "palio.toml").write_text('mcp_port = 7000\n[providers.mine]\nkind = "comfy"\nprice = 0.01\n')
    monkeypatch.setenv("PALIO_PORT", "8123")

    rows = {line.split()[0]: line.split()[1:] for line in palio("config", "show", "--data", "d").out.splitlines()}

    assert rows["port"] == ["8123", "environment"]
    assert rows["mcp_port"] == ["7000", "palio.toml"]
    assert rows["data"] == [str(tmp_path / "d"), "flag"]
    assert rows["host"] == ["127.0.0.1", "default"]
    assert rows["providers.mine.price"] == ["0.01", "palio.toml"]


def test_config_show_masks_secrets(palio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PALIO_DATABASE_URL", "postgresql://ann:s3cret@db.example.org/palio?password=s3cret")
    (tmp_path / "palio.toml").write_text('[providers.mine]\nkind = "comfy"\nsession_token = "s3cret"\n')
    out = palio("config", "show").out
    assert "s3cret" not in out
    assert "db.example.org/palio" in out


def test_a_configuration_that_cannot_be_used_is_explained_and_exits_2(palio, tmp_path: Path):
    (tmp_path / "palio.toml").write_text("prot = 80\n")
    result = palio("config", "show")
    assert (result.code, result.err) == (2, "palio: palio.toml: prot: there is no such setting; did you mean port?\n")


def test_starting_stays_cheap():
    """`palio --version` loads none of the libraries that only some commands need."""
    heavy = {"httpx", "fastapi", "sqlalchemy", "rich.progress", "pydantic", "pydantic_settings"}
    code = f"import palio.surfaces.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_simulate_writes_a_report_and_says_where(palio, tmp_path: Path):
    result = palio("simulate", "outage", "--jobs", "300", "--out", str(tmp_path / "report"))
    assert result.out.strip() == str(tmp_path / "report/report.md")
    assert "| race |" in (tmp_path / "report/report.md").read_text()


def test_simulate_names_what_is_wrong_in_a_scenario(palio, tmp_path: Path):
    (tmp_path / "mine.toml").write_text('title = "Mine"\nprovider = []\n')
    result = palio("simulate", str(tmp_path / "mine.toml"))
    assert result.code == 2
    assert "provider" in result.err
