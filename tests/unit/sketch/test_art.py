"""The art box and the word list agree."""

from __future__ import annotations

from palio.providers.sketch.art import art, coloured, tinted
from palio.providers.sketch.lexicon import lexicon


def test_every_name_the_word_list_refers_to_has_art() -> None:
    known = lexicon()
    tables = [known.homes, known.heights, known.seats, known.drafts, known.figures, *known.habits.values()]
    referred = {name for table in tables for name in table} | set(known.faces.values())

    missing = {name for name in referred if art(name) is None}

    # Names that only an older or newer edition of OpenMoji draws, or that stand for no picture of their own.
    assert missing <= {"flying carpet", "ostrich"}


def test_every_synonym_leads_to_art() -> None:
    ours = {name for phrase, name in lexicon().subjects.items() if art(name) is None}

    # OpenMoji 17 lags the newest emoji by a few.
    assert len(ours) < 12


def test_art_is_only_shapes() -> None:
    for name in ("cat", "fox", "lighthouse", "E0C6"):
        picture = art(name)
        assert picture is not None
        for unwanted in ("<script", "<style", "<image", "href", "url(", "id=", "class="):
            assert unwanted not in picture.body


def test_unknown_art_is_none() -> None:
    assert art("no such thing") is None
    assert art("../../secret") is None


def test_a_tint_changes_the_coat_and_keeps_the_white() -> None:
    fox = art("fox")
    assert fox is not None

    blue = coloured(fox.body, tinted(fox.main, "#3d7fd0"), "#101010")

    assert "#e27022" not in blue
    assert "#3d7fd0" in blue
    assert "#ffffff" in blue
    assert "#000000" not in blue
