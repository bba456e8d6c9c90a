"""AIR: reading and writing the names of models."""

import re

import pytest

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
