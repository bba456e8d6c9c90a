"""What a job that is not over can be expected to do next; known to the process that runs it, and never stored."""

from dataclasses import dataclass

NEARLY = 0.95
"""A run that takes longer than expected is shown as that far at most, unless its provider says more."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far a run is (0..1), or how many jobs are before it; seconds until it may begin and end.

    Where `is_preparing`, `rate` is how far what the run needs first has come.
    """

    rate: float | None = None
    preceding: int | None = None
    starts_in: float | None = None
    ends_in: float | None = None
    is_preparing: bool = False

    @classmethod
    def of_running(cls, said: float | None, ahead: int | None, age: float, expected: float) -> "Outlook":
        """A run `age` seconds old, expected to take so many, of which its provider says how far it is.

        With `ahead` it says that so many others come before it, and the run has not begun.
        """
        if ahead is not None:
            return cls(preceding=ahead, ends_in=(ahead + 1) * expected)
        rate = min(NEARLY, age / expected) if said is None and expected > 0 else said
        return cls(rate=rate, ends_in=max(0.0, expected - age))

    @classmethod
    def of_preparing(cls, rate: float, age: float, preparation: float, expected: float) -> "Outlook":
        """A run that is being prepared, for `age` seconds by now; that was thought to take `preparation` seconds."""
        left = age * (1 - rate) / rate if rate > 0 else max(0.0, preparation - age)
        return cls(rate=rate, starts_in=left, ends_in=left + expected, is_preparing=True)
