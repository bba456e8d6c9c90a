"""How an attempt is shown to the owner of its job."""

from palio.contract.document import Job, JobAttempt
from palio.contract.instant import now
from palio.providers.base import ProviderError
from palio.store.ledger import Attempt, AttemptStatus, storable

MAX_SHOWN = 50
"""The latest attempts that a document shows; the ledger has all."""


def show_start(job: Job, attempt: Attempt, rounded_to: tuple[int, int] | None = None) -> None:
    """An attempt at a job is under way, which will come out with so many pixels if not with those asked for."""
    size = "x".join(map(str, rounded_to)) if rounded_to is not None else None
    shown = JobAttempt(provider=attempt.provider, status="started", started_at=attempt.started_at, rounded_to=size)
    _show(job, attempt, shown)


def show_end(
    job: Job,
    attempt: Attempt,
    status: AttemptStatus,
    error: ProviderError | None = None,
    *,
    cost: float | None = None,
    detail: str | None = None,
) -> None:
    """An attempt at a job is over, for so many USD."""
    shown = JobAttempt(
        provider=attempt.provider,
        status=status.value,
        started_at=attempt.started_at,
        completed_at=now(),
        error=error.name if error is not None else None,
        detail=told(error) if error is not None else detail,
        cost=cost,
    )
    _show(job, attempt, shown)


def show_no_more(job: Job, attempt: Attempt) -> None:
    """An attempt was shown and is not on record after all."""
    job.attempts = _others(job, attempt)


def told(error: Exception) -> str:
    """What an error says, as it is kept and shown."""
    return storable(str(error) or type(error).__name__)


def _show(job: Job, attempt: Attempt, shown: JobAttempt) -> None:
    shown.hedge = attempt.hedge or None
    before = next((other for other in job.attempts or [] if _is_of(other, attempt)), shown)
    shown.rounded_to = shown.rounded_to or before.rounded_to
    attempts = sorted([*_others(job, attempt), shown], key=lambda other: other.started_at)
    job.attempts = attempts[-MAX_SHOWN:]


def _others(job: Job, attempt: Attempt) -> list[JobAttempt]:
    return [shown for shown in job.attempts or [] if not _is_of(shown, attempt)]


def _is_of(shown: JobAttempt, attempt: Attempt) -> bool:
    return (shown.provider, shown.started_at) == (attempt.provider, attempt.started_at)
