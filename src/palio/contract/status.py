"""The one life cycle shared by workflows, steps and jobs."""

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """Where a workflow, step or job is; the last four are final and never left."""

    unassigned = "unassigned"
    preparing = "preparing"
    scheduled = "scheduled"
    processing = "processing"
    succeeded = "succeeded"
    failed = "failed"
    expired = "expired"
    canceled = "canceled"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({Status.succeeded, Status.failed, Status.expired, Status.canceled})
FAILED = FINAL - {Status.succeeded}
_UNDER_WAY = (Status.processing, Status.scheduled, Status.preparing)


def roll_up(parts: Iterable[Status]) -> Status:
    """The status of a whole from those of its parts.

    Final only when every part is. Of bad endings the worst names the whole, so that the canceled dependants
    of a failed step do not hide that it failed: failed, then expired, then canceled.
    """
    seen = list(parts)
    if len(seen) == 1:
        return seen[0]
    if all(status.is_final for status in seen):
        for worst in (Status.failed, Status.expired, Status.canceled):
            if worst in seen:
                return worst
        return Status.succeeded
    if any(status.is_final for status in seen):
        return Status.processing
    return next((status for status in _UNDER_WAY if status in seen), Status.unassigned)
