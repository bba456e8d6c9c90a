"""Words without a font."""

from __future__ import annotations

import pytest

from palio.providers.sketch.lettering import caption


def lettered(words: str) -> str:
    return caption(words, 500, 900, 800, 300, "#ffffff", "#000000")


def test_words_become_stroked_paths_and_never_text() -> None:
    svg = lettered("Hello, world!")

    assert svg.startswith("<path")
    assert "text" not in svg
    assert "Hello" not in svg


def test_accents_are_dropped_and_case_does_not_matter() -> None:
    assert lettered("CAFÉ") == lettered("cafe")


@pytest.mark.parametrize("words", ["猫と月", "قطة", "שלום", "Ω≈ç", "</svg><script>alert(1)</script>", "&amp;&#x0;"])
def test_letters_outside_the_alphabet_become_ornaments(words: str) -> None:
    svg = lettered(words)

    assert svg.count("<path") == 2
    assert "script" not in svg


@pytest.mark.parametrize("words", ["", "   ", "\x00\x07", "\u200d"])
def test_nothing_to_say_draws_nothing(words: str) -> None:
    assert lettered(words) == ""


def test_long_text_is_cut_at_a_word_and_stays_bounded() -> None:
    assert len(lettered("lorem ipsum " * 2_000)) < 40_000
