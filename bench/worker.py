"""What every process under test in `peers.py` does: run workflows N at a time for some seconds, when told to.

A line `IN_FLIGHT SECONDS` on stdin is answered by one JSON object on stdout: rate in workflows/s, p50 and p99 in ms.
The callers are in the same process, and each runs its next workflow when the last one is over.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter


async def serve(workflow: Callable[[], Awaitable[None]]) -> None:
    """Answer for a workflow that is a coroutine; callers are tasks."""

    async def call_until(deadline: float) -> list[float]:
        latencies = []
        while (began := perf_counter()) < deadline:
            await workflow()
            latencies.append(perf_counter() - began)
        return latencies

    await workflow()
    _settle_down()
    while line := await asyncio.to_thread(sys.stdin.readline):
        in_flight, seconds = _order(line)
        began = perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call_until(began + seconds)) for _ in range(in_flight)]
        _answer([task.result() for task in tasks], seconds)


def serve_threads(workflow: Callable[[], None]) -> None:
    """Answer for a workflow that blocks; callers are threads."""

    def call_until(deadline: float) -> list[float]:
        latencies = []
        while (began := perf_counter()) < deadline:
            workflow()
            latencies.append(perf_counter() - began)
        return latencies

    workflow()
    _settle_down()
    while line := sys.stdin.readline():
        in_flight, seconds = _order(line)
        began = perf_counter()
        with ThreadPoolExecutor(in_flight) as threads:
            done = [threads.submit(call_until, began + seconds) for _ in range(in_flight)]
        _answer([future.result() for future in done], seconds)


def _settle_down() -> None:
    """Treat the garbage collector as Palio's server does; it is the same for everyone measured."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _order(line: str) -> tuple[int, float]:
    in_flight, seconds = line.split()
    return int(in_flight), float(seconds)


def _answer(by_caller: list[list[float]], seconds: float) -> None:
    latencies = sorted(latency for caller in by_caller for latency in caller)
    measured = {
        # The last workflow of each caller ended when the time was over, with fewer and fewer in flight.
        "rate": (len(latencies) - len(by_caller)) / seconds,
        "p50": latencies[len(latencies) // 2] * 1000,
        "p99": latencies[int(len(latencies) * 0.99)] * 1000,
    }
    print(json.dumps(measured), flush=True)
