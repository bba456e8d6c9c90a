"""What a running workflow works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from palio.blobs.service import Blobs
from palio.engine.inputs import Inputs
from palio.providers.base import Provider
from palio.race.permits import Permits
from palio.store.ledger import Ledger
from palio.store.workflows import Workflows


@dataclass(frozen=True, slots=True)
class Room:
    """The store, the blobs, the input images, the providers and the rules, shared by all runs.

    `base_url` is put in front of blob URLs that steps hand to each other, `retention` is how long files are kept,
    `step_timeout` what a step gets that names no time-out.
    """

    workflows: Workflows
    ledger: Ledger
    blobs: Blobs
    inputs: Inputs
    providers: Mapping[str, Provider]
    base_url: str
    retention: timedelta
    step_timeout: timedelta
    permits: Mapping[str, Permits] = field(init=False)

    def __post_init__(self) -> None:
        permits = {name: Permits(name, provider.concurrency) for name, provider in self.providers.items()}
        object.__setattr__(self, "permits", permits)
