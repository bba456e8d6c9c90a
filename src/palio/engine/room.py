"""What a running workflow works with."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from palio.blobs.service import Blobs
from palio.contract.steering import Objective, Steering
from palio.engine.inputs import Inputs
from palio.engine.unheard import Unheard
from palio.providers.base import Provider
from palio.race.field import Field
from palio.store.ledger import Ledger
from palio.store.workflows import Workflows


@dataclass(frozen=True, slots=True)
class RaceRules:
    """What the operator wants of races of whose jobs the owner says nothing.

    `hedge` is the share of what jobs cost that second attempts may cost, `hedge_for` the engines and objectives
    whose jobs get them unasked (`all` for all). `patience` is how long a job waits for providers that do not accept
    any.
    """

    objective: Objective = Objective.balanced
    hedge: float = 0.05
    hedge_for: frozenset[str] = frozenset()
    patience: timedelta = timedelta(minutes=2)

    def hedge_of(self, steering: Steering, engine: str) -> float:
        """The share for a job of an engine."""
        if steering.hedge is not None:
            return steering.hedge
        objective = steering.objective or self.objective
        return self.hedge if self.hedge_for & {engine, objective.value, "all"} else 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """The store, the blobs, the input images, the providers, the race and the rules, shared by all runs.

    `base_url` is put in front of blob URLs that steps hand to each other, `retention` is how long files are kept,
    `step_timeout` what a step gets that names no time-out.
    """

    workflows: Workflows
    ledger: Ledger
    blobs: Blobs
    inputs: Inputs
    providers: Mapping[str, Provider]
    field: Field
    base_url: str
    retention: timedelta
    step_timeout: timedelta
    rules: RaceRules = RaceRules()
    unheard: Unheard = dataclasses.field(default_factory=Unheard)
