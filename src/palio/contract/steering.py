"""`metadata.palio`: how the owner of a workflow or step wants its jobs raced.

    {"palio": {"objective": "cheapest", "deadline": 60, "providers": ["gpu"], "exclude": ["fal"], "maxPrice": 0.02,
               "hedge": 0.1}}

Everything is optional. What a step says goes before what its workflow says, member by member.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from palio.contract.json import Json, JsonObject
from palio.contract.timespan import read_timespan
from palio.errors import BadRequest

MEMBER = "palio"
MAX_PROVIDERS = 100
MAX_PRICE = 1000.0
MAX_DEADLINE = 7 * 24 * 3600.0
MAX_NAME_LENGTH = 64


class Objective(StrEnum):
    """What to spare: money, both, or time."""

    cheapest = "cheapest"
    balanced = "balanced"
    fastest = "fastest"


@dataclass(frozen=True, slots=True)
class Steering:
    """What the owner wants; None where nothing was said.

    `deadline` is seconds from the creation of the workflow within which its jobs should be done: it steers and ends
    nothing. `providers` are all that may be asked, `exclude` those that may not. `max_price` is USD for one image.
    `hedge` is the share of what jobs cost that may be spent on second attempts; 0 is none.
    """

    objective: Objective | None = None
    deadline: float | None = None
    providers: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    max_price: float | None = None
    hedge: float | None = None

    def over(self, general: "Steering") -> "Steering":
        """This, and where it says nothing, what the workflow says."""
        if self is NO_STEERING:
            return general
        return replace(
            self,
            objective=self.objective or general.objective,
            deadline=general.deadline if self.deadline is None else self.deadline,
            providers=general.providers if self.providers is None else self.providers,
            exclude=self.exclude | general.exclude,
            max_price=general.max_price if self.max_price is None else self.max_price,
            hedge=general.hedge if self.hedge is None else self.hedge,
        )


NO_STEERING = Steering()


def read_steering(metadata: Mapping[str, Json], at: str) -> Steering:
    """The steering in the metadata that stands at `at`; BadRequest with all that is wrong in it."""
    raw = metadata.get(MEMBER)
    if raw is None:
        return NO_STEERING
    at = f"{at}.{MEMBER}"
    if not isinstance(raw, dict):
        raise BadRequest.at(at, "must be an object")
    errors: dict[str, list[str]] = {}
    for name in (name for name in raw if name not in _MEMBERS):
        errors.setdefault(f"{at}.{name[:100]}", []).append(f"is not known; known are {', '.join(sorted(_MEMBERS))}")
    steering = Steering(
        objective=_objective(raw.get("objective"), f"{at}.objective", errors),
        deadline=_deadline(raw.get("deadline"), f"{at}.deadline", errors),
        providers=_names(raw.get("providers"), f"{at}.providers", errors),
        exclude=_names(raw.get("exclude"), f"{at}.exclude", errors) or frozenset(),
        max_price=_number(raw.get("maxPrice"), f"{at}.maxPrice", MAX_PRICE, errors),
        hedge=_hedge(raw.get("hedge"), f"{at}.hedge", errors),
    )
    if errors:
        path, messages = next(iter(errors.items()))
        raise BadRequest(f"{path}: {messages[0]}", errors)
    return steering


def unknown_providers(metadata: JsonObject, at: str, known: frozenset[str]) -> dict[str, list[str]]:
    """What to say, by path, of provider names in metadata that nobody has here."""
    raw = metadata.get(MEMBER)
    errors: dict[str, list[str]] = {}
    if not isinstance(raw, dict):
        return errors
    for member in ("providers", "exclude"):
        names = raw.get(member)
        for index, name in enumerate(names if isinstance(names, list) else ()):
            if name not in known:
                places = f"{at}.{MEMBER}.{member}[{index}]"
                errors[places] = [f"there is no provider `{name}`; there are {', '.join(sorted(known)) or 'none'}"]
    return errors


_Errors: TypeAlias = dict[str, list[str]]

_MEMBERS = frozenset({"objective", "deadline", "providers", "exclude", "maxPrice", "hedge"})


def _objective(value: Json, at: str, errors: _Errors) -> Objective | None:
    if value is None:
        return None
    if isinstance(value, str) and value.lower() in Objective.__members__:
        return Objective(value.lower())
    errors[at] = [f"must be one of {', '.join(Objective)}"]
    return None


def _deadline(value: Json, at: str, errors: _Errors) -> float | None:
    if isinstance(value, str):
        try:
            value = read_timespan(value, at).total_seconds()
        except BadRequest:
            errors[at] = ["must be seconds, or a time span such as 00:01:30"]
            return None
    return _number(value, at, MAX_DEADLINE, errors)


def _number(value: Json, at: str, highest: float, errors: _Errors) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= highest:
        errors[at] = [f"must be a number from 0 to {highest:g}"]
        return None
    return float(value)


def _hedge(value: Json, at: str, errors: _Errors) -> float | None:
    if value is False:
        return 0.0
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1):
        return value
    errors[at] = ["must be a share from 0 to 1 of what jobs cost, or false"]
    return None


def _names(value: Json, at: str, errors: _Errors) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_PROVIDERS:
        errors[at] = [f"must be an array of at most {MAX_PROVIDERS} names of providers"]
        return None
    names = [name for name in value if isinstance(name, str) and 1 <= len(name) <= MAX_NAME_LENGTH]
    if len(names) < len(value):
        errors[at] = [f"must hold only names of 1 to {MAX_NAME_LENGTH} characters"]
    return frozenset(names)
