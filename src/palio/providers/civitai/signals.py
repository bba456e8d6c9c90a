"""What a workflow's document and a problem document mean. Pure.

A workflow has one step with one image. Moderation is told in two places: of the job that it stopped, and of the image.
"""

from collections.abc import Sequence
from typing import Final

from palio.providers.hosted.signals import FOLLOWING, SUCCESS, Meaning, Phase, Reply, Signal, Test, has, matches, says

MATURE: Final = ("r", "x", "xxx")
IMAGE: Final = ("steps", 0, "output", "images", 0)
JOB: Final = ("steps", 0, "jobs", 0)

_MONEY = r"insufficient|not enough|funds|payment"
_MODERATION = r"mature content|moderat|prohibited|content policy|\bblocked\b"
_CONTENT = r"mature|nsfw|content policy"
_PERMISSION = r"not allowed|permission|forbidden|scope|token|banned|muted"


def is_blocked(reply: Reply) -> bool:
    """Whether moderation stopped the job, or withholds what it made."""
    said = (reply.at(*IMAGE, "blockedReason"), reply.at(*JOB, "blockedReason"))
    return any(said) or reply.text(*JOB, "reason") == "blocked"


def _is_shown(reply: Reply) -> bool:
    return reply.at(*IMAGE, "available") is True and bool(reply.text(*IMAGE, "url"))


def is_withheld(reply: Reply) -> bool:
    """Whether it is mature, which the Buzz that paid for it is not for."""
    return reply.at(*IMAGE, "available") is False and reply.text(*IMAGE, "nsfwLevel") in MATURE


def _is_problem(reply: Reply) -> bool:
    """Whether this is the vendor's own word, and not that of somebody on the way."""
    return reply.number("status") == reply.status


def _succeeded(also: Test) -> Test:
    return lambda reply: reply.text("status") == "succeeded" and also(reply)


def _status(word: str, meaning: Meaning) -> Signal:
    return Signal(word, meaning, SUCCESS, says(word, "status"), {Phase.poll})


SIGNALS: Final[Sequence[Signal]] = (
    Signal("id", Meaning.accepted, SUCCESS, has("id"), {Phase.submit}),
    Signal("400 about money", Meaning.unfunded, {400}, matches(_MONEY, "detail"), {Phase.submit}),
    Signal("400 about content", Meaning.refused, {400}, matches(_MODERATION, "detail"), {Phase.submit}),
    # The body is a bare string. What the account may not have made, and whoever may not submit at all, is told by what
    # it says.
    Signal("403 about content", Meaning.refused, {403}, matches(_CONTENT), {Phase.submit}),
    Signal("403 about permission", Meaning.key_refused, {403}, matches(_PERMISSION), {Phase.submit}),
    Signal("403 with a string", Meaning.unfunded, {403}, lambda reply: isinstance(reply.json, str), {Phase.submit}),
    Signal("403 about money", Meaning.unfunded, {403}, matches(_MONEY, "detail"), {Phase.submit}),
    _status("unassigned", Meaning.queued),
    _status("preparing", Meaning.queued),
    _status("scheduled", Meaning.queued),
    _status("processing", Meaning.running),
    Signal("blocked", Meaning.refused, SUCCESS, is_blocked, {Phase.poll}),
    Signal("succeeded", Meaning.done, SUCCESS, _succeeded(_is_shown), {Phase.poll}),
    Signal("succeeded, withheld", Meaning.refused, SUCCESS, _succeeded(is_withheld), {Phase.poll}),
    # An image may be announced a moment before it is there.
    Signal("succeeded, not there yet", Meaning.unanswered, SUCCESS, _succeeded(has(*IMAGE)), {Phase.poll}),
    Signal("succeeded, no image", Meaning.failed, SUCCESS, says("succeeded", "status"), {Phase.poll}),
    _status("failed", Meaning.failed),
    _status("expired", Meaning.failed),
    _status("canceled", Meaning.canceled),
    Signal("404 of a workflow", Meaning.lost, {404}, _is_problem, FOLLOWING),
    Signal("cancel", Meaning.canceled, SUCCESS, phases={Phase.cancel}),
)
"""The vendor's rows, those of HTTP follow."""
