"""When a run is asked about again. Pure: the time and the source of randomness are passed in."""

from random import Random

SHORTEST, LONGEST = 0.25, 5.0
"""Seconds between two questions."""
SHARE = 0.1
"""Of the time that a run has taken so far: a long one is asked about less often."""
LONGEST_ASKED_FOR = 60.0
"""Seconds. A vendor that asks for a longer pause is asked again all the same."""


def gap(elapsed: float, asked_for: float | None, random: Random, least: float = 0.0) -> float:
    """Seconds to wait after a run has been under way for `elapsed` seconds, `least` where many are asked about.

    `asked_for` is what the vendor said in `Retry-After`. Up to a fifth is left to chance, so that many runs that
    began together do not ask together.
    """
    own = max(least, min(max(elapsed * SHARE, SHORTEST), LONGEST)) * (1 + 0.2 * random.random())
    return max(own, min(asked_for or 0.0, LONGEST_ASKED_FOR))
