"""A document as its owner reads it now: blob URLs signed anew, progress shown, mature blobs hidden if asked."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from palio.blobs.signing import Signer
from palio.contract.document import Blob, Step, Workflow
from palio.contract.instant import now

MATURE = frozenset({"r", "x", "xxx"})
LEVELS = ("na", "pg", "pg13", "r", "x", "xxx")


def as_read(
    document: Workflow, signer: Signer, base_url: str, *, progress: Mapping[str, float], hide_mature: bool
) -> Workflow:
    """The document with everything in it that is only true at this moment. Changes and returns `document`."""
    at = now()
    levels: set[str] = set()
    for step in document.steps:
        if progress:
            _show_progress(step, progress)
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
    for blob in (copy.output.images if copy.output is not None else None) or ():
        _sign(blob, signer, base_url, now(), hide_mature=False)
    return copy


def _sign(blob: Blob, signer: Signer, base_url: str, at: datetime, hide_mature: bool) -> None:
    if blob.blocked_reason is not None or (hide_mature and blob.nsfw_level in MATURE):
        blob.available = False
        return
    blob.url, blob.url_expires_at = signer.url(base_url, blob.id, at)
    blob.preview_url, blob.preview_url_expires_at = signer.url(base_url, blob.id, at, preview=True)


def _show_progress(step: Step, progress: Mapping[str, float]) -> None:
    jobs = step.jobs or []
    for job in jobs:
        if job.id in progress:
            job.estimated_progress_rate = round(progress[job.id], 3)
    if jobs and not step.status.is_final:
        rates = [1.0 if job.status.is_final else job.estimated_progress_rate or 0.0 for job in jobs]
        step.estimated_progress_rate = round(sum(rates) / len(rates), 3)
