"""Whether anything was lost, paid twice or left open, by what the clients, the ledger and the vendors say."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.crowd import Crowd, Order
from tests.chaos.ledger import OPEN, Attempt, Snapshot, jobs
from tests.chaos.vendors import Receipt

Faults = dict[str, list[str]]
"""By what they are about, a sentence for everything that is not as it should be."""


def faults(crowd: Crowd, snapshot: Snapshot, receipts: Sequence[Receipt]) -> Faults:
    """What is not as it should be."""
    found = {
        "answers": crowd.unexpected,
        "workflows": [fault for order in crowd.orders for fault in _order(order, snapshot)],
        "strangers": list(_strangers(crowd, snapshot)),
        "attempts": list(_ledger(snapshot)),
        "payments": list(_payments(snapshot, receipts)),
    }
    return {about: sentences for about, sentences in found.items() if sentences}


def unstopped(snapshot: Snapshot, receipts: Sequence[Receipt]) -> int:
    """How many runs of canceled jobs went on to their end. No fault: they may have been over when the cancel came."""
    job_of = snapshot.job_of()
    every_job = [job for workflow in snapshot.workflows.values() for job in jobs(workflow)]
    canceled = {job["id"] for job in every_job if job["status"] == "canceled"}
    return sum(receipt.status != "canceled" for receipt in receipts if job_of.get(receipt.id) in canceled)


def _order(order: Order, snapshot: Snapshot) -> Iterator[str]:
    """Every workflow that was accepted came to a right end, and is on record as it was told."""
    if len(order.ids) != 1:
        yield f"order {order.number} was accepted as {len(order.ids)} workflows: {sorted(order.ids)}"
        return
    [id_] = order.ids
    if order.end is None:
        yield f"order {order.number} ({id_}) never ended"
        return
    status = order.end["status"]
    right = {"failed" if order.refused else "succeeded", *(["canceled"] if order.cancels else [])}
    if status not in right:
        reasons = [(job["status"], job.get("reason"), job.get("attempts")) for job in jobs(order.end)]
        yield f"order {order.number} ({id_}) ended as {status}, not {' or '.join(sorted(right))}: {reasons}"
    if (kept := snapshot.workflows.get(id_)) is None:
        yield f"order {order.number} ({id_}) is not in the database"
    elif kept["status"] != status:
        yield f"order {order.number} ({id_}) was told as {status} and is kept as {kept['status']}"


def _strangers(crowd: Crowd, snapshot: Snapshot) -> Iterator[str]:
    known = {id_ for order in crowd.orders for id_ in order.ids}
    yield from (f"workflow {id_} was ordered by nobody" for id_ in snapshot.workflows.keys() - known)


def _ledger(snapshot: Snapshot) -> Iterator[str]:
    """Every attempt is over, and the job's document tells the same of it."""
    for workflow in snapshot.workflows.values():
        for job in jobs(workflow):
            attempts = snapshot.attempts.get(job["id"], ())
            if still_open := [attempt for attempt in attempts if attempt.status in OPEN or not attempt.is_closed]:
                yield f"job {job['id']} is {job['status']} with open attempts: {still_open}"
            won = sum(attempt.status == "succeeded" for attempt in attempts)
            if won != (job["status"] == "succeeded"):
                yield f"job {job['id']} is {job['status']} with {won} succeeded attempts: {_told(attempts)}"
            shown = [(attempt["provider"], attempt["status"]) for attempt in job.get("attempts", [])]
            if Counter(shown) != Counter((attempt.provider, attempt.status) for attempt in attempts):
                yield f"job {job['id']} shows {shown}, the ledger has {_told(attempts)}"


def _payments(snapshot: Snapshot, receipts: Sequence[Receipt]) -> Iterator[str]:
    """A job is begun once, and again only after a run that its vendor let fail."""
    job_of = snapshot.job_of()
    status_of = {job["id"]: job["status"] for workflow in snapshot.workflows.values() for job in jobs(workflow)}
    runs: defaultdict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        if receipt.id in job_of:
            runs[job_of[receipt.id]].append(receipt)
        else:
            yield f"{receipt.vendor} began {receipt.id}, which no attempt on record asked for"
    for job, status in status_of.items():
        good = [run for run in runs[job] if run.outcome != "failed"]
        if len(good) > 1:
            told = _told(snapshot.attempts.get(job, ()))
            yield f"job {job} was begun {len(good)} times without need: {good}; the ledger has {told}"
        if status == "succeeded" and not good:
            yield f"job {job} succeeded, and no vendor made it"


def _told(attempts: Sequence[Attempt]) -> list[tuple[str, str, str, str | None]]:
    return [(attempt.id, attempt.provider, attempt.status, attempt.error) for attempt in attempts]
