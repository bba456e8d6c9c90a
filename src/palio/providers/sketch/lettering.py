"""A hand-made stroke alphabet, so that words can be set without any font on the machine."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from palio.providers.sketch.svg import at, line

CAPTION_CHARACTERS: Final = 120

_ADVANCE: Final = 5.6
_LEADING: Final = 9.6
_CAP_HEIGHT: Final = 6.0
_LARGEST: Final = 22.0

# Strokes on a grid 4 wide and 6 high, y downwards: polylines of "xy" digit pairs; "." is a dot.
_STROKES: Final = {
    "A": "06 20 46|14 34",
    "B": "00 06 36 45 44 33 03|00 30 41 42 33",
    "C": "41 30 10 01 05 16 36 45",
    "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46|03 33",
    "F": "40 00 06|03 33",
    "G": "41 30 10 01 05 16 36 45 43 23",
    "H": "00 06|40 46|03 43",
    "I": "10 30|20 26|16 36",
    "J": "40 45 36 16 05",
    "K": "00 06|40 03 46",
    "L": "00 06 46",
    "M": "06 00 23 40 46",
    "N": "06 00 46 40",
    "O": "10 01 05 16 36 45 41 30 10",
    "P": "06 00 30 41 42 33 03",
    "Q": "10 01 05 16 36 45 41 30 10|24 46",
    "R": "06 00 30 41 42 33 03|23 46",
    "S": "41 30 10 01 02 13 33 44 45 36 16 05",
    "T": "00 40|20 26",
    "U": "00 05 16 36 45 40",
    "V": "00 26 40",
    "W": "00 16 23 36 40",
    "X": "00 46|40 06",
    "Y": "00 23 40|23 26",
    "Z": "00 40 06 46",
    "0": "10 01 05 16 36 45 41 30 10|14 32",
    "1": "11 20 26|16 36",
    "2": "01 10 30 41 42 06 46",
    "3": "00 40 22 33 44 45 36 16 05",
    "4": "36 30 04 44",
    "5": "40 00 02 32 43 45 36 06",
    "6": "40 20 02 05 16 36 45 43 32 03",
    "7": "00 40 16",
    "8": "10 01 02 13 33 44 45 36 16 05 04 13|33 42 41 30 10",
    "9": "06 26 44 41 30 10 01 02 13 43",
    ".": ".26",
    ",": "25 16",
    "!": "20 24|.26",
    "?": "01 10 30 41 42 23 24|.26",
    ":": ".22|.25",
    ";": ".22|25 16",
    "'": "20 21",
    '"': "10 11|30 31",
    "-": "13 33",
    "+": "13 33|22 24",
    "=": "12 32|14 34",
    "/": "40 06",
    "\\": "00 46",
    "(": "30 11 15 36",
    ")": "10 31 35 16",
    "[": "30 10 16 36",
    "]": "10 30 36 16",
    "<": "41 13 45",
    ">": "01 33 05",
    "&": "46 11 20 31 04 05 16 26 44",
    "#": "10 16|30 36|02 42|04 44",
    "%": "40 06|.01|.45",
    "*": "22 24|13 33|12 34|32 14",
    "_": "06 46",
    "@": "33 22 13 24 34 43 41 30 10 01 05 16 36",
    "$": "41 10 01 13 33 45 36 05|20 26",
}
_PUNCTUATION: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "."})
# For letters outside the alphabet: one of a few ornaments each, so that a line keeps its rhythm.
_ORNAMENTS: Final = (
    "20 42 24 02 20|.26",
    "03 21 43 25 03",
    "10 30 42 33 13 02 10|23 26",
    "06 01 20 41 46|.23",
    "00 40|02 42|04 44|06 46",
    "20 26|01 25 41|03 26 43",
    "10 01 12 21 10|30 41 32 21|13 16 36 33 13",
    "03 12 23 34 43|05 14 25 36 45",
)


def caption(words: str, x: float, y: float, width: float, height: float, colour: str, shade: str) -> str:
    """The words, centred on x and set upwards from y, as stroked paths in at most `width` x `height`."""
    text = _settable(words)
    if not text:
        return ""
    lines, size = _fitted(text, width, height)
    parts = []
    for offset, tone in ((size * 0.35, shade), (0.0, colour)):
        commands = ""
        for row, letters in enumerate(lines):
            left = x - (len(letters) * _ADVANCE - (_ADVANCE - 4)) * size / 2
            top = y - ((len(lines) - row) * _LEADING - (_LEADING - _CAP_HEIGHT)) * size
            for column, letter in enumerate(letters):
                commands += _letter(letter, left + column * _ADVANCE * size, top + offset, size)
        parts.append(line(commands, tone, size * 0.86))
    return "".join(parts)


def _settable(words: str) -> str:
    """Upper case without accents; control and joining characters dropped, long text cut at a word."""
    text = unicodedata.normalize("NFKD", words[: CAPTION_CHARACTERS * 4].translate(_PUNCTUATION))
    kept = (
        " " if letter.isspace() else letter
        for letter in text
        if unicodedata.category(letter)[0] not in "CM" or letter.isspace()
    )
    text = " ".join("".join(kept).upper().split())
    if len(text) > CAPTION_CHARACTERS:
        text = text[:CAPTION_CHARACTERS].rsplit(" ", 1)[0] + "..."
    return text


def _fitted(text: str, width: float, height: float) -> tuple[list[str], float]:
    """The line breaks that let the letters be largest; the size is in canvas units for one grid step."""
    best: tuple[list[str], float] = ([text], 0.0)
    for measure in (9, 12, 15, 18, 22, 27, 33, 40, 60):
        lines = _broken(text, measure)
        longest = max(len(letters) for letters in lines)
        size = min(width / (longest * _ADVANCE), height / (len(lines) * _LEADING), _LARGEST)
        if size > best[1] + 0.01:
            best = (lines, size)
    return best


def _broken(text: str, measure: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        while len(word) > measure:
            lines.append(word[:measure])
            word = word[measure:]
        if len(lines[-1]) + len(word) + 1 <= measure or not lines[-1]:
            lines[-1] = f"{lines[-1]} {word}".strip()
        else:
            lines.append(word)
    return [letters for letters in lines if letters]


def _letter(letter: str, left: float, top: float, size: float) -> str:
    if letter == " ":
        return ""
    strokes = _STROKES.get(letter) or _ORNAMENTS[ord(letter) % len(_ORNAMENTS)]
    return "".join(_stroke(stroke, left, top, size) for stroke in strokes.split("|"))


def _stroke(stroke: str, left: float, top: float, size: float) -> str:
    def place(pair: str) -> str:
        return f"{at(left + int(pair[0]) * size, top + int(pair[1]) * size)}"

    if stroke.startswith("."):
        return f"M{place(stroke[1:])}h0.1"
    points: Sequence[str] = stroke.split(" ")
    return "M" + "L".join(place(pair) for pair in points)
