"""What is simulated: providers, accounts, outages and what the jobs are like, read from TOML.

    [jobs]
    hedge = 0.05

    [[accounts]]
    name = "studio"
    rate = 4.0                                # jobs per second

    [[providers]]
    name = "fast"
    places = 60
    price = 0.01                              # USD
    median = 3.0                              # seconds
    stragglers = {share = 0.05, factor = 10}

Everything else has a default. Seconds, USD and shares (0..1) throughout.
"""

import tomllib
from collections.abc import Sequence
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from palio.contract.steering import Objective
from palio.errors import SetupError

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Amount = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; keys that it does not know are errors."""


class Stragglers(Table, frozen=True):
    """Some runs take so many times as long."""

    share: Share
    factor: Annotated[float, Meta(ge=1)]


class Tail(Table, frozen=True):
    """Some runs take longer by a Pareto factor of at least `least`: the lower `alpha`, the heavier."""

    share: Share
    alpha: Annotated[float, Meta(gt=1)] = 1.5
    least: Annotated[float, Meta(ge=1)] = 2.0


class ColdStart(Table, frozen=True):
    """What a first run takes longer after the provider had nothing to do for a while."""

    seconds: Amount
    idle: Positive


class Limit(Table, frozen=True):
    """How many runs a provider lets start in so many seconds; it answers 429 to the others."""

    starts: Count
    seconds: Positive
    retry_after: Amount | None = None
    """What it says in `Retry-After`; nothing, if not given."""


class ProviderTable(Table, frozen=True):
    """A synthetic provider. Service times are log-normal around `median`, for a job with a work of 1."""

    name: Name
    places: Annotated[int, Meta(ge=1, le=100_000)]
    median: Positive
    price: Amount
    spread: Annotated[float, Meta(ge=0, le=3)] = 0.25
    """Standard deviation of the logarithm."""
    said: Positive | None = None
    """What it says of itself that a run takes; the median, if not given."""
    stragglers: Stragglers | None = None
    tail: Tail | None = None
    cold_start: ColdStart | None = None
    failures: Share = 0.0
    """Share of runs that fail under way."""
    refund: Share = 0.0
    quality: float = 0.0
    limit: Limit | None = None
    region: str = ""


class Mode(StrEnum):
    """What a provider does during an outage."""

    refuse = "refuse"
    """It takes no run; those under way go on."""
    fail = "fail"
    """It takes runs that fail at once, and those under way fail."""
    hang = "hang"
    """It takes runs of which nothing is heard, and those under way stall."""


class Outage(Table, frozen=True):
    """Hours in which the providers of a region, or some by name, are not themselves."""

    start: Amount
    lasts: Positive
    mode: Mode = Mode.refuse
    region: str = ""
    providers: tuple[str, ...] = ()
    every: Positive | None = None
    """It comes again after so many seconds, from one start to the next."""
    patience: Positive = 30.0
    """Seconds after which a run of which nothing is heard counts as failed."""


class Bursts(Table, frozen=True):
    """Every so often, for a while, so many times as many jobs."""

    every: Positive
    lasts: Positive
    factor: Annotated[float, Meta(ge=1, le=1000)]
    start: Amount = 0.0


class AccountTable(Table, frozen=True):
    """Accounts that are alike: `count` of them with `rate` jobs a second each, at random (Poisson)."""

    name: Name
    rate: Positive
    count: Annotated[int, Meta(ge=1, le=1000)] = 1
    bursts: Bursts | None = None


class Size(Table, frozen=True):
    """Jobs of a size: `work` says how many times as long they take."""

    work: Positive
    share: Positive


class JobsTable(Table, frozen=True):
    """What jobs are like, and how their owners want them raced."""

    objective: Objective = Objective.balanced
    hedge: Share = 0.0
    deadline: Positive | None = None
    retries: Annotated[int, Meta(ge=0, le=100)] = 2
    patience: Positive = 120.0
    sizes: tuple[Size, ...] = (Size(1.0, 1.0),)


class Scenario(Table, frozen=True):
    """All of it."""

    title: str
    accounts: tuple[AccountTable, ...]
    providers: tuple[ProviderTable, ...]
    about: str = ""
    count: Count = 200_000
    """How many jobs."""
    jobs: JobsTable = JobsTable()
    outages: tuple[Outage, ...] = ()

    def outages_of(self, provider: ProviderTable) -> Sequence[Outage]:
        """Those that a provider has."""
        return [
            outage
            for outage in self.outages
            if provider.name in outage.providers or (outage.region and outage.region == provider.region)
        ]


def load_scenario(name: str) -> Scenario:
    """A scenario from a file, or one of Palio's own by its name. Raises SetupError."""
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        try:
            return read_scenario(path.read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{name} cannot be read: {error}") from None
    own = files(__package__) / "scenarios" / f"{name}.toml"
    if "/" in name or not own.is_file():
        raise SetupError(f"there is no scenario {name}: name a .toml file, or one of {', '.join(scenario_names())}")
    return read_scenario(own.read_text(encoding="utf-8"), name)


def scenario_names() -> list[str]:
    """The scenarios that come with Palio."""
    return sorted(entry.name.removesuffix(".toml") for entry in (files(__package__) / "scenarios").iterdir())


def read_scenario(text: str, name: str) -> Scenario:
    """The scenario in a text. Raises SetupError, which names the key."""
    try:
        scenario = msgspec.convert(tomllib.loads(text), Scenario)
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"{name} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise SetupError(f"{name}: {_in_toml_words(str(error))}") from None
    if wrong := _contradiction(scenario):
        raise SetupError(f"{name}: {wrong}")
    return scenario


def _in_toml_words(message: str) -> str:
    message, _, path = message.partition(" - at `$")
    message = message.replace("Object", "the table").replace("`int`", "a whole number")
    place = path.rstrip("`").lstrip(".")
    return f"{place}: {message}" if place else message


def _contradiction(scenario: Scenario) -> str | None:
    """What is wrong between keys that are right by themselves."""
    if not scenario.providers:
        return "providers: at least one is needed"
    if not scenario.accounts:
        return "accounts: at least one is needed"
    if not scenario.jobs.sizes:
        return "jobs.sizes: at least one is needed"
    names = [provider.name for provider in scenario.providers]
    for index, provider in enumerate(names):
        if provider in names[:index]:
            return f"providers[{index}].name: there is another {provider}"
    accounts = [account.name for account in scenario.accounts]
    for index, account in enumerate(accounts):
        if account in accounts[:index]:
            return f"accounts[{index}].name: there is another {account}"
    regions = {provider.region for provider in scenario.providers}
    for index, outage in enumerate(scenario.outages):
        if not outage.region and not outage.providers:
            return f"outages[{index}]: name a region or providers"
        if outage.region and outage.region not in regions:
            return f"outages[{index}].region: no provider is in {outage.region}"
        if unknown := [provider for provider in outage.providers if provider not in names]:
            return f"outages[{index}].providers: there is no {unknown[0]}"
        if outage.every is not None and outage.every <= outage.lasts:
            return f"outages[{index}].every: must be more than lasts"
    return None
