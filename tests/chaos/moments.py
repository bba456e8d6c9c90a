"""Where kills fell: how far each unfinished job was, by the ledger and by what its vendor knew at that moment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.ledger import OPEN, Attempt, Snapshot
from tests.chaos.vendors import Receipt

MOMENTS = {
    "queued": "no attempt yet",
    "claimed": "attempt on record, start not taken by the vendor",
    "start sent": "taken by the vendor, no handle on record",
    "running": "handle on record, run under way",
    "result there": "run over, its end not on record",
    "between attempts": "last attempt over, the next not claimed",
}


@dataclass
class Moments:
    """How many jobs, and how many kills, were hit at each moment."""

    jobs: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)

    def add(self, snapshot: Snapshot, receipts: Sequence[Receipt]) -> None:
        """Count one kill."""
        known = {receipt.id: receipt for receipt in receipts}
        hit = Counter(_moment(snapshot.attempts.get(job, ()), known) for job in snapshot.unfinished_jobs())
        self.jobs += hit
        self.kills += Counter(dict.fromkeys(hit, 1))
        if not hit:
            self.kills["nothing under way"] += 1

    def table(self) -> str:
        """For people."""
        lines = [f"{'moment':18} {'kills':>6} {'jobs':>7}  "]
        for moment, meaning in {**MOMENTS, "nothing under way": ""}.items():
            lines.append(f"{moment:18} {self.kills[moment]:6} {self.jobs[moment]:7}  {meaning}")
        return "\n".join(lines)


def _moment(attempts: Sequence[Attempt], receipts: Mapping[str, Receipt]) -> str:
    if not attempts:
        return "queued"
    last = attempts[-1]
    receipt = receipts.get(last.id)
    if last.status not in OPEN:
        return "between attempts"
    if receipt is None:
        return "claimed"
    if last.status == "claimed":
        return "start sent"
    return "running" if receipt.status in ("queued", "running") else "result there"
