"""A document as its owner reads it now: blob URLs signed, progress and places in line shown, mature blobs hidden."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from palio.blobs.signing import Signer
from palio.contract.document import Blob, Job, QueuePosition, Step, Workflow, copies_in, every_step
from palio.contract.instant import now
from palio.contract.status import Status, roll_up
from palio.engine.outlook import Outlook

MATURE = frozenset({"r", "x", "xxx"})
LEVELS = ("na", "pg", "pg13", "r", "x", "xxx")


def as_read(
    document: Workflow, signer: Signer, base_url: str, *, outlook: Mapping[str, Outlook], hide_mature: bool
) -> Workflow:
    """The document with everything in it that is only true at this moment. Changes and returns `document`."""
    at = now()
    levels: set[str] = set()
    if outlook:
        for step in document.steps:
            _show_outlook(step, outlook, at)
        if not document.status.is_final and any(expected.is_preparing for expected in outlook.values()):
            document.status = roll_up(step.status for step in document.steps)
    for step in every_step(document.steps):
        for blob in (step.output.images if step.output is not None else None) or ():
            _sign(blob, signer, base_url, at, hide_mature)
            if blob.nsfw_level is not None:
                levels.add(blob.nsfw_level)
    # What is stored is the highest level that the owner allows, which says nothing about the pictures.
    document.nsfw_level = max(levels, key=LEVELS.index) if levels else None
    return document


def with_urls(step: Step, signer: Signer, base_url: str) -> Step:
    """A copy of a step in which its blobs can be fetched."""
    copy = msgspec.json.decode(msgspec.json.encode(step), type=Step)
    for part in every_step([copy]):
        for blob in (part.output.images if part.output is not None else None) or ():
            _sign(blob, signer, base_url, now(), hide_mature=False)
    return copy


def _sign(blob: Blob, signer: Signer, base_url: str, at: datetime, hide_mature: bool) -> None:
    if blob.blocked_reason is not None or (hide_mature and blob.nsfw_level in MATURE):
        blob.available = False
        return
    blob.url, blob.url_expires_at = signer.url(base_url, blob.id, at)
    blob.preview_url, blob.preview_url_expires_at = signer.url(base_url, blob.id, at, preview=True)


def _show_outlook(step: Step, outlook: Mapping[str, Outlook], at: datetime) -> None:
    jobs = step.jobs or []
    for job in jobs:
        if (expected := outlook.get(job.id)) is not None:
            _show_expected(job, expected, at)
    copies = copies_in(step)
    for copy in copies:
        _show_outlook(copy, outlook, at)
    parts = jobs or copies
    if parts and not step.status.is_final:
        if any(part.status is Status.preparing for part in parts):
            step.status = roll_up(part.status for part in parts)
        rates = [1.0 if part.status.is_final else part.estimated_progress_rate or 0.0 for part in parts]
        step.estimated_progress_rate = round(sum(rates) / len(rates), 3)


def _show_expected(job: Job, expected: Outlook, at: datetime) -> None:
    if expected.is_preparing and not job.status.is_final:
        # Of this moment, as the progress is: what is stored says that somebody has the job. Where it says that the
        # job is over, its run may still be on its way out.
        job.status = Status.preparing
    if expected.rate is not None:
        job.estimated_progress_rate = round(expected.rate, 3)
    if expected.ends_in is not None:
        job.queue_position = QueuePosition(
            support="available",
            preceding_jobs=expected.preceding,
            start_at=None if expected.starts_in is None else at + timedelta(seconds=expected.starts_in),
            complete_at=at + timedelta(seconds=expected.ends_in),
        )
