"""How steps follow from their jobs, and workflows from their steps."""

from datetime import UTC, datetime, timedelta

import pytest

from palio.contract.document import Job, Output, Step, Workflow, copies_in
from palio.contract.json import JsonObject
from palio.contract.status import Status
from palio.contract.template import read_template
from palio.engine.lifecycle import advance, end_all, finish, reopen
from palio.engine.planning import new_document

S = Status
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=7)


def workflow(*names: str) -> Workflow:
    """A workflow of steps with these names that have not begun."""
    steps: list[JsonObject] = [{"$type": "echo", "name": name, "input": {"message": name}} for name in names or ["a"]]
    return new_document(read_template({"steps": [*steps]}), NOON)


def with_jobs(step: Step, *statuses: Status) -> None:
    step.jobs = [Job(id=str(number), status=status, cost=1) for number, status in enumerate(statuses)]


def needs(**sources: str) -> dict[str, frozenset[str]]:
    return {name: frozenset(source.split()) for name, source in sources.items()}


@pytest.mark.parametrize(
    ("jobs", "step"),
    [
        ([S.unassigned, S.unassigned], S.unassigned),
        ([S.unassigned, S.scheduled], S.scheduled),
        ([S.processing, S.scheduled], S.processing),
        ([S.succeeded, S.unassigned], S.processing),
        ([S.succeeded, S.succeeded], S.succeeded),
        ([S.failed, S.failed], S.failed),
        # A batch with some images missing is still a success
        ([S.succeeded, S.failed], S.succeeded),
        ([S.succeeded, S.failed, S.canceled], S.succeeded),
        ([S.succeeded, S.expired], S.expired),
        ([S.succeeded, S.canceled], S.canceled),
        ([S.failed, S.canceled], S.failed),
        ([S.failed, S.processing], S.processing),
    ],
)
def test_jobs_make_the_step_and_the_step_the_workflow(jobs: list[Status], step: Status) -> None:
    document = workflow()
    with_jobs(document.steps[0], *jobs)

    advance(document, needs(), LATER)

    assert (document.steps[0].status, document.status) == (step, step)
    assert document.steps[0].completed_at == document.completed_at == (LATER if step.is_final else None)
    assert document.steps[0].started_at == document.started_at == (None if step is S.unassigned else LATER)


def test_an_end_is_never_left_and_its_instant_never_changes() -> None:
    document = workflow("a", "b")
    with_jobs(document.steps[0], S.succeeded)
    advance(document, needs(), NOON)

    with_jobs(document.steps[0], S.failed)
    with_jobs(document.steps[1], S.succeeded)
    advance(document, needs(), LATER)
    advance(document, needs(), LATER + timedelta(hours=1))

    assert (document.steps[0].status, document.steps[0].completed_at) == (S.succeeded, NOON)
    assert (document.status, document.completed_at) == (S.succeeded, LATER)


@pytest.mark.parametrize("ending", [S.failed, S.expired, S.canceled])
def test_all_that_depend_on_a_bad_end_are_canceled_however_indirectly(ending: Status) -> None:
    document = workflow("d", "c", "b", "a", "other")
    finish(document.steps[3], ending, NOON)

    advance(document, needs(b="a", c="b other", d="c"), LATER)

    assert [step.status for step in document.steps] == [S.canceled, S.canceled, S.canceled, ending, S.unassigned]
    assert (document.status, document.completed_at) == (S.processing, None)
    assert [step.completed_at for step in document.steps] == [LATER, LATER, LATER, NOON, None]


def test_a_failed_step_names_the_whole_though_its_dependants_are_canceled() -> None:
    document = workflow("a", "b")
    finish(document.steps[0], S.failed, NOON)

    advance(document, needs(b="a"), LATER)

    assert (document.status, document.completed_at) == (S.failed, LATER)


def test_what_depends_on_a_success_is_not_canceled() -> None:
    document = workflow("a", "b")
    finish(document.steps[0], S.succeeded, NOON)

    advance(document, needs(b="a"), LATER)

    assert (document.steps[1].status, document.status) == (S.unassigned, S.processing)


def test_finishing_takes_away_the_progress() -> None:
    document = workflow()
    document.steps[0].estimated_progress_rate = 0.4

    finish(document.steps[0], S.succeeded, LATER)

    assert document.steps[0].estimated_progress_rate is None


def test_ending_everything_leaves_what_was_over_as_it_was() -> None:
    document = workflow("a", "b", "c")
    finish(document.steps[0], S.succeeded, NOON)
    with_jobs(document.steps[1], S.succeeded, S.processing, S.failed)

    end_all(document, S.canceled, LATER)

    assert [step.status for step in document.steps] == [S.succeeded, S.canceled, S.canceled]
    jobs = document.steps[1].jobs or []
    assert [(job.status, job.reason) for job in jobs] == [
        (S.succeeded, None),
        (S.canceled, "canceled"),
        (S.failed, None),
    ]
    assert (document.status, document.completed_at) == (S.canceled, LATER)


def test_ending_what_is_over_changes_nothing() -> None:
    document = workflow()
    finish(document.steps[0], S.succeeded, NOON)
    advance(document, needs(), NOON)

    end_all(document, S.canceled, LATER)

    assert (document.status, document.completed_at, document.steps[0].status) == (S.succeeded, NOON, S.succeeded)


def test_a_canceled_dependant_says_why() -> None:
    document = workflow("a", "b", "c", "d")
    for step, ending in zip(document.steps, [S.failed, S.expired, S.canceled], strict=False):
        finish(step, ending, NOON)

    advance(document, needs(d="a b c"), LATER)

    assert document.steps[3].output == Output(
        errors=["canceled: `a` has failed", "canceled: `b` has expired", "canceled: `c` was canceled"]
    )


def repeating(*statuses: Status) -> Workflow:
    """A workflow whose one step repeats another, as far as these jobs are."""
    document = workflow("r")
    copies = workflow(*(f"r[{index}]" for index in range(len(statuses)))).steps if statuses else []
    for copy, status in zip(copies, statuses, strict=True):
        with_jobs(copy, status)
    document.steps[0].output = Output(steps=copies)
    return document


@pytest.mark.parametrize(
    ("copies", "step"),
    [
        ([S.unassigned, S.unassigned], S.unassigned),
        ([S.preparing, S.unassigned], S.preparing),
        ([S.scheduled, S.preparing], S.scheduled),
        ([S.processing, S.scheduled], S.processing),
        ([S.failed, S.unassigned], S.processing),
        ([S.succeeded, S.succeeded], S.succeeded),
        # Unlike the images of a batch, copies must all succeed
        ([S.succeeded, S.failed], S.failed),
        ([S.succeeded, S.expired], S.expired),
        ([S.canceled, S.expired, S.failed], S.failed),
        ([S.canceled, S.expired, S.succeeded], S.expired),
    ],
)
def test_copies_make_the_step_that_repeats_them(copies: list[Status], step: Status) -> None:
    document = repeating(*copies)

    advance(document, needs(), LATER)

    assert [copy.status for copy in copies_in(document.steps[0])] == copies
    assert (document.steps[0].status, document.status) == (step, step)
    assert document.steps[0].completed_at == (LATER if step.is_final else None)


def test_a_repeat_says_which_copies_ended_badly_and_why() -> None:
    document = repeating(S.succeeded, S.failed, S.expired)
    copies_in(document.steps[0])[1].output = Output(errors=["no paint", "no brush"])

    advance(document, needs(), LATER)

    output = document.steps[0].output
    assert output is not None
    assert output.errors == ["`r[1]` has failed: no paint", "`r[2]` has expired"]


def test_nothing_to_repeat_is_not_over_before_its_turn() -> None:
    document = repeating()

    advance(document, needs(), LATER)

    assert document.steps[0].status is S.unassigned


def test_ending_everything_ends_copies_and_their_jobs() -> None:
    document = repeating(S.succeeded, S.processing)
    advance(document, needs(), NOON)

    end_all(document, S.canceled, LATER)

    done, running = copies_in(document.steps[0])
    assert (done.status, running.status, document.steps[0].status) == (S.succeeded, S.canceled, S.canceled)
    assert [(job.status, job.reason) for job in running.jobs or []] == [(S.canceled, "canceled")]


def test_a_job_that_could_not_be_kept_opens_all_that_it_is_in() -> None:
    document = repeating(S.succeeded, S.succeeded)
    advance(document, needs(), NOON)
    first, second = copies_in(document.steps[0])

    reopen(document, second, (second.jobs or [])[0])

    assert (first.status, second.status) == (S.succeeded, S.processing)
    assert (document.steps[0].status, document.status) == (S.processing, S.processing)
    assert (document.steps[0].completed_at, document.completed_at) == (None, None)
