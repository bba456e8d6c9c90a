"""Words in quotation marks: to be lettered as they stand, never drawn."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 240
_MARKS: Final = (
    rf'"([^"]{{1,{_LONGEST}}})"',
    rf"“([^“”]{{1,{_LONGEST}}})”",
    rf"„([^„“”]{{1,{_LONGEST}}})[“”]",
    rf"«([^«»]{{1,{_LONGEST}}})»",
    # An apostrophe inside a word opens and closes nothing.
    rf"(?<!\w)'([^'\n]{{1,{_LONGEST}}})'(?!\w)",
    rf"(?<!\w)‘([^‘’\n]{{1,{_LONGEST}}})’(?!\w)",
)
_QUOTED: Final = re.compile("|".join(_MARKS))
_WORD: Final = re.compile(r"\w")


def unquoted(prompt: str) -> tuple[str, str]:
    """What the prompt says outside its quotation marks, and the words inside them. A prompt that is one quotation as
    a whole quotes nothing."""
    quotations = [
        words for match in _QUOTED.finditer(prompt) if _WORD.search(words := next(filter(None, match.groups())))
    ]
    outside = _QUOTED.sub(" , ", prompt)
    if not quotations or not _WORD.search(outside):
        return prompt, ""
    return outside, " ".join(" ".join(quotations).split())
