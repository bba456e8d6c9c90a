"""How prompts name an embedding to ComfyUI, which passes over one that it cannot read."""

import pytest

from palio.providers.base import Incapable
from palio.providers.comfyui.embedding import with_embedding


@pytest.mark.parametrize(
    ("prompt", "written"),
    [
        ("bad, rust", "embedding:bad, rust"),
        ("rust, bad", "rust, embedding:bad"),
        ("rust,bad,fog", "rust, embedding:bad ,fog"),
        ("No bad.", "No embedding:bad ."),
        ("bad; rust", "embedding:bad ; rust"),
        ("a (bad:1.2) day", "a (embedding:bad:1.2) day"),
        ("((bad))", "((embedding:bad))"),
        ("so bad: rust", "so embedding:bad : rust"),
        (r"so \(bad\)", r"so \( embedding:bad \)"),
    ],
)
def test_it_is_a_word_of_its_own_whatever_stands_beside_it(prompt: str, written: str):
    assert with_embedding("bad.pt", [prompt]) == [written]


@pytest.mark.parametrize("file", ["bad hands.pt", "bad,hands.pt", "bad(1).safetensors"])
def test_a_name_that_would_be_read_in_part_is_declined(file: str):
    with pytest.raises(Incapable, match="cannot name the embedding"):
        with_embedding(file, [file.removesuffix(".pt").removesuffix(".safetensors")])
