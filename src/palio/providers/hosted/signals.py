"""What a vendor's answer means. Pure.

Every adapter has a table of signals; the first row that matches an answer says what it means, and rows that hold for
HTTP in general come last. `judge` then says what follows from a meaning in each phase of a run. What it means that no
answer came is in `wire.MEANING`.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import httpx
import msgspec

from palio.contract.json import Json
from palio.providers.base import (
    Ambiguous,
    Incapable,
    KeyRefused,
    Lost,
    NotAccepted,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unfunded,
)
from palio.providers.wire import Answer


class Phase(StrEnum):
    """What was asked."""

    submit = "submit"
    """Take this job on."""
    poll = "poll"
    """How far is it?"""
    result = "result"
    """What came of it?"""
    cancel = "cancel"
    """Stop it."""


class Meaning(StrEnum):
    """What an answer says."""

    accepted = "accepted"
    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    canceled = "canceled"
    refused = "refused"
    """Moderation said no."""
    invalid = "invalid"
    """The vendor cannot do this as it was asked."""
    unfunded = "unfunded"
    key_refused = "keyRefused"
    rate_limited = "rateLimited"
    overloaded = "overloaded"
    """It takes nothing now, and did not begin."""
    lost = "lost"
    """There is no such thing, or no longer."""
    unanswered = "unanswered"
    """It was handed on, and no answer came back to who answers for it."""
    unreadable = "unreadable"
    """An answer came that says nothing: an HTML page, half a document."""


class Reply:
    """A complete answer. `json` is None where the body is none, `about` the id of the run that was asked about."""

    def __init__(self, answer: Answer, about: str = "") -> None:
        self.answer = answer
        self.about = about
        self.status: int = answer.status
        self.headers: httpx.Headers = answer.headers
        self.json: Json = _json(answer.body)

    def at(self, *path: str | int) -> Json:
        """The value at a path of member names and indices; None where there is nothing."""
        value = self.json
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def text(self, *path: str | int) -> str:
        """The string at a path; empty where there is none."""
        value = self.at(*path)
        return value if isinstance(value, str) else ""

    def number(self, *path: str | int) -> float | None:
        """The number at a path; None where there is none."""
        value = self.at(*path)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def items(self, *path: str | int) -> list[Json]:
        """The array at a path; empty where there is none."""
        value = self.at(*path)
        return value if isinstance(value, list) else []


Test: TypeAlias = Callable[[Reply], bool]

SUCCESS: Final = range(200, 300)
ANY_STATUS: Final = range(100, 600)
FOLLOWING: Final = (Phase.poll, Phase.result)
BLAMING: Final = frozenset(range(400, 500)) - {401, 402, 403, 408, 425, 429}
"""Statuses that blame the question."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A row: in these phases, an answer with one of these statuses for which `when` holds has this meaning.

    `name` is unique in its table, and says in a few words what is seen.
    """

    name: str
    meaning: Meaning
    status: Collection[int]
    when: Test = lambda reply: True
    phases: Collection[Phase] = tuple(Phase)

    def matches(self, phase: Phase, reply: Reply) -> bool:
        """Whether this row is about an answer."""
        return phase in self.phases and reply.status in self.status and self.when(reply)


HTTP: Final[Sequence[Signal]] = (
    # Of a run that was begun, and may be paid, only the vendor's own words say that it is gone or cannot be done.
    Signal("4xx of a run", Meaning.unanswered, BLAMING, phases=FOLLOWING),
    Signal("401", Meaning.key_refused, {401}),
    Signal("402", Meaning.unfunded, {402}),
    Signal("403", Meaning.key_refused, {403}),
    Signal("404", Meaning.lost, {404, 410}),
    Signal("429", Meaning.rate_limited, {429}),
    Signal("408, 425 or 503", Meaning.overloaded, {408, 425, 503}),
    Signal("any other 4xx", Meaning.invalid, range(400, 500)),
    # Who failed on the way, or gave up waiting for who stands behind it, says nothing of what was taken.
    Signal("any other 5xx", Meaning.unanswered, range(500, 600)),
)
"""What statuses mean wherever a vendor's own rows say nothing else."""
UNREADABLE: Final = Signal("no answer that is known", Meaning.unreadable, ANY_STATUS)


class Verdict(StrEnum):
    """What to do after an answer that is no failure of the run."""

    go_on = "goOn"
    wait = "wait"
    """The run is under way: ask again."""
    insist = "insist"
    """The answer says nothing of the run: ask again, but not for ever."""


Judgement: TypeAlias = Verdict | type[ProviderError]

_SUBMITTED: Final[dict[Meaning, Judgement]] = {
    Meaning.accepted: Verdict.go_on,
    Meaning.queued: Verdict.go_on,
    Meaning.running: Verdict.go_on,
    Meaning.done: Verdict.go_on,
    Meaning.failed: RunFailed,
    Meaning.canceled: RunFailed,
    Meaning.refused: Refused,
    Meaning.invalid: Incapable,
    Meaning.unfunded: Unfunded,
    Meaning.key_refused: KeyRefused,
    Meaning.rate_limited: RateLimited,
    Meaning.overloaded: NotAccepted,
    Meaning.lost: Incapable,
    Meaning.unanswered: Ambiguous,
    Meaning.unreadable: Ambiguous,
}
_FOLLOWED: Final[dict[Meaning, Judgement]] = {
    Meaning.accepted: Verdict.wait,
    Meaning.queued: Verdict.wait,
    Meaning.running: Verdict.wait,
    Meaning.done: Verdict.go_on,
    Meaning.failed: RunFailed,
    Meaning.canceled: RunFailed,
    Meaning.refused: Refused,
    Meaning.invalid: Incapable,
    # The run was begun and may be paid: that its account is in trouble now says nothing of it.
    Meaning.unfunded: Verdict.insist,
    Meaning.key_refused: Verdict.insist,
    Meaning.rate_limited: Verdict.insist,
    Meaning.overloaded: Verdict.insist,
    Meaning.lost: Lost,
    Meaning.unanswered: Verdict.insist,
    Meaning.unreadable: Verdict.insist,
}
_CANCELED: Final[dict[Meaning, Judgement]] = {
    Meaning.accepted: Verdict.go_on,
    Meaning.queued: Verdict.go_on,
    Meaning.running: Verdict.go_on,
    Meaning.done: Verdict.go_on,
    Meaning.failed: Verdict.go_on,
    Meaning.canceled: Verdict.go_on,
    Meaning.refused: Verdict.go_on,
    # A run that is gone is no error.
    Meaning.lost: Verdict.go_on,
    Meaning.invalid: Incapable,
    Meaning.unfunded: Unfunded,
    Meaning.key_refused: KeyRefused,
    Meaning.rate_limited: RateLimited,
    Meaning.overloaded: NotAccepted,
    Meaning.unanswered: Ambiguous,
    Meaning.unreadable: Ambiguous,
}
_JUDGEMENTS: Final = {
    Phase.submit: _SUBMITTED,
    Phase.poll: _FOLLOWED,
    Phase.result: _FOLLOWED,
    Phase.cancel: _CANCELED,
}


def judge(phase: Phase, meaning: Meaning) -> Judgement:
    """What follows from a meaning: what to do next, or the error that the run ends with."""
    return _JUDGEMENTS[phase][meaning]


def row_in(table: Sequence[Signal], phase: Phase, reply: Reply) -> Signal:
    """The row that an answer matches: of a vendor's table, else of HTTP's."""
    return next((row for row in (*table, *HTTP) if row.matches(phase, reply)), UNREADABLE)


def says(value: str, *path: str | int) -> Test:
    """Whether a string stands at a path."""
    return lambda reply: reply.at(*path) == value


def matches(pattern: str, *path: str | int) -> Test:
    """Whether the string at a path has a place that a pattern matches, in any case."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda reply: compiled.search(reply.text(*path)) is not None


def has(*path: str | int) -> Test:
    """Whether there is anything but null, false and the empty at a path."""
    return lambda reply: bool(reply.at(*path))


def _json(body: bytes) -> Json:
    try:
        value: Json = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return value
