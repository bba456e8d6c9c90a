"""Bodies for art that is only a head or a bust, so that it can stand or sit in a scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIGURE_WIDTH: Final = 84.0
FIGURE_HEIGHT: Final = 118.0

_INK: Final = 'stroke="#000000" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"'
_SKIN: Final = "#fcea2b"
_BARE: Final = f'fill="none" {_INK}'


def figure(head: str, look: Mapping[str, str]) -> str:
    """The inner SVG of a whole figure, `FIGURE_WIDTH` x `FIGURE_HEIGHT`, from the inner SVG of a 72 x 72 head."""
    coat, belly = look["coat"], look["belly"]
    head += _lids(look["lids"], coat) if "lids" in look else ""
    match look["pose"]:
        case "sitting":
            return _sitting(head, coat, belly, look["tail"])
        case "robot":
            return _robot(head, coat, belly)
        case "robe":
            return _robe(head, coat, belly)
        case _:
            return _standing(head, coat, belly)


def _sitting(head: str, coat: str, belly: str, tail: str) -> str:
    return (
        _tail(tail, coat, belly)
        + f'<path fill="{coat}" {_INK} d="M42 54C29 56 22 78 20 100C19 108 23 113 30 113H54C61 113 65 108 64 100'
        f'C62 78 55 56 42 54Z"/><path fill="{belly}" d="M42 62C34 64 32 86 33 110H51C52 86 50 64 42 62Z"/>'
        f'<path {_BARE} d="M33 88C33 98 34 104 34 110M51 88C51 98 50 104 50 110"/>'
        f'<ellipse cx="31" cy="112" rx="8" ry="4.5" fill="{coat}" {_INK}/>'
        f'<ellipse cx="53" cy="112" rx="8" ry="4.5" fill="{coat}" {_INK}/>'
        f'<g transform="translate(6.8 -1)scale(0.98)">{head}</g>'
    )


def _tail(tail: str, coat: str, belly: str) -> str:
    match tail:
        case "bushy":
            return (
                f'<path fill="{coat}" {_INK} d="M58 110C80 112 86 90 78 70C74 62 66 68 69 76C73 88 68 98 56 98Z"/>'
                f'<path fill="{belly}" d="M78 71C74 64 68 69 70 76C71 79 72 81 72 84L80.5 80C80 77 79 74 78 71Z"/>'
            )
        case "long":
            sweep = "M58 108C74 110 80 96 74 82"
            return (
                f'<path fill="none" stroke="#000000" stroke-width="8" stroke-linecap="round" d="{sweep}"/>'
                f'<path fill="none" stroke="{coat}" stroke-width="4.5" stroke-linecap="round" d="{sweep}"/>'
            )
        case "stub":
            return f'<circle cx="66" cy="104" r="6" fill="{coat}" {_INK}/>'
        case _:
            return ""


def _standing(head: str, coat: str, belly: str) -> str:
    return (
        _hand(17.5, 91) + _hand(66.5, 91) + f'<path fill="{belly}" {_INK} d="M27 88H41V114H27ZM43 88H57V114H43Z"/>'
        f'<path fill="#3f3f3f" {_INK} d="M24 111H41V116H22ZM43 111H60L62 116H43Z"/>'
        f'<path fill="{coat}" {_INK} d="M23 60C16 68 13 78 14 90H21L26 74ZM61 60C68 68 71 78 70 90H63L58 74Z"/>'
        f'<path fill="{coat}" d="M22 55H62L59 92H25Z"/><path {_BARE} d="M24 66L25 92H59L60 66"/>'
        f'<g transform="translate(6 0)">{head}</g>'
    )


def _robe(head: str, coat: str, belly: str) -> str:
    return (
        _hand(13.5, 95) + _hand(70.5, 95) + f'<path fill="#3f3f3f" {_INK} d="M28 112H40V117H25ZM44 112H56L59 117H44Z"/>'
        f'<path fill="{coat}" {_INK} d="M23 62C15 72 10 82 9 92L18 95L28 78ZM61 62C69 72 74 82 75 92L66 95L56 78Z"/>'
        f'<path fill="{coat}" {_INK} d="M22 56H62L70 113H14Z"/><path fill="{belly}" d="M38 60H46L50 112H34Z"/>'
        f'<path {_BARE} d="M38 62L34 112M46 62L50 112"/><g transform="translate(6 0)">{head}</g>'
    )


def _robot(head: str, coat: str, belly: str) -> str:
    return (
        f'<path fill="{coat}" {_INK} d="M28 94H38V112H28ZM46 94H56V112H46Z"/>'
        f'<path fill="#9b9b9a" {_INK} d="M23 110H39V116H23ZM45 110H61V116H45Z"/>'
        '<path fill="none" stroke="#000000" stroke-width="9" stroke-linecap="round" d="M22 68L11 82M62 68L73 82"/>'
        f'<path fill="none" stroke="{coat}" stroke-width="5" stroke-linecap="round" d="M22 68L11 82M62 68L73 82"/>'
        f'<circle cx="10" cy="86" r="6" fill="#9b9b9a" {_INK}/><circle cx="74" cy="86" r="6" fill="#9b9b9a" {_INK}/>'
        f'<path fill="{coat}" {_INK} d="M36 54H48V64H36Z"/><path fill="{coat}" {_INK} d="M24 62H60V98H24Z"/>'
        '<path fill="#000000" fill-opacity="0.1" d="M50 63H59V97H50Z"/>'
        f'<circle cx="42" cy="78" r="8" fill="{belly}" {_INK}/>'
        f'<path {_BARE} d="M32 91H52"/><g transform="translate(6 0)">{head}</g>'
    )


def _hand(x: float, y: float) -> str:
    return f'<circle cx="{x}" cy="{y}" r="4.5" fill="{_SKIN}" {_INK}/>'


def _lids(eyes: str, coat: str) -> str:
    """Closed eyes over the open ones of the head."""
    left, right, down = (float(part) for part in eyes.split())
    return "".join(
        f'<ellipse cx="{x}" cy="{down}" rx="4.2" ry="4.2" fill="{coat}"/>'
        f'<path {_BARE} d="M{x - 3.4:.1f} {down}q3.4 3.6 6.8 0"/>'
        for x in (left, right)
    )
