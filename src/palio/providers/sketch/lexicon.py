"""The words the illustrator knows, compiled once from `lexicon.toml` and the emoji names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

LONGEST_PHRASE: Final = 5

_FACETS: Final = ("places", "lights", "weathers", "seasons", "media", "celestials")
_WITHOUT_PICTURE: Final = re.compile(
    r"skin tone|button|arrow|square|circle|keycap|input|o.clock|thirty|\bmark\b|\bflag\b|symbol|\bsign\b|prohibited"
    r"|blood type|\bsuit\b|diamond|no one|\bno\b|card index|banknote|currency|zodiac|hand\b|hands\b|finger|fist"
    r"|\bface with|\bblood\b|heavy|curly loop|toilet|middle"
)
_IRREGULAR_PLURALS: Final = {
    "mice": "mouse",
    "geese": "goose",
    "men": "man",
    "women": "woman",
    "children": "child",
    "wolves": "wolf",
    "knives": "knife",
    "leaves": "leaf",
    "elves": "elf",
    "calves": "calf",
    "loaves": "loaf",
    "oxen": "ox",
    "teeth": "tooth",
    "feet": "foot",
    "cacti": "cactus",
    "octopi": "octopus",
    "cherries": "cherry",
}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Every table is keyed by a normalised phrase: lower case, single spaces, no hyphens."""

    subjects: Mapping[str, str]
    settings: Mapping[str, tuple[tuple[str, str], ...]]
    relations: Mapping[str, str]
    numbers: Mapping[str, int]
    sizes: Mapping[str, float]
    colours: Mapping[str, str]
    materials: Mapping[str, str]
    sleeping: frozenset[str]
    swimming: frozenset[str]
    homes: Mapping[str, str]
    habits: Mapping[str, frozenset[str]]
    heights: Mapping[str, float]
    figures: Mapping[str, Mapping[str, str]]
    faces: Mapping[str, str]
    seats: Mapping[str, float]
    garments: Mapping[str, float]
    crops: Mapping[str, float]
    drafts: Mapping[str, float]

    def subject(self, phrase: str) -> tuple[str, bool] | None:
        """The art name a phrase means, and whether the phrase was a plural."""
        if phrase in self.subjects:
            return self.subjects[phrase], False
        for singular in singulars(phrase):
            if singular in self.subjects:
                return self.subjects[singular], True
        return None

    def has_habit(self, name: str, habit: str) -> bool:
        return name in self.habits[habit]

    def is_portable(self, name: str) -> bool:
        """Whether a subject is a thing that another may carry, as far as the tables tell."""
        alive = name in self.figures or name in self.faces or name in self.habits["astride"]
        return not alive and not any(name in self.habits[habit] for habit in ("swims", "floats", "backdrops", "crafts"))

    def height(self, name: str) -> float:
        """How tall the subject stands, where 1 is an ordinary subject."""
        return self.heights.get(name, 1.0)


def normalised(phrase: str) -> str:
    return " ".join(re.sub(r"[-_‐‑–]", " ", phrase.lower().replace("’", "'")).split())


def singulars(phrase: str) -> Iterator[str]:
    """The singular spellings an English plural may have; nothing for a word that cannot be one."""
    head, _, last = phrase.rpartition(" ")
    stem = f"{head} " if head else ""
    if last in _IRREGULAR_PLURALS:
        yield stem + _IRREGULAR_PLURALS[last]
    if len(last) > 4 and last.endswith("ies"):
        yield f"{stem}{last[:-3]}y"
    if len(last) > 4 and last.endswith("es"):
        yield stem + last[:-2]
    if len(last) > 3 and last.endswith("s") and not last.endswith("ss"):
        yield stem + last[:-1]


@cache
def lexicon() -> Lexicon:
    """The compiled word list: tens of milliseconds the first time, free after."""
    data = tomllib.loads(files(__package__).joinpath("lexicon.toml").read_text("utf-8"))
    ignored = set(data["ignored"]["words"].split())
    subjects = {phrase: name for phrase, name in _emoji_names() if phrase not in ignored}
    subjects.update((normalised(phrase), name) for phrase, name in data["subjects"].items())
    subjects.update((normalised(name), name) for name in data["figures"])
    return Lexicon(
        subjects=subjects,
        settings=_settings({facet: data[facet] for facet in _FACETS}),
        relations=_inverted(data["relations"]),
        numbers=data["numbers"],
        sizes=data["sizes"],
        colours=data["colours"],
        materials={normalised(word): colour for word, colour in data["materials"].items()},
        sleeping=frozenset(data["sleeping"]["words"]),
        swimming=frozenset(data["swimming"]["words"]),
        homes={name: place for place, names in data["homes"].items() for name in names},
        habits={habit: frozenset(names) for habit, names in data["habits"].items()},
        heights={name: float(height) for height, names in data["heights"].items() for name in names},
        figures=data["figures"] | _asleep(data["figures"]),
        faces=data["faces"],
        seats=data["seats"],
        garments=data["garments"],
        crops=data["crops"],
        drafts=data["drafts"],
    )


def _emoji_names() -> list[tuple[str, str]]:
    """Each alias, then each English name, of a pictured emoji with the name its art is looked up by."""
    import emoji

    names: list[tuple[str, str]] = []
    full_names: list[tuple[str, str]] = []
    for entry in emoji.EMOJI_DATA.values():
        name = str(entry["en"]).strip(":").replace("_", " ")
        if entry["status"] != emoji.STATUS["fully_qualified"] or _WITHOUT_PICTURE.search(name.lower()):
            continue
        aliases = [str(alias) for alias in entry.get("alias", ())]
        if any(alias.startswith((":flag_", ":flag-")) for alias in aliases):
            continue
        phrases = (normalised(alias.strip(":")) for alias in aliases)
        names += ((phrase, name) for phrase in phrases if len(phrase) > 1 and not phrase[-1].isdigit())
        full_names.append((normalised(name), name))
    return [*names, *full_names]


def _settings(
    facets: Mapping[str, Mapping[str, list[str]]],
) -> dict[str, tuple[tuple[str, str], ...]]:
    meanings: dict[str, tuple[tuple[str, str], ...]] = {}
    for facet, values in facets.items():
        for value, phrases in values.items():
            for phrase in phrases:
                key = normalised(phrase)
                meanings[key] = (*meanings.get(key, ()), (facet, value))
    return meanings


def _inverted(table: Mapping[str, list[str]]) -> dict[str, str]:
    return {normalised(phrase): value for value, phrases in table.items() for phrase in phrases}


def _asleep(figures: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """The figures that can close their eyes, as further figures."""
    return {f"{name} asleep": {**look, "lids": look["eyes"]} for name, look in figures.items() if "eyes" in look}
