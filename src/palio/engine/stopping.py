"""Telling a provider to stop a run, and what that makes of the attempt."""

import asyncio
import logging
from typing import TYPE_CHECKING

from palio.contract.document import Job
from palio.engine.room import Room
from palio.engine.showing import show_end, told
from palio.store.ledger import Attempt, AttemptStatus, Settlement

if TYPE_CHECKING:
    from palio.engine.workflow_run import WorkflowRun

log = logging.getLogger(__name__)

CANCEL_SECONDS = 1.0
"""How long a provider may take to confirm that it stopped."""


async def stop(run: "WorkflowRun", attempt: Attempt, job: Job, handle: str | None) -> None:
    """Tell an attempt's provider to stop; record and show that it did, or that nobody knows whether it did."""
    status, detail = await ask_to_stop(run.room, attempt, handle)
    show_end(job, attempt, status, detail=detail)
    await run.room.ledger.settle(attempt.id, Settlement(status, detail=detail), run.state())


async def ask_to_stop(room: Room, attempt: Attempt, handle: str | None) -> tuple[AttemptStatus, str | None]:
    """Tell an attempt's provider to stop: what that makes of the attempt, and why if it is not sure."""
    provider = room.providers.get(attempt.provider)
    if provider is not None and (handle is not None or provider.findable):
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                handle = handle or await provider.find(attempt.id)
                if handle is None:
                    await asyncio.sleep(CANCEL_SECONDS / 4)  # The request may still have been on its way.
                    handle = await provider.find(attempt.id)
                if handle is not None:
                    await provider.cancel(handle)
        except Exception as error:
            log.warning("provider %s did not confirm the cancel of %s: %s", provider.name, attempt.id, error)
            return AttemptStatus.abandoned, f"cancel was asked for but not confirmed: {told(error)}"
    elif provider is None or not provider.free:
        return AttemptStatus.abandoned, "it could not be canceled: the provider has not said what to cancel"
    return AttemptStatus.canceled, None
