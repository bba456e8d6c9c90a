"""JSON from strangers: read strictly, bounded in depth, refused with a reason."""

import pytest

from palio.contract.json import MAX_DEPTH, is_too_deep, read_json, read_object
from palio.errors import BadRequest


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b'"tag"', "tag"),
        (b" 123456789012345678901234567890 ", 123456789012345678901234567890),
    ],
)
def test_any_json_value_is_read(body: bytes, value: object) -> None:
    assert read_json(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"// x\n1",
        b"NaN",
        b"1e999",
        b"1 2",
        b'"\xff"',
        b'"\\ud800"',
        b"[" * 100000,
        b"1" * 10000,
    ],
)
def test_what_is_not_json_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest) as raised:
        read_json(body)

    assert raised.value.detail.startswith("the body")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"{}"', b"1"])
def test_an_object_is_asked_for_where_one_is_needed(body: bytes) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        read_object(body)


def test_depth_is_limited() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert not is_too_deep(read_json(deepest))
    with pytest.raises(BadRequest, match=f"deeper than {MAX_DEPTH} levels"):
        read_json(b"[" + deepest + b"]")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (rb'"a\u0000"', ""),
        (rb'{"a": [1, {"b": "\u0000"}]}', "a[1].b"),
        (rb'[["x\u0000"]]', "[0][0]"),
        (rb'{"a": {"\u0000": 1}}', "a"),
    ],
)
def test_nul_characters_are_refused_where_they_stand(body: bytes, path: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_json(body)

    assert list(raised.value.errors) == [path]


def test_a_backslash_before_it_makes_it_text() -> None:
    assert read_json(rb'"\\u0000"') == r"\u0000"
