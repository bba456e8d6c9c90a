"""The command line against a real server, as scripts use it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from PIL import Image


class Server(Protocol):
    """A running `palio serve`."""

    url: str
    token: str
    data: Path


Palio = Callable[..., subprocess.CompletedProcess[str]]

SLOW = '{"steps": [{"$type": "imageGen", "input": {"engine": "grok", "operation": "createImage", "prompt": "kite"}}]}'
"""Made by a provider of the test server that takes a minute."""


@pytest.fixture
def palio(server: Server, tmp_path: Path) -> Palio:
    """Runs a command in an empty folder on the server's machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PALIO_")}
    environment = {**inherited, "PALIO_URL": server.url, "PALIO_DATA": str(server.data), "COLUMNS": "100"}

    def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "palio.surfaces.cli", *arguments],
            env=environment | variables,
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def template(quantity: int = 1, **members: object) -> str:
    image = {
        "engine": "sdcpp",
        "ecosystem": "zImage",
        "model": "turbo",
        "operation": "createImage",
        "prompt": "a red kite",
        "width": 512,
        "height": 512,
        "quantity": quantity,
    }
    return json.dumps({"steps": [{"$type": "imageGen", "input": image}], **members})


@pytest.fixture
def finished(palio: Palio) -> str:
    """The id of a workflow that has succeeded."""
    result = palio("submit", "-", "--wait", "30", "--json", stdin=template(tags=["kite"]))
    assert result.returncode == 0, result.stderr
    return str(json.loads(result.stdout)["id"])


def test_image_saves_pictures_and_names_their_makers(palio: Palio, tmp_path: Path):
    result = palio("image", "a red kite", "--width", "512", "--height", "640", "--quantity", "2", "--out", "pictures")

    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        file, maker = line.split("  ")
        assert maker == "(made by sketch)"
        with Image.open(tmp_path / file) as picture:
            assert picture.size == (512, 640)


@pytest.mark.parametrize("engine", ["sdxl", "sd1", "flux1", "z-image"])
def test_image_knows_engines_by_their_everyday_names(palio: Palio, engine: str):
    result = palio("image", "a red kite", "--engine", engine, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["status"] == "succeeded"


def test_image_takes_a_local_file_as_its_source(palio: Palio, tmp_path: Path):
    Image.new("RGB", (640, 640), "teal").save(tmp_path / "in.png")
    result = palio("image", "a red kite", "--engine", "sdxl", "--image", "in.png", "--strength", "0.5")
    assert result.returncode == 0, result.stderr


def test_image_with_bad_input_exits_1_and_names_the_field(palio: Palio):
    result = palio("image", "a red kite", "--width", "-3")
    assert (result.returncode, result.stdout) == (1, "")
    assert "width" in result.stderr


def test_submit_answers_at_once_and_watch_follows_to_the_end(palio: Palio):
    submitted = palio("submit", "-", "--json", stdin=template(quantity=2))
    assert submitted.returncode == 0, submitted.stderr

    watched = palio("watch", json.loads(submitted.stdout)["id"])

    assert watched.returncode == 0, watched.stderr
    assert "on sketch" in watched.stdout
    assert watched.stdout.count("image http") == 2


def test_submit_whatif_costs_nothing_and_leaves_nothing(palio: Palio):
    result = palio("submit", "-", "--whatif", "--json", stdin=template(tags=["only-if"]))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["cost"]["total"] > 0
    assert json.loads(palio("list", "--tag", "only-if", "--json").stdout)["items"] == []


def test_submit_of_what_is_not_valid_exits_1_and_names_the_field(palio: Palio):
    result = palio("submit", "-", stdin='{"steps": [{"$type": "imageGen", "input": {"engine": "nothing"}}]}')
    assert (result.returncode, result.stdout) == (1, "")
    assert "steps[0].input" in result.stderr


def test_get_shows_a_workflow_for_people_and_for_scripts(palio: Palio, finished: str):
    assert f"{finished}  succeeded" in palio("get", finished).stdout
    assert json.loads(palio("get", finished, "--json").stdout)["id"] == finished


def test_get_of_what_does_not_exist_exits_1(palio: Palio):
    result = palio("get", "nothing")
    assert (result.returncode, result.stdout) == (1, "")
    assert "404" in result.stderr


def test_list_filters_and_pages(palio: Palio, finished: str):
    more = palio("submit", "-", "--wait", "30", stdin=template(tags=["kite"]))
    assert more.returncode == 0

    first = json.loads(palio("list", "--tag", "kite", "--take", "1", "--status", "succeeded", "--json").stdout)
    rest = json.loads(palio("list", "--tag", "kite", "--cursor", first["next"], "--json").stdout)

    assert len(first["items"]) == 1
    assert finished in {item["id"] for item in rest["items"]}
    assert finished in palio("list", "--tag", "kite").stdout


@pytest.fixture
def slow(palio: Palio) -> Iterator[str]:
    """The id of a workflow that takes a minute."""
    workflow_id = str(json.loads(palio("submit", "-", "--json", stdin=SLOW).stdout)["id"])
    yield workflow_id
    palio("delete", workflow_id)


def test_a_workflow_under_way_can_be_canceled_and_is_no_success(palio: Palio, slow: str):
    assert palio("get", slow).returncode == 0

    assert palio("cancel", slow).returncode == 0

    watched = palio("watch", slow, "--json")
    assert watched.returncode == 1
    assert json.loads(watched.stdout)["status"] == "canceled"


def test_a_wait_that_is_over_exits_1_and_leaves_the_workflow_alone(palio: Palio):
    result = palio("submit", "-", "--wait", "1", "--json", stdin=SLOW)

    assert result.returncode == 1
    assert "palio watch" in result.stderr
    workflow_id = json.loads(result.stdout)["id"]
    assert json.loads(palio("get", workflow_id, "--json").stdout)["status"] == "processing"
    palio("delete", workflow_id)


def test_image_of_a_provider_that_fails_exits_1_and_saves_nothing(palio: Palio, tmp_path: Path):
    result = palio("image", "a red kite", "--engine", "flux1-kontext", "--out", "pictures")
    assert (result.returncode, result.stdout) == (1, "")
    assert "failed" in result.stderr
    assert list((tmp_path / "pictures").iterdir()) == []


def test_cancel_can_be_repeated_and_delete_forgets(palio: Palio, finished: str):
    assert palio("cancel", finished).returncode == 0
    assert palio("delete", finished).returncode == 0
    assert palio("get", finished).returncode == 1


@pytest.fixture
def token(palio: Palio) -> Iterator[str]:
    """A second token, made while the server runs."""
    created = palio("token", "create", "second")
    assert created.returncode == 0, created.stderr
    assert len(created.stdout.splitlines()) == 1
    yield created.stdout.strip()
    palio("token", "revoke", "second")


def test_a_token_made_while_the_server_runs_is_an_account_of_its_own(palio: Palio, token: str, finished: str):
    assert palio("list", "--token", token).returncode == 0
    assert palio("get", finished, "--token", token).returncode == 1


def test_a_revoked_token_is_refused_and_tokens_are_never_listed_in_full(palio: Palio, token: str):
    listed = palio("token", "list")
    assert "second" in listed.stdout
    assert "default" in listed.stdout
    assert token not in listed.stdout

    assert palio("token", "revoke", "second").returncode == 0

    refused = palio("list", "--token", token)
    assert refused.returncode == 1
    assert "token" in refused.stderr


def test_the_first_token_is_kept_for_its_owner_only(server: Server):
    file = server.data / "token"
    assert file.read_text().strip() == server.token
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_server_that_is_not_there_exits_3_without_a_traceback(palio: Palio):
    result = palio("list", PALIO_URL="http://127.0.0.1:1")
    assert (result.returncode, result.stdout) == (3, "")
    assert "palio serve" in result.stderr
    assert "Traceback" not in result.stderr


def test_config_show_masks_secrets(palio: Palio):
    result = palio("config", "show", PALIO_DATABASE_URL="postgresql://ann:s3cret@db.example.org/palio")
    assert result.returncode == 0
    assert "db.example.org" in result.stdout
    assert "s3cret" not in result.stdout
