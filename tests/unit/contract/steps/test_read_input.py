"""Reading the input of a step by its type."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palio.contract.json import Json, JsonObject
from palio.contract.references import Place
from palio.contract.steps import STEP_TYPES, ImageStepInput, StepInput, read_input
from palio.contract.steps.echo import EchoInput
from palio.contract.steps.repeat import REPEAT
from palio.errors import BadRequest

AT = "steps[3].input"
IMAGE: JsonObject = {"engine": "seedream", "prompt": "a heron"}
# A repeat holds a whole step, and is read where steps are.
READ_ALONE = [step_type for step_type in STEP_TYPES if step_type != REPEAT]


def errors_of(step_type: str, raw: Json) -> list[str]:
    with pytest.raises(BadRequest) as refused:
        read_input(step_type, raw, AT)
    return list(refused.value.errors)


def test_the_types_that_can_be_read() -> None:
    assert STEP_TYPES == (*READ_ALONE, REPEAT) == ("imageGen", "textToImage", "echo", "repeat")


@pytest.mark.parametrize("step_type", ["imagegen", "videoGen", "", "Echo"])
def test_an_unknown_type_is_named_where_it_stands(step_type: str) -> None:
    with pytest.raises(BadRequest, match=f'"{step_type}"') as refused:
        read_input(step_type, IMAGE, AT)
    assert list(refused.value.errors) == ["steps[3].$type"]


def test_image_steps_can_be_told_from_others() -> None:
    assert isinstance(read_input("imageGen", IMAGE, AT), ImageStepInput)
    assert isinstance(read_input("textToImage", {"prompt": "a heron"}, AT), ImageStepInput)
    assert not isinstance(read_input("echo", {"message": "hello"}, AT), ImageStepInput)


def test_echo_keeps_its_message_and_ignores_the_rest() -> None:
    read = read_input("echo", {"message": "hello", "volume": 11}, AT)
    assert isinstance(read, EchoInput)
    assert read.message == "hello"
    assert read.price().total == 0


def test_a_message_has_at_most_64_kib() -> None:
    assert read_input("echo", {"message": "a" * 65_536}, AT)
    assert errors_of("echo", {"message": "a" * 65_537}) == [f"{AT}.message"]
    assert errors_of("echo", {"message": "é" * 32_769}) == [f"{AT}.message"]


@pytest.mark.parametrize("raw", [{}, {"message": None}, {"message": 7}])
def test_echo_needs_a_message(raw: Json) -> None:
    assert errors_of("echo", raw) == [f"{AT}.message"]


@pytest.mark.parametrize("step_type", READ_ALONE)
@pytest.mark.parametrize("raw", [None, "hello", 1, []])
def test_an_input_is_an_object(step_type: str, raw: Json) -> None:
    assert errors_of(step_type, raw) == [AT]


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [({"engine": "flux"}, "engine"), (IMAGE | {"width": 1}, "width"), (IMAGE | {"images": [1]}, "images[0]")],
)
def test_an_input_may_be_the_body_of_a_request(raw: JsonObject, wrong: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_input("imageGen", raw, "")
    assert list(refused.value.errors) == [wrong]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1e999", "9" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_COMFY: JsonObject = {"engine": "comfy", "ecosystem": "sd1", "operation": "createVariant", "model": "civitai:1"}
_MEMBERS = (
    *("engine", "operation", "model", "prompt", "seed", "width", "cfgScale", "quantity", "loras", "controlNets"),
    *("image", "images", "outputFormat", "scheduler", "imageMetadata", "additionalNetworks", "sourceImage"),
)


# The first reading of a variant builds its model, which takes longer than hypothesis lets an example take.
@settings(deadline=None)
@given(
    step_type=st.sampled_from(READ_ALONE),
    base=st.sampled_from([{}, IMAGE, _COMFY]),
    sent=st.dictionaries(st.sampled_from(_MEMBERS), _JSON),
)
def test_whatever_is_sent_is_read_or_refused(step_type: str, base: JsonObject, sent: JsonObject) -> None:
    read, refused = read_or_refuse(step_type, base | sent)
    assert all(path.startswith(AT) for path in refused)
    if read is not None:
        assert math.isfinite(read.price().total)
    if isinstance(read, ImageStepInput):
        assert 1 <= len(read.jobs()) <= 100


@settings(deadline=None, max_examples=30)
@given(raw=_JSON, path=st.lists(st.sampled_from([*_MEMBERS, 0, 1]), max_size=3))
def test_wherever_a_reference_is_said_to_be_nothing_breaks(raw: Json, path: list[str | int]) -> None:
    for base, member in product((IMAGE, _COMFY), _MEMBERS):
        read, refused = read_or_refuse("imageGen", base | {member: raw}, tuple(path))
        assert all(found.startswith(AT) for found in refused)
        assert read is None or not refused


def read_or_refuse(step_type: str, raw: JsonObject, *places: Place) -> tuple[StepInput | None, list[str]]:
    """What was read, or the paths of what is wrong."""
    try:
        return read_input(step_type, raw, AT, places), []
    except BadRequest as refused:
        return None, list(refused.errors)
