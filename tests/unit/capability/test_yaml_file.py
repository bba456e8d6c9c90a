"""YAML within bounds."""

from pathlib import Path

import pytest

from palio.surfaces.capability.yaml_file import MAX_BYTES, MAX_DEPTH, YamlError, read_yaml


def read(folder: Path, text: str | bytes) -> object:
    file = folder / "file.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_yaml(file)


def test_values_have_their_types_and_dates_stay_text(tmp_path: Path):
    written = "a: 1\nb: [x, 'y', 2.5, true, null]\nc: {created: 2026-05-25}\n"
    assert read(tmp_path, written) == {"a": 1, "b": ["x", "y", 2.5, True, None], "c": {"created": "2026-05-25"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "line 2, column 1: key 'a' is there twice"),
        ("a: {b: 1, b: 2}", "key 'b' is there twice"),
        ("a: &x [1]\nb: *x\n", "line 2, column 4: alias *x is not supported"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "alias *x is not supported"),
        ("? [a]\n: b\n", "a key must be text"),
        ("a: [1", "line 1"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        (b"a: \xff", "is not UTF-8"),
        ("a: \x01", "special characters"),
    ],
)
def test_what_cannot_be_trusted_is_refused_with_its_place(tmp_path: Path, text: str | bytes, said: str):
    with pytest.raises(YamlError) as raised:
        read(tmp_path, text)
    assert said in str(raised.value)


def test_depth_is_bounded(tmp_path: Path):
    def nested(levels: int) -> str:
        return "[" * levels + "]" * levels

    read(tmp_path, nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 1, 50_000):
        with pytest.raises(YamlError, match="nests deeper"):
            read(tmp_path, nested(levels))


def test_size_is_bounded(tmp_path: Path):
    with pytest.raises(YamlError, match="larger than"):
        read(tmp_path, "a: " + "x" * MAX_BYTES)


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(YamlError, match="No such file"):
        read_yaml(tmp_path / "nothing.yaml")
