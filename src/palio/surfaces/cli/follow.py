"""Waiting for a workflow while showing how it comes along."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from palio.contract.document import Job, Step, Workflow, copies_in, every_step
from palio.contract.status import Status
from palio.surfaces.cli.client import Client, Interrupted, Refused, Unreachable, read_workflow

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LONG_POLL = 1
"""Seconds that one question may be held back; progress is as fresh as this."""
OUTAGE = 30.0
"""Seconds that the server may be away while a workflow is followed, e.g. for a restart."""
PASSING = frozenset({429, 502, 503, 504})


def follow(client: Client, reply: bytes, *, patience: float | None = None) -> bytes:
    """The workflow's document once it is final, or the latest one when `patience` seconds are over.

    Raises Interrupted on Ctrl-C; the workflow goes on.
    """
    workflow = read_workflow(reply)
    workflow_id = workflow.id or ""
    end = None if patience is None else time.monotonic() + patience
    try:
        with _display() as display:
            display.show(workflow)
            while not workflow.status.is_final and (end is None or time.monotonic() < end):
                reply = _ask_again(client, workflow_id)
                workflow = read_workflow(reply)
                display.show(workflow)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped watching; the workflow goes on. See it with: palio watch {workflow_id}") from None
    return reply


def _ask_again(client: Client, workflow_id: str) -> bytes:
    """One long poll; a server that is away for a moment is asked again."""
    began, pause = time.monotonic(), 0.25
    while True:
        try:
            asked = time.monotonic()
            reply = client.get(workflow_id, wait=LONG_POLL)
            # A server that answers at once although nothing is final would otherwise be asked in a tight loop.
            time.sleep(max(0.0, 0.1 - (time.monotonic() - asked)))
            return reply
        except (Unreachable, Refused) as error:
            passing = isinstance(error, Unreachable) or error.status in PASSING
            if not passing or time.monotonic() - began > OUTAGE:
                raise
        time.sleep(pause)
        pause = min(2.0, pause * 2)


def done_share(step: Step) -> float:
    """How much of a step is done, 0..1."""
    if step.status is Status.succeeded:
        return 1.0
    if step.estimated_progress_rate is not None:
        return step.estimated_progress_rate
    shares = [_job_share(job) for job in step.jobs or []] or [done_share(copy) for copy in copies_in(step)]
    return sum(shares) / len(shares) if shares else 0.0


def _job_share(job: Job) -> float:
    return 1.0 if job.status is Status.succeeded else job.estimated_progress_rate or 0.0


def _words(step: Step) -> str:
    jobs = [job for part in every_step([step]) for job in part.jobs or []]
    providers = dict.fromkeys(job.provider for job in jobs if job.provider)
    on = f" on {', '.join(providers)}" if providers else ""
    return f"{step.type} {step.name}: {step.status}{on}"


class _Lines:
    """Progress for a log: a line whenever a step's words change."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def show(self, workflow: Workflow) -> None:
        for step in workflow.steps:
            words = _words(step)
            if self._said.get(step.name) != words:
                self._said[step.name] = words
                print(words, file=sys.stderr)


class _Bars:
    """Progress for a terminal: a bar for each step."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, workflow: Workflow) -> None:
        for step in workflow.steps:
            if step.name not in self._tasks:
                self._tasks[step.name] = self._progress.add_task("", total=1.0)
            self._progress.update(self._tasks[step.name], description=_words(step), completed=done_share(step))


@contextmanager
def _display() -> Iterator[_Lines | _Bars]:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    parts = (SpinnerColumn(), text, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*parts, console=console, transient=True) as progress:
        yield _Bars(progress)
