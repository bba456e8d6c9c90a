"""What a prompt says to a server in whose syntax files and commands are words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.providers.a1111.prompting import can_be_said, misread, with_loras

TAG = re.compile(r"<(\w+):([^>]+)>")
"""How the servers find the names of files in a prompt."""


@pytest.mark.parametrize(
    ("prompt", "read_as"),
    [
        ("a robot <lora:rust:1>", "<name:...> as the name of a file"),
        ("a robot <lora:rust", "<name:...> as the name of a file"),
        ("<hypernet:x:1> a robot", "<name:...> as the name of a file"),
        ("robot #1", "what follows # as a comment"),
        ("a cat AND a dog", "AND as a second prompt"),
        ("a cat BREAK a dog", "BREAK as a command"),
        ("a __colour__ cat", "__name__ as a word to fill in"),
        ("a {red|blue} cat", "{ | } as a choice"),
        ("a [cat:dog:0.5]", "[from:to:when] as a change under way"),
        ("a [cat|dog]", "[from:to:when] as a change under way"),
        ("a [[soft] cat:dog:0.5]", "[from:to:when] as a change under way"),
    ],
)
def test_a_prompt_is_declined_in_which_a_server_would_find_a_command(prompt: str, read_as: str):
    assert misread(prompt, "sdcpp") == read_as


@pytest.mark.parametrize(
    "prompt",
    [
        "a (tin:1.2) robot, [dim] light",
        "a < b > c",
        "<3 robots",
        "sand and BREAKFAST",
        "[soft] (blue:1.2) [dim]",
        "][",
        "{red}",
        "a__b",
    ],
)
def test_a_prompt_without_commands_is_taken(prompt: str):
    assert misread(prompt, "sdcpp") is None


def test_brackets_are_letters_to_comfyui_and_less_weight_here():
    assert misread("a [dim] robot", "comfy") == "[ ] as less weight"


@pytest.mark.parametrize(
    ("weight", "said"), [(0.7, "0.7"), (1, "1"), (-0.5, "-0.5"), (1e-7, "0.0000001"), (1e22, "10000000000000000000000")]
)
def test_a_weight_is_said_without_an_exponent(weight: float, said: str):
    assert with_loras("a robot", [("rust", weight)]) == f"<lora:rust:{said}>a robot"


@pytest.mark.parametrize("name", ["bad=name", "a:b", "a>b", "<a", "a\nb"])
def test_a_name_that_would_end_or_change_its_place_cannot_be_said(name: str):
    assert not can_be_said(name)


@pytest.mark.parametrize("name", ["rust #2", "style__v2__final", "{a|b}"])
def test_a_name_that_would_be_read_as_a_command_cannot_be_said(name: str):
    assert not can_be_said(name)


@given(
    st.text(alphabet=st.sampled_from("<>:[]|#\\ alor=1"), max_size=40),
    st.lists(st.tuples(st.text(alphabet="ab -_.\\", min_size=1).filter(can_be_said), st.floats(-10, 10)), max_size=3),
)
def test_a_server_finds_the_loras_of_the_job_and_the_prompt_as_it_was(prompt: str, loras: list[tuple[str, float]]):
    if misread(prompt, "sdcpp") is not None:
        return
    whole = with_loras(prompt, loras)
    found = [args.split(":") for kind, args in TAG.findall(whole) if kind == "lora"]
    assert [(name, float(weight)) for name, weight in found] == loras
    assert TAG.sub("", whole) == prompt
