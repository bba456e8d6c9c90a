"""Measures what it costs a job that ten providers could run it instead of one.

Two servers, in turns. One has a provider that takes no time; the other has nine more that offer at a price, and so
never win. Each request is answered when its workflow is over, one request at a time.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from servers import ONE_PROVIDER, SUBMIT_TO_SUCCESS, Load, Server, call, load, middle, palio

IDLE = 9
AIM_MS = 2.0
LOSER = """
[providers.idle-{number}]
kind = "scripted"
tiny = true
concurrency = 1000
price = {number}
"""
TEN = ONE_PROVIDER + "".join(LOSER.format(number=number) for number in range(1, IDLE + 1))


def measure(requests: int, rounds: int) -> str:
    """The report: latencies with one provider and with ten, and what the nine add."""
    with _server(ONE_PROVIDER) as one, _server(TEN) as ten:
        pairs: list[tuple[Load, Load]] = []
        for number in range(rounds):
            print(f"1 and {IDLE + 1} providers, round {number + 1} of {rounds}", file=sys.stderr)
            # In turns, so that a drift of the machine falls on both.
            pairs.append((_load(one, requests), _load(ten, requests)))
    return _report(pairs)


@contextmanager
def _server(config: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder, palio(Path(folder), config) as server:
        for _ in range(200):
            workflow = call(server, *SUBMIT_TO_SUCCESS)
            if workflow["status"] != "succeeded":
                raise RuntimeError(f"a workflow ended as {workflow['status']}")
        yield server


def _load(server: Server, requests: int) -> Load:
    return load(server, *SUBMIT_TO_SUCCESS, in_flight=1, count=requests)


def _report(pairs: list[tuple[Load, Load]]) -> str:
    lines = ["| providers | submit to success, p50 ms | p99 ms |", "|---:|---:|---:|"]
    for count, loads in ((1, [one for one, _ in pairs]), (IDLE + 1, [ten for _, ten in pairs])):
        lines.append(f"| {count} | {median(load.p50 for load in loads):.2f} | {middle(loads).p99:.2f} |")
    added = sorted(ten.p50 - one.p50 for one, ten in pairs)
    lines += [
        "",
        f"- added by {IDLE} idle providers: {median(added):.2f} ms a job (median of the rounds' differences in p50, "
        f"{added[0]:.2f} to {added[-1]:.2f}); the aim is under {AIM_MS:.0f} ms",
        "",
    ]
    return "\n".join(lines)
