"""Attempts at one job side by side: a first one, and a second if that takes long and the money is there.

The first to have an image wins. The others are stopped, and what they still come to is surplus.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from palio.contract.steering import Objective
from palio.engine.attempt_run import AttemptRun, Overtaken
from palio.race.hedge import AGAIN_AFTER, LATE

if TYPE_CHECKING:
    from palio.engine.job_run import JobRun

log = logging.getLogger(__name__)

LEAST_PAUSE = 0.05
"""Seconds between two looks at a run that is late."""


class Heat:
    """The attempts of one round."""

    def __init__(self, job_run: "JobRun", attempts: Sequence[AttemptRun]) -> None:
        self._job_run = job_run
        self._attempts = list(attempts)

    async def to_the_end(self) -> None:
        """Run until the job is over, or every attempt has failed."""
        async with asyncio.TaskGroup() as group:
            running = {group.create_task(attempt.to_the_end()) for attempt in self._attempts}
            while running and not self._job_run.job.status.is_final:
                done, running = await asyncio.wait(
                    running, timeout=self._look_in(), return_when=asyncio.FIRST_COMPLETED
                )
                if not done and not self._job_run.has_image and (hedge := await self._hedge()) is not None:
                    self._attempts.append(hedge)
                    running.add(group.create_task(hedge.to_the_end()))
            for task in running:
                task.cancel()

    def _look_in(self) -> float | None:
        """Seconds until the first attempt has to be looked at; None if there is a second one, or none may be."""
        first, task = self._attempts[0].entry, self._job_run.task
        if len(self._attempts) > 1 or not task.hedge:
            return None
        age, late = first.running.age, first.contender.estimate.quantile(LATE)
        if task.objective is Objective.fastest and self._job_run.steering.hedge and age < late:
            return LEAST_PAUSE if age < LEAST_PAUSE else late - age
        return max(LEAST_PAUSE, late - age if age < late else AGAIN_AFTER * age)

    async def _hedge(self) -> AttemptRun | None:
        """A second attempt, claimed, if it is worth its price now."""
        job_run, entry = self._job_run, self._attempts[0].entry
        race = job_run.run.room.field
        if entry.running.is_late:
            entry.became_late()
        others = [offer for offer in job_run.rivals if offer.provider != entry.contender.offer.provider]
        rival = race.rival(entry, others)
        if rival is None or not race.gate(rival.offer.provider).try_take():
            return None
        hedge: AttemptRun | None = None
        try:
            hedge = await job_run.enter(rival, hedge=True)
        except Overtaken:
            raise
        except Exception:
            # It was to help. That it cannot be put on record is no reason to end the run that is there.
            log.exception("a second attempt at job %s could not begin", job_run.job.id)
        finally:
            if hedge is None:
                race.not_hedged(rival, job_run.task)
        return hedge
