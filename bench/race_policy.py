"""Measures the race by itself: decisions a second with ten providers, without any I/O.

    python bench/race_policy.py [--decisions N]

A decision is all that is asked of the race for one job: offers sifted and lined up, a place taken, a run begun and
ended.
"""

import argparse
import time
from random import Random

from palio.contract.steering import NO_STEERING
from palio.providers.base import Offer
from palio.race.entry import Task
from palio.race.field import Field
from palio.race.gate import Priority
from palio.race.simulation.clock import VirtualClock
from palio.race.stand import Entrant

PROVIDERS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=20_000)
    count = parser.parse_args().decisions
    field = Field([Entrant(f"provider-{n}", 100) for n in range(PROVIDERS)], VirtualClock(), Random(1))
    offers = [Offer(f"provider-{n}", 2.0 + n / 10, 0.01 + n / 1000, "model") for n in range(PROVIDERS)]
    began = time.process_time()
    for number in range(count):
        task = Task("account", 1.0, (Priority.normal, number))
        sifted, _ = field.sift(offers, NO_STEERING)
        starts = field.line_up(field.contenders(sifted, task.work), task)
        start = field.contest(starts, task, lambda _: None).try_now()
        assert start is not None
        field.started(start.contender, task).succeeded(0.01)
    seconds = time.process_time() - began
    print(f"{count / seconds:,.0f} decisions a second of processor time, {1e6 * seconds / count:.0f} µs each")


if __name__ == "__main__":
    main()
