"""AIR: reading and writing the names of models."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.contract.air import Air, is_air, parse_air


@pytest.mark.parametrize(
    ("text", "air"),
    [
        ("civitai:4384", Air("civitai", "4384")),
        ("civitai:4384@128713", Air("civitai", "4384", version="128713")),
        ("sdxl:civitai:1@2", Air("civitai", "1", "sdxl", version="2")),
        ("air:sdxl:lora:civitai:1@2", Air("civitai", "1", "sdxl", "lora", "2")),
        ("urn:air:sd1:checkpoint:civitai:4384@128713", Air("civitai", "4384", "sd1", "checkpoint", "128713")),
        ("urn:air:sdxl:vae:civitai:1@2.safetensors", Air("civitai", "1", "sdxl", "vae", "2", format="safetensors")),
        ("urn:air:sdxl:lora:civitai:1@2+77.ckpt", Air("civitai", "1", "sdxl", "lora", "2", "77", "ckpt")),
        ("urn:air:sdxl:lora:civitai:1@2+77", Air("civitai", "1", "sdxl", "lora", "2", "77")),
        (
            "urn:air:flux1:repository:huggingface:black-forest-labs/FLUX.1-dev@main",
            Air("huggingface", "black-forest-labs/FLUX.1-dev", "flux1", "repository", "main"),
        ),
        ("civitai:1+77", Air("civitai", "1", file="77")),
        ("civitai:1+77.gguf", Air("civitai", "1", file="77", format="gguf")),
        ("URN:AIR:sdxl:lora:civitai:1", Air("civitai", "1", "sdxl", "lora")),
        # Only a known format is taken off; other dots belong to the version or the id.
        ("urn:air:flux2:diffuser:bfl:flux@v2.0", Air("bfl", "flux", "flux2", "diffuser", "v2.0")),
        ("other:upscaler:site:4x-Ultra.pth", Air("site", "4x-Ultra", "other", "upscaler", format="pth")),
        ("urn:air:other:other:url:x@a=1,b:2%20", Air("url", "x", "other", "other", "a=1,b:2%20")),
        ("urn:air:sd1:model:civitai:2421@43533:unet", Air("civitai", "2421", "sd1", "model", "43533:unet")),
        ("urn:air:flux1:lora:civitai:1@2.sft", Air("civitai", "1", "flux1", "lora", "2", format="sft")),
        ("urn:air:sdxl:model:civitai:1@2.diffuser", Air("civitai", "1", "sdxl", "model", "2", format="diffuser")),
        (
            "urn:air:other:other:civitai-r2:civitai-worker-assets@sam_vit_b_01ec64.pth",
            Air("civitai-r2", "civitai-worker-assets", "other", "other", "sam_vit_b_01ec64", format="pth"),
        ),
    ],
)
def test_an_air_is_taken_apart_and_put_together_again(text: str, air: Air) -> None:
    assert parse_air(text) == air
    assert parse_air(str(air)) == air
    assert str(air) == "urn:air:" + re.sub("^(urn:)?(air:)?", "", text, flags=re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "civitai",
        "civitai:",
        ":4384",
        "civitai:43 84",
        "a:b:c:d:e:f:g",
        "urn:air:sdxl:checkpoint:civitai:1@",
        "urn:air:sdxl:checkpoint:civitai:1@.ckpt",
        "civitai:1+file",
        "civitai:\N{KELVIN SIGN}1",
        "https://example.com/model",
        "file:///etc/passwd",
        "civitai:4384\n",
        "civitai:" + "4" * 512,
    ],
)
def test_what_is_no_air_is_refused(text: str) -> None:
    assert not is_air(text)
    with pytest.raises(ValueError, match="AIR"):
        parse_air(text)


WORD = st.from_regex(r"[A-Za-z0-9_\-/]{1,8}", fullmatch=True)
FORMAT = st.sampled_from(["safetensor", "safetensors", "sft", "ckpt", "pt", "gguf", "diffuser", "diffusers", "zip"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """AIRs in every form, with and without each of their parts."""
    words = draw(st.lists(WORD, min_size=1, max_size=3))
    text = draw(st.sampled_from(["", "urn:", "air:", "urn:air:"])) + ":".join(words)
    text += ":" + draw(st.from_regex(r"[A-Za-z0-9_\-.][A-Za-z0-9_\-/.]{0,9}", fullmatch=True))
    if draw(st.booleans()):
        text += "@" + draw(st.from_regex(r"[A-Za-z0-9_\-][A-Za-z0-9_\-/.=,%+:]{0,9}", fullmatch=True))
    if draw(st.booleans()):
        text += f"+{draw(st.integers(0, 10**6))}"
    return text + (f".{draw(FORMAT)}" if draw(st.booleans()) else "")


@given(texts())
def test_whatever_is_read_is_written_so_that_it_is_read_the_same(text: str) -> None:
    air = parse_air(text)

    assert parse_air(str(air)) == air
    assert str(parse_air(str(air))) == str(air)


@given(st.sampled_from(["", "urn:", "air:", "urn:air:"]))
def test_the_prefix_is_of_no_account(prefix: str) -> None:
    assert parse_air(f"{prefix}sdxl:lora:civitai:1@2+3.ckpt") == Air("civitai", "1", "sdxl", "lora", "2", "3", "ckpt")


@given(st.text(max_size=40))
def test_no_text_is_read_that_is_no_air(text: str) -> None:
    if is_air(text):
        assert parse_air(text)
    else:
        with pytest.raises(ValueError, match="AIR"):
            parse_air(text)
