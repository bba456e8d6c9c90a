"""What a prompt says: its subjects, how they stand to one another, and the setting around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from palio.providers.sketch.lexicon import LONGEST_PHRASE, Lexicon, lexicon
from palio.providers.sketch.quotation import unquoted

READ_CHARACTERS: Final = 2_000
MOST_SUBJECTS: Final = 7
MOST_COPIES: Final = 24
PLURAL_COUNT: Final = 3

_TOKEN: Final = re.compile(r"[\ue000-\uefff]|[^\W_]+(?:'[^\W_]+)*|[,.;:!?()\n]")
_PRIVATE: Final = re.compile(r"[\ue000-\uf8ff]")
_LAND: Final = frozenset({"meadow", "forest", "field", "mountain", "desert", "snow", "city", "village"})
_CLAUSE_ENDS: Final = frozenset(",.;:!?()\n")
_SMALL_WORDS: Final = frozenset(
    {
        "the",
        "and",
        "with",
        "from",
        "for",
        "are",
        "its",
        "this",
        "that",
        "very",
        "into",
        "over",
        "image",
        "picture",
        "photo",
        "photograph",
        "drawing",
        "illustration",
        "scene",
        "style",
        "soft",
        "beautiful",
        "cute",
        "detailed",
        "high",
        "quality",
        "some",
        "all",
    }
)


class Relation(StrEnum):
    """How a subject stands to its `target`."""

    ON = "on"
    IN = "in"
    UNDER = "under"
    ABOVE = "above"
    BESIDE = "beside"
    FRONT = "front"
    BEHIND = "behind"
    HELD_BY = "held by"
    WORN_BY = "worn by"
    MATERIAL_OF = "material of"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to draw. `name` is an art name; `tint` recolours its main colour and `material` all of it; `target`
    is the index of the subject that `relation` refers to."""

    name: str
    count: int = 1
    size: float = 1.0
    tint: str | None = None
    material: str | None = None
    sleeping: bool = False
    relation: Relation | None = None
    target: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt understood. `caption` holds the words to letter: those in quotation marks, or all of them when no
    subject was recognised. `has_water` says whether what floats finds open water in this place."""

    subjects: tuple[Subject, ...] = ()
    place: str = "abstract"
    has_water: bool = False
    light: str = "day"
    weather: str | None = None
    season: str | None = None
    medium: str | None = None
    celestial: str | None = None
    without: frozenset[str] = frozenset()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class _Term:
    """A run of words with one meaning; `value` is read according to `kind`."""

    kind: str
    phrase: str
    value: str = ""
    plural: bool = False
    meanings: tuple[tuple[str, str], ...] = ()


def read(prompt: str, negative_prompt: str = "") -> Reading:
    """Read a prompt; whatever the negative prompt names is left out of the subjects and of the scenery."""
    known = lexicon()
    said, quotation = unquoted(prompt[:READ_CHARACTERS])
    terms = _terms(said, known)
    refused = _refused(negative_prompt, known)
    subjects = _without(_subjects(terms, known), refused)
    facets: dict[str, str] = {}
    for facet, value in (meaning for term in terms for meaning in term.meanings):
        if value not in refused and facets.get(facet, "grey") == "grey":
            facets[facet] = value
    place = facets.get("places") or _home(subjects, facets, known)
    banks = [value for term in terms for facet, value in term.meanings if facet == "places" and value in _LAND]
    if place == "sea" and (land := next((bank for bank in banks if bank not in refused), None)):
        place = land
    if place == "room":
        # A room has its window already.
        subjects = _without(subjects, frozenset({"window"}))
    return Reading(
        subjects=subjects,
        place=place,
        has_water=_has_water(place, subjects, terms, refused, known),
        light=facets.get("lights") or _natural_light(place, facets),
        weather=facets.get("weathers"),
        season=facets.get("seasons"),
        medium=facets.get("media"),
        celestial=facets.get("celestials"),
        without=refused,
        caption=quotation or ("" if subjects else _caption(said, terms, place)),
    )


def _terms(prompt: str, known: Lexicon) -> list[_Term]:
    tokens, pictured = _tokens(prompt)
    terms: list[_Term] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token in pictured:
            terms.append(_Term("subject", token, pictured[token]))
            position += 1
            continue
        if token in _CLAUSE_ENDS:
            terms.append(_Term("end", token))
            position += 1
            continue
        for length in range(min(LONGEST_PHRASE, len(tokens) - position), 0, -1):
            phrase = " ".join(tokens[position : position + length])
            term = _term(phrase, tokens[position + length : position + length + 3], known)
            if term:
                terms.append(term)
                position += length
                break
        else:
            terms.append(_Term("other", token))
            position += 1
    return terms


def _tokens(prompt: str) -> tuple[list[str], dict[str, str]]:
    """The prompt's words in lower case, and the art each stand-in character for an emoji refers to."""
    import emoji

    pictured: dict[str, str] = {}

    def stand_in(characters: str, _: dict[str, str]) -> str:
        mark = chr(0xE000 + len(pictured))
        pictured[mark] = emoji.demojize(characters).strip(":").replace("_", " ")
        return f" {mark} "

    text = _PRIVATE.sub(" ", prompt[:READ_CHARACTERS])
    text = emoji.replace_emoji(text, replace=stand_in)
    return _TOKEN.findall(re.sub(r"[-_‐‑–—]", " ", text.lower().replace("’", "'"))), pictured


def _term(phrase: str, following: Sequence[str], known: Lexicon) -> _Term | None:
    """The meaning of a phrase, if it has one; a word both adjective and noun is read by what follows it."""
    if phrase in known.numbers and "of" in following[:1]:
        return _Term("number", phrase)
    subject = known.subject(phrase)
    for kind, table in (("tint", known.colours), ("material", known.materials)):
        if phrase in table and (subject is None or _leads_to_subject(following, known)):
            return _Term(kind, phrase, table[phrase])
    if phrase in known.sizes and (subject is None or _leads_to_subject(following, known)):
        return _Term("size", phrase)
    if phrase in known.settings:
        return _Term("setting", phrase, meanings=known.settings[phrase])
    if phrase in known.relations:
        return _Term("relation", phrase, known.relations[phrase])
    if subject:
        return _Term("subject", phrase, subject[0], plural=subject[1])
    if phrase in known.numbers or (phrase.isdecimal() and len(phrase) < 5):
        return _Term("number", phrase)
    if phrase in known.sleeping:
        return _Term("sleeping", phrase)
    if phrase in known.swimming:
        return _Term("swimming", phrase)
    return None


def _leads_to_subject(following: Sequence[str], known: Lexicon) -> bool:
    for start, token in enumerate(following):
        if token in known.colours or token in known.materials or token in known.sizes:
            return start + 1 < len(following)
        if any(known.subject(" ".join(following[start:end])) for end in range(len(following), start, -1)):
            return True
        if token in _CLAUSE_ENDS or token in known.relations or token in known.settings:
            return False
    return False


@dataclass(slots=True)
class _Sentence:
    """The reader's place in a sentence: what has been said of the noun that is still to come."""

    count: int | None = None
    size: float = 1.0
    tint: str | None = None
    material: str | None = None
    sleeping: bool = False
    relation: str | None = None
    last_relation: str | None = None


def _subjects(terms: Sequence[_Term], known: Lexicon) -> list[Subject]:
    found: list[Subject] = []
    said = _Sentence()
    for previous, term in zip((None, *terms), terms, strict=False):
        match term.kind:
            case "number" if term.phrase not in {"a", "an"}:
                said.count = known.numbers[term.phrase] if term.phrase in known.numbers else int(term.phrase)
            case "size":
                said.size = known.sizes[term.phrase]
            case "material" if said.relation == "material" and found:
                found[-1] = replace(found[-1], material=term.value)
                said = _Sentence()
            case "tint":
                said.tint = term.value
            case "material":
                said.material = term.value
            case "sleeping":
                if found:
                    found[-1] = replace(found[-1], sleeping=True)
                else:
                    said.sleeping = True
            case "relation":
                if term.value != "contains" or (previous and previous.kind == "subject"):
                    said.relation = term.value
            case "subject" if len(found) < MOST_SUBJECTS:
                found.append(_subject(term, said, found, known))
                if said.relation == "watering" and len(found) < MOST_SUBJECTS:
                    found.append(Subject("watering can", relation=Relation.HELD_BY, target=len(found) - 2))
                    said.relation = "holding"
                said = _Sentence(last_relation=said.relation)
            case "setting" | "end":
                said = _Sentence()
            case _:
                pass
    return found


def _subject(term: _Term, said: _Sentence, found: list[Subject], known: Lexicon) -> Subject:
    count = said.count if said.count is not None else PLURAL_COUNT if term.plural else 1
    subject = Subject(
        name=term.value,
        count=max(1, min(count, MOST_COPIES)),
        size=said.size,
        tint=said.tint,
        material=said.material,
        sleeping=said.sleeping,
    )
    if not found or said.relation is None:
        return subject
    anchor = _anchor(found)
    relation = said.relation
    if relation == "beside" and said.last_relation in {"wearing", "holding", "with"}:
        relation = said.relation = said.last_relation
    if relation == "in" and known.has_habit(subject.name, "worn") and not _is_contained(found[anchor], subject, known):
        relation = said.relation = "wearing"
    if relation == "with":
        relation = "holding" if subject.count == 1 and known.is_portable(subject.name) else "beside"
    links = {
        "holding": Relation.HELD_BY,
        "wearing": Relation.WORN_BY,
        "material": Relation.MATERIAL_OF,
        "contains": Relation.IN if known.has_habit(found[anchor].name, "holds") else Relation.BESIDE,
        "watering": Relation.BESIDE,
    }
    if relation in links:
        count = 1 if relation == "wearing" else subject.count
        return replace(subject, relation=links[relation], target=anchor, count=count)
    if found[anchor].relation is None:
        link = Relation.IN if relation == "inside" else Relation(relation)
        found[anchor] = replace(found[anchor], relation=link, target=len(found))
        return subject
    return replace(subject, relation=Relation.BESIDE, target=anchor)


def _is_contained(thing: Subject, vessel: Subject, known: Lexicon) -> bool:
    """Whether "in" means inside even of something worn: coins in a hat."""
    return known.has_habit(vessel.name, "holds") and known.homes.get(thing.name) == "room"


def _anchor(found: Sequence[Subject]) -> int:
    """The subject that the next phrase is about: the holder, not what it holds; the bowl, not its lemons."""
    index = len(found) - 1
    carried = {Relation.HELD_BY, Relation.WORN_BY, Relation.MATERIAL_OF, Relation.IN}
    for _ in range(len(found)):
        subject = found[index]
        if subject.relation not in carried or subject.target is None or subject.target >= index:
            break
        index = subject.target
    return index


def _refused(negative_prompt: str, known: Lexicon) -> frozenset[str]:
    """Art names, setting values and plain words that the negative prompt names."""
    refused: set[str] = set()
    for term in _terms(negative_prompt, known):
        if term.kind in {"subject", "setting", "tint", "material"}:
            refused.add(term.phrase)
            refused.update(value for _, value in term.meanings)
            subject = known.subject(term.phrase)
            if subject or term.value:
                refused.add(subject[0] if subject else term.value)
    return frozenset(refused)


def _without(subjects: Sequence[Subject], refused: frozenset[str]) -> tuple[Subject, ...]:
    kept = [index for index, subject in enumerate(subjects) if subject.name not in refused]
    moved = {old: new for new, old in enumerate(kept)}
    return tuple(
        replace(subjects[index], target=moved[target])
        if (target := subjects[index].target) in moved
        else replace(subjects[index], target=None, relation=None)
        for index in kept
    )


def _home(subjects: Sequence[Subject], facets: dict[str, str], known: Lexicon) -> str:
    """The place the prompt implies: that of what the others stand in or on, then of the first subject with one."""
    bearers = [subject.target for subject in subjects if subject.relation in {Relation.ON, Relation.IN}]
    carried = {Relation.HELD_BY, Relation.WORN_BY, Relation.MATERIAL_OF}
    order = [subjects[index] for index in bearers if index is not None]
    order += [subject for subject in subjects if subject.relation not in carried]
    for subject in order:
        home = known.homes.get(subject.name)
        if home == "space" and facets.get("lights", "night") != "night":
            continue
        if home == "underwater" and subject.relation in {Relation.IN, Relation.ON}:
            continue
        if home == "underwater" and any(known.has_habit(each.name, "floats") for each in subjects):
            return "sea"
        if home:
            return home
    return "meadow" if subjects or facets.keys() & {"weathers", "seasons", "lights", "celestials"} else "abstract"


def _has_water(
    place: str, subjects: Sequence[Subject], terms: Sequence[_Term], refused: frozenset[str], known: Lexicon
) -> bool:
    """Open water is there by nature, because the prompt names it, or because something afloat must lie on it."""
    named = "sea" not in refused and any(("places", "sea") in term.meanings for term in terms)
    if place == "sea" or (place in _LAND and named):
        return True
    habit = "floats" if any(term.kind == "swimming" for term in terms) else "afloat"
    free = {None, Relation.BESIDE, Relation.ABOVE, Relation.FRONT, Relation.BEHIND}
    afloat = any(known.has_habit(each.name, habit) and each.relation in free for each in subjects)
    return afloat and (place == "beach" or place in _LAND)


def _natural_light(place: str, facets: dict[str, str]) -> str:
    if place == "space" or facets.get("celestials") in {"moon", "crescent"} or facets.get("weathers") == "aurora":
        return "night"
    return "grey" if facets.get("weathers") in {"storm", "rain", "fog"} and place != "room" else "day"


def _caption(prompt: str, terms: Sequence[_Term], place: str) -> str:
    unknown = [t for t in terms if t.kind == "other" and len(t.phrase) > 2 and t.phrase not in _SMALL_WORDS]
    return " ".join(_PRIVATE.sub(" ", prompt[:READ_CHARACTERS]).split()) if unknown or place == "abstract" else ""
