"""`script/chaos`: the whole campaign, with what it found."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Outcome, Plan, campaign
from tests.chaos.ledger import postgres, sqlite

SHOWN = 10
"""How many faults of each kind are printed."""


def main() -> int:
    """0 if nothing was lost, paid twice or left open."""
    parser = argparse.ArgumentParser(prog="script/chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often the server is killed (200)")
    parser.add_argument("--workflows", type=int, default=120, help="how many are under way at a time (120)")
    parser.add_argument("--seed", type=int, help="draw the same kills as another campaign (drawn and printed)")
    parser.add_argument("--seconds", type=float, default=1800, help="the time in which all kills are made (1800)")
    parser.add_argument("--postgres", action="store_true", help="on a Postgres server in place of SQLite")
    parser.add_argument("--keep", type=Path, help="a new folder for the data, which is kept (a temporary one)")
    chosen = parser.parse_args()
    seed = secrets.randbelow(10**6) if chosen.seed is None else chosen.seed
    plan = Plan(chosen.kills, chosen.workflows, seed, chosen.seconds)
    print(f"seed {seed}: {plan.kills} kills, {plan.workflows} workflows under way", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="palio-chaos-") as folder:
        data = chosen.keep or Path(folder) / "data"
        with (postgres if chosen.postgres else sqlite)(data) as database:
            outcome = asyncio.run(campaign(plan, data, database, _say))
    print(report(plan, outcome))
    return 1 if outcome.faults else 0


def report(plan: Plan, outcome: Outcome) -> str:
    """What came of a campaign, for people."""
    return (
        f"seed {plan.seed}: {outcome.kills} kills in {outcome.seconds:.0f} s\n"
        f"{outcome.accepted} workflows accepted, {outcome.images} images downloaded, {outcome.runs} runs paid\n"
        f"{outcome.unstopped} runs of canceled jobs went on to their end\n\n"
        f"{outcome.moments.table()}\n\n"
        + ("\n".join(_section(*item) for item in outcome.faults.items()) or "Nothing lost, nothing paid twice.")
    )


def _section(about: str, sentences: list[str]) -> str:
    more = [f"and {len(sentences) - SHOWN} more"] if len(sentences) > SHOWN else []
    return "\n- ".join([f"{about}: {len(sentences)} faults", *sentences[:SHOWN], *more])


def _say(text: str) -> None:
    is_live = sys.stderr.isatty()
    print(f"\r\033[K{text}" if is_live else text, end="" if is_live else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
