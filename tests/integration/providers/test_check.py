"""`palio providers check`, against the vendors' stand-ins."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from tests.standins.a1111 import A1111
from tests.standins.civitai import Civitai
from tests.standins.comfyui import ComfyUI
from tests.standins.fal import Fal
from tests.standins.replicate import Replicate
from tests.standins.sdcpp import StableDiffusionCpp
from tests.standins.server import KEY, StandIn, serving

from palio.surfaces.cli import main

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the command on a vendor at its stand-in: exit code, output and errors."""
    monkeypatch.setenv("KEY_OF_THE_VENDOR", KEY)

    def run(stand_in: StandIn, kind: str, *flags: str, more: str = "") -> tuple[int, str, str]:
        table = f'kind = "{kind}"\nbase_url = "{stand_in.url}"\napi_key_env = "KEY_OF_THE_VENDOR"\npatience = 1\n{more}'
        config = tmp_path / "palio.toml"
        config.write_text(f'[providers.here]\n{table}\n[providers.other]\nkind = "fal"\napi_key_env = "NOT_SET"\n')
        arguments = ["providers", "check", "here", "--config", str(config), "--out", str(tmp_path), *flags]
        monkeypatch.setattr("sys.argv", ["palio", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def replicate() -> Iterator[Replicate]:
    with serving(stand_in := Replicate()):
        yield stand_in


@pytest.fixture
def fal() -> Iterator[Fal]:
    with serving(stand_in := Fal()):
        yield stand_in


def test_the_key_is_tried_where_that_costs_nothing_and_no_picture_is_made(replicate: Replicate, check: Check):
    code, out, _ = check(replicate, "replicate")
    assert code == 0
    assert "here answers and takes the key" in out
    assert "costs about $" in out
    assert not replicate.predictions


def test_civitai_tells_what_a_picture_costs_and_makes_one(check: Check):
    with serving(civitai := Civitai()):
        code, out, err = check(civitai, "civitai", "--run", "--yes")
    assert code == 0, err
    assert "here answers and takes the key" in out
    assert out.index("costs about $0.0") < out.index("made in")
    assert len(civitai.started) == 1


def test_a_key_that_is_refused_is_told(replicate: Replicate, check: Check, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEY_OF_THE_VENDOR", "another-key")
    code, out, err = check(replicate, "replicate")
    assert code == 1
    assert "here answered 401" in err
    assert "another-key" not in out + err


def test_a_picture_is_made_on_request_after_its_price_was_said(fal: Fal, check: Check, tmp_path: Path):
    code, out, _ = check(fal, "fal", "--run", "--yes")
    assert code == 0
    assert out.index("costs about $") < out.index("made in")
    assert len(fal.started) == 1
    (file,) = tmp_path.glob("here.*")
    assert Image.open(BytesIO(file.read_bytes())).width


def test_nothing_is_paid_for_without_a_yes(fal: Fal, check: Check, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115 - closed with the test
    code, out, _ = check(fal, "fal", "--run")
    assert code == 1
    assert "Have it made?" in out
    assert not fal.started


def test_nothing_is_paid_for_that_could_not_be_kept(fal: Fal, check: Check, tmp_path: Path):
    (tmp_path / "file").touch()
    code, _, err = check(fal, "fal", "--run", "--yes", "--out", str(tmp_path / "file"))
    assert (code, "cannot make the folder" in err) == (2, True)
    assert not fal.started


def test_no_file_that_is_there_is_written_over(fal: Fal, check: Check, tmp_path: Path):
    outputs = [check(fal, "fal", "--run", "--yes")[1] for _ in range(2)]
    first, second = sorted(tmp_path.glob("here*.*"), key=lambda file: len(file.name))
    assert second.stem == f"{first.stem}-1"
    assert [f"{file}  (made in" in out for file, out in zip((first, second), outputs, strict=True)] == [True, True]


def test_one_that_is_switched_off_can_be_tried_too(check: Check):
    with serving(comfyui := ComfyUI()):
        code, out, _ = check(comfyui, "comfyui", "--run", more="enabled = false")
    assert (code, "costs nothing" in out) == (0, True)


@pytest.mark.parametrize(("kind", "stand_in"), [("a1111", A1111), ("sdcpp", StableDiffusionCpp)])
def test_a_server_of_ones_own_is_asked_what_it_has_and_makes_a_picture(
    check: Check, kind: str, stand_in: Callable[[], StandIn]
):
    with serving(there := stand_in()):
        code, out, _ = check(there, kind, "--run")
    assert (code, "here answers" in out, "costs nothing" in out) == (0, True, True)
    assert len(there.started) == 1


def test_a_name_that_is_not_there_is_told_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["palio", "providers", "check", "nobody"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "there is no provider 'nobody'; there are sketch" in capsys.readouterr().err
