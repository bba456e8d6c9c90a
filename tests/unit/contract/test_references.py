"""References stand for values known later; finding, replacing and reading them is exact at any depth."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.contract.json import Json, JsonObject
from palio.contract.references import (
    PathMissing,
    Reference,
    find_references,
    is_path,
    read_path,
    resolve,
    show_place,
)

URL: JsonObject = {"$ref": "gen", "path": "output.images[0].url"}
OUTPUT: Json = {"output": {"images": [{"url": "https://a.example/1.png"}], "text": "hello"}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


class TestFinding:
    def test_names_the_place_source_and_path_of_every_reference_in_written_order(self) -> None:
        value: Json = {
            "images": [URL, "https://b.example/2.png", {"image": {"$ref": "$1", "path": "output.blob.url"}}],
            "prompt": {"$ref": "$arguments", "path": "prompt"},
        }

        assert find_references(value) == (
            Reference(("images", 0), "gen", "output.images[0].url"),
            Reference(("images", 2, "image"), "$1", "output.blob.url"),
            Reference(("prompt",), "$arguments", "prompt"),
        )

    def test_the_whole_value_may_be_a_reference(self) -> None:
        assert find_references({**URL}) == (Reference((), "gen", "output.images[0].url"),)

    def test_further_members_are_tolerated(self) -> None:
        assert len(find_references({"for": {**URL, "as": "frame"}})) == 1

    @pytest.mark.parametrize(
        "value", [{"$ref": "gen"}, {"path": "a"}, {"$ref": 1, "path": "a"}, {"$ref": "gen", "path": None}]
    )
    def test_an_object_is_a_reference_only_when_both_members_are_strings(self, value: Json) -> None:
        assert find_references(value) == ()

    def test_any_depth_is_searched(self) -> None:
        value: Json = {**URL}
        for _ in range(5_000):
            value = [value]

        assert len(find_references(value)[0].place) == 5_000


class TestResolving:
    def test_every_reference_is_replaced_and_the_original_kept(self) -> None:
        value: Json = {"images": [{**URL}, "b"], "note": {"deep": [{"$ref": "gen", "path": "output.text"}]}}

        resolved = resolve(value, lambda reference: read_path(OUTPUT, reference.path))

        assert resolved == {"images": ["https://a.example/1.png", "b"], "note": {"deep": ["hello"]}}
        assert len(find_references(value)) == 2

    def test_what_a_reference_stands_for_is_data_even_if_it_looks_like_a_reference(self) -> None:
        assert resolve({"a": {**URL}}, lambda _: {"$ref": "x", "path": "y"}) == {"a": {"$ref": "x", "path": "y"}}

    @given(json_values)
    def test_a_value_without_references_stays_the_same(self, value: Json) -> None:
        assert resolve(value, lambda _: None) == value or find_references(value)


class TestReading:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("output.images[0].url", "https://a.example/1.png"),
            ("output.text", "hello"),
            ("output.images", [{"url": "https://a.example/1.png"}]),
            ("", OUTPUT),
        ],
    )
    def test_members_and_indexes_lead_to_the_value(self, path: str, expected: Json) -> None:
        assert read_path(OUTPUT, path) == expected

    def test_nested_arrays_need_no_member_names(self) -> None:
        assert read_path([["a", "b"]], "[0][1]") == "b"

    @pytest.mark.parametrize(
        ("path", "missing"),
        [
            ("output.images[1].url", "`output.images[1]`: `output.images` has 1 items"),
            ("output.video.url", "`output.video`: `output` has images, text"),
            ("output.text.length", "`output.text.length`: `output.text` is neither an object nor an array"),
            ("output[0]", "`output[0]`: `output` has images, text"),
            ("input", "`input`: it has output"),
        ],
    )
    def test_the_part_that_is_missing_is_named(self, path: str, missing: str) -> None:
        with pytest.raises(PathMissing) as raised:
            read_path(OUTPUT, path)

        assert str(raised.value) == f"there is no {missing}"

    @pytest.mark.parametrize(
        "path", [".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a]", "a[0]b", "a.[0]", "a[" + "9" * 5000]
    )
    def test_what_is_not_a_path_leads_nowhere(self, path: str) -> None:
        assert not is_path(path)
        with pytest.raises(PathMissing, match="is not a path"):
            read_path({"a": [1]}, path)

    @given(json_values, st.text(alphabet="ab.[]01", max_size=12))
    def test_whatever_leads_somewhere_is_a_path(self, value: Json, path: str) -> None:
        with suppress(PathMissing):
            read_path(value, path)
            assert is_path(path)


@pytest.mark.parametrize(
    ("place", "text"),
    [((), ""), (("images", 0, "url"), "images[0].url"), ((2,), "[2]"), (("loras", "urn:air:x"), "loras.urn:air:x")],
)
def test_places_are_shown_as_paths(place: tuple[str | int, ...], text: str) -> None:
    assert show_place(place) == text
