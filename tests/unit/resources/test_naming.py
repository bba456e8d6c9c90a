"""What names of files say, and what AIRs ask of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.contract.air import parse_air
from palio.resources.failures import Refusals, Unavailable
from palio.resources.naming import is_format, key_of, numbers_in, telling_numbers


@pytest.mark.parametrize(
    ("air", "key"),
    [
        ("urn:air:sdxl:checkpoint:civitai:1@2", "civitai:1@2"),
        ("air:sd1:lora:CIVITAI:1@2+3.SafeTensor", "civitai:1@2+3.safetensor"),
        ("huggingface:Owner/Name@main", "huggingface:Owner/Name@main"),
        ("civitai:1", "civitai:1"),
    ],
)
def test_the_key_is_what_tells_files_apart(air: str, key: str):
    assert key_of(parse_air(air)) == key


def test_numbers_stand_whole_in_a_name():
    assert numbers_in("sdxl1.0_v128078-77.safetensors") == {"1", "0", "128078", "77"}


@given(st.text("ab-_.", max_size=5), st.integers(0, 10**9), st.text("ab-_.", max_size=5))
def test_a_number_is_found_whatever_stands_around_it(before: str, number: int, after: str):
    assert str(number) in numbers_in(f"{before}{number}{after}")


@pytest.mark.parametrize(
    ("air", "numbers"),
    [
        ("civitai:1@20000", {"20000"}),
        ("civitai:1@20000+3", {"20000", "3"}),
        ("civitai:1@1024", None),
        ("civitai:1", None),
        ("civitai:1@v20000", None),
    ],
)
def test_only_a_number_of_a_version_tells_that_stands_for_nothing_else(air: str, numbers: set[str] | None):
    assert telling_numbers(parse_air(air)) == numbers


@pytest.mark.parametrize(
    ("suffix", "wanted", "is_it"),
    [
        (".safetensors", None, True),
        (".safetensors", "safetensor", True),
        (".sft", "SafeTensors", True),
        (".gguf", "gguf", True),
        (".ckpt", "safetensor", False),
        (".gguf", "safetensors", False),
    ],
)
def test_formats_have_several_spellings(suffix: str, wanted: str | None, is_it: bool):
    assert is_format(suffix, wanted) is is_it


def test_a_refusal_is_remembered_for_its_time_and_the_oldest_are_dropped():
    clock = [0.0]
    refusals = Refusals(lambda: clock[0])
    refusals.note("a", Unavailable("none", seconds=10))

    assert refusals.reason("a") == "none"
    clock[0] = 10.0
    assert refusals.reason("a") is None

    for number in range(1001):
        refusals.note(str(number), Unavailable("none"))
    assert (refusals.reason("0"), refusals.reason("1000")) == (None, "none")
