"""Providers that outlive Palio: processes of their own that keep the receipts of every run that was begun."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

REFUSED = "forbidden"
"""A word with which every vendor refuses, after it has been paid."""


@dataclass(frozen=True)
class Vendor:
    """How one of them behaves: options of `tests.standins.job_server`, and its table in `palio.toml`."""

    name: str
    price: float
    concurrency: int
    behaviour: Mapping[str, str]


VENDORS = (
    # The answer to a start takes a while, so that kills fall before it and after it.
    Vendor("swift", 0.05, 40, {"seconds": "0.05:0.5", "answer": "0:0.2", "image": "0:0.1", "noise": "0.3"}),
    Vendor(
        "steady",
        0.02,
        60,
        {"queued": "0:0.5", "seconds": "0.3:2", "answer": "0:0.6", "unavailable": "0.05", "unanswered": "0.05"},
    ),
    Vendor(
        "cheap",
        0.004,
        40,
        {"queued": "0:1", "seconds": "1:4", "answer": "0:1", "image": "0:0.5", "failing": "0.08", "unanswered": "0.03"},
    ),
)


@dataclass(frozen=True)
class Receipt:
    """One run that was begun, and has to be paid. `outcome` is how it ends if nobody cancels it."""

    id: str
    vendor: str
    status: str
    outcome: str
    prompt: str


@dataclass(frozen=True)
class Market:
    """The vendors that run, by the address of each."""

    urls: Mapping[str, str]

    def config(self) -> str:
        """What Palio is told of them."""
        tables = [
            f'[providers.{vendor.name}]\nkind = "http"\nbase_url = "{self.urls[vendor.name]}"\n'
            f"price = {vendor.price}\nconcurrency = {vendor.concurrency}\nseconds = 1\ntimeout = 5\n"
            for vendor in VENDORS
        ]
        return "\n".join(["sketch = false", *tables])

    def receipts(self) -> Sequence[Receipt]:
        """Every run that any of them has begun."""
        return [
            Receipt(id_, vendor, run["status"], run["outcome"], run["prompt"])
            for vendor, url in self.urls.items()
            for id_, run in httpx.get(f"{url}/receipts", timeout=30).raise_for_status().json().items()
        ]


@contextmanager
def market(seed: int) -> Iterator[Market]:
    """All vendors, while the block runs."""
    with ExitStack() as stack:
        yield Market({vendor.name: stack.enter_context(_running(vendor, seed)) for vendor in VENDORS})


@contextmanager
def _running(vendor: Vendor, seed: int) -> Iterator[str]:
    options = [f"--{name}={value}" for name, value in vendor.behaviour.items()]
    command = [sys.executable, "-m", "tests.standins.job_server", f"--seed={seed}", f"--refused={REFUSED}", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
