"""`palio image`: what it submits, and where the pictures go."""

import base64
import json
from pathlib import Path

import pytest

IMAGE = "/v2/consumer/workflows/image"
WORKFLOW = "/v2/consumer/workflows/wf1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture(autouse=True)
def _use_the_script(palio, script, monkeypatch) -> None:
    monkeypatch.setenv("PALIO_URL", script.url)
    monkeypatch.setenv("PALIO_TOKEN", "secret-token")


@pytest.fixture
def made(script, workflow) -> None:
    """A server that makes what it is asked for."""
    script.on(f"POST {IMAGE}", workflow("unassigned"), status=202)
    script.on(f"GET {WORKFLOW}", workflow("processing"), workflow("succeeded"))
    script.on_file("GET /blob", PNG)


def test_the_picture_is_saved_and_its_maker_named(palio, made, tmp_path: Path):
    result = palio("image", "a tower", "--out", "pictures/new")
    assert (result.code, result.out) == (0, "pictures/new/ABC.png  (made by sketch)\n")
    assert (tmp_path / "pictures/new/ABC.png").read_bytes() == PNG
    assert [file.name for file in (tmp_path / "pictures/new").iterdir()] == ["ABC.png"]


def test_only_what_was_given_is_submitted(palio, made, script):
    palio("image", "a tower")
    assert json.loads(script.asked(f"POST {IMAGE}").body) == {"engine": "z-image", "prompt": "a tower"}


def test_every_option_reaches_the_server_by_its_contract_name(palio, made, script):
    options = {"--engine": "sdxl", "--width": "64", "--height": "128", "--quantity": "2", "--seed": "7"}
    more = {"--negative": "fog", "--steps": "9", "--model": "base", "--strength": "0.5", "--format": "webP"}
    palio("image", "a tower", *(word for pair in (options | more).items() for word in pair))
    assert json.loads(script.asked(f"POST {IMAGE}").body) == {
        "engine": "sdxl",
        "prompt": "a tower",
        "width": 64,
        "height": 128,
        "quantity": 2,
        "seed": 7,
        "negativePrompt": "fog",
        "steps": 9,
        "model": "base",
        "strength": 0.5,
        "outputFormat": "webP",
    }


def test_source_images_are_sent_as_data_urls_and_addresses_as_they_are(palio, made, script, tmp_path: Path):
    (tmp_path / "in.png").write_bytes(PNG)
    palio("image", "a tower", "--image", "in.png", "--image", "https://example.org/b.jpg")
    local, remote = json.loads(script.asked(f"POST {IMAGE}").body)["images"]
    assert local == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert remote == "https://example.org/b.jpg"


@pytest.mark.parametrize("source", ["missing.png", "notes.txt"])
def test_a_source_that_is_no_image_is_a_usage_error_before_anything_is_sent(palio, script, tmp_path: Path, source):
    (tmp_path / "notes.txt").write_text("not an image")
    result = palio("image", "a tower", "--image", source)
    assert (result.code, script.requests) == (2, [])
    assert source in result.err


def test_the_token_is_not_sent_to_where_the_picture_is(palio, made, script):
    palio("image", "a tower")
    assert "Authorization" not in script.asked("GET /blob").headers


def test_json_keeps_the_file_names_off_standard_output(palio, made, workflow):
    result = palio("image", "a tower", "--json")
    assert json.loads(result.out) == workflow("succeeded")
    assert "ABC.png" in result.err


def test_a_name_from_the_server_never_leads_out_of_the_folder(palio, script, workflow, tmp_path: Path):
    script.on(f"POST {IMAGE}", workflow("succeeded", blob_id="../../.evil/x.png"))
    script.on_file("GET /blob", PNG)
    (tmp_path / "out").mkdir()
    assert palio("image", "a tower", "--out", "out").code == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["_.._.evil_x.png"]


def test_a_failed_workflow_exits_1_says_why_and_saves_nothing(palio, script, workflow, tmp_path: Path):
    script.on(f"POST {IMAGE}", workflow("failed", reason="no_provider_available"))
    result = palio("image", "a tower")
    assert (result.code, result.out) == (1, "")
    assert "no_provider_available" in result.err


def test_a_picture_that_cannot_be_downloaded_exits_1_and_leaves_no_part_of_it(palio, script, workflow, tmp_path):
    script.on(f"POST {IMAGE}", workflow("succeeded"))
    assert palio("image", "a tower", "--out", "out").code == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_usage_error_before_anything_is_sent(palio, script, tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert palio("image", "a tower", "--out", "file/x").code == 2
    assert script.requests == []


def test_a_picture_that_was_withheld_is_told_and_the_others_saved(palio, script, workflow, tmp_path: Path):
    # Given a workflow that succeeded with two pictures, of which one is blocked
    document = workflow("succeeded")
    blocked = {"type": "image", "id": "NO.png", "available": False, "jobId": "j2", "blockedReason": "moderated"}
    document["steps"][0]["output"]["images"].insert(0, blocked)
    script.on(f"POST {IMAGE}", document)
    script.on_file("GET /blob", PNG)

    result = palio("image", "a tower")

    assert (result.code, result.out) == (0, "ABC.png  (made by sketch)\n")
    assert "image 1: moderated" in result.err
