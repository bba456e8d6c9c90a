"""A document as its owner reads it at this moment."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from palio.blobs.signing import Signer
from palio.contract.document import Blob, Cost, CostTips, Job, Output, Step, Tips, Workflow
from palio.contract.status import Status
from palio.engine.outlook import Outlook
from palio.engine.reading import as_read, with_urls

BASE = "https://palio.example"


SIGNER = Signer(bytes(32), timedelta(days=30))


def step(*images: Blob, status: Status = Status.succeeded, jobs: list[Job] | None = None) -> Step:
    return Step(
        type="imageGen",
        name="$0",
        priority="normal",
        status=status,
        metadata=msgspec.Raw(b"{}"),
        input=msgspec.Raw(b"{}"),
        jobs=jobs,
        output=Output(images=list(images)),
    )


def workflow(*steps: Step, nsfw_level: str | None = None) -> Workflow:
    return Workflow(
        id="w",
        created_at=datetime(2026, 1, 31, tzinfo=UTC),
        status=Status.succeeded,
        steps=list(steps),
        metadata=msgspec.Raw(b"{}"),
        arguments=msgspec.Raw(b"{}"),
        tags=[],
        callbacks=[],
        tips=Tips(civitai=0, creators=0),
        cost=Cost(base=0, tips=CostTips(civitai=0, creators=0), total=0),
        nsfw_level=nsfw_level,
        upgrade_mode="manual",
        currencies=[],
        force_refunded=False,
    )


def image(letter: str, **members: str) -> Blob:
    return Blob(type="image", id=f"{letter * 26}.png", available=True, **members)


def test_every_image_and_its_preview_get_a_signed_url():
    read = as_read(workflow(step(image("A"), image("B"))), SIGNER, BASE, outlook={}, hide_mature=False)

    for blob in read.steps[0].output.images:
        for url, preview in ((blob.url, False), (blob.preview_url, True)):
            assert url.startswith(f"{BASE}/v2/consumer/blobs/{blob.id}?sig=")
            assert SIGNER.own_blob(url, datetime.now(UTC)) == (blob.id, preview)
        assert blob.url_expires_at > datetime.now(UTC) + timedelta(days=29)


@pytest.mark.parametrize(
    ("level", "hidden"),
    [(None, False), ("na", False), ("pg", False), ("pg13", False), ("r", True), ("x", True), ("xxx", True)],
)
def test_mature_means_r_and_up(level, hidden):
    (blob,) = (
        as_read(workflow(step(image("A", nsfw_level=level))), SIGNER, BASE, outlook={}, hide_mature=True)
        .steps[0]
        .output.images
    )

    assert blob.available is not hidden
    assert (blob.url is None, blob.preview_url is None) == (hidden, hidden)


def test_a_blocked_image_has_no_url_whoever_reads():
    blocked = image("A", blocked_reason="no")
    read = as_read(workflow(step(blocked)), SIGNER, BASE, outlook={}, hide_mature=False)

    assert (blocked.available, blocked.url, blocked.preview_url) == (False, None, None)
    assert read.steps[0].output.images == [blocked]


def test_the_level_of_a_workflow_is_the_highest_of_its_images():
    steps = [step(image("A", nsfw_level="pg"), image("B", nsfw_level="r")), step(image("C", nsfw_level="pg13"))]

    assert as_read(workflow(*steps), SIGNER, BASE, outlook={}, hide_mature=True).nsfw_level == "r"


def test_without_levels_what_the_owner_allows_is_not_taken_for_one():
    read = as_read(workflow(step(image("A")), nsfw_level="xxx"), SIGNER, BASE, outlook={}, hide_mature=False)

    assert read.nsfw_level is None


def test_the_progress_of_a_step_is_that_of_its_jobs():
    jobs = [Job(id=name, status=Status.processing, cost=1) for name in ("a", "b")]
    jobs.append(Job(id="c", status=Status.succeeded, cost=1))
    running = step(status=Status.processing, jobs=jobs)

    as_read(workflow(running), SIGNER, BASE, outlook={"a": Outlook(rate=0.5)}, hide_mature=False)

    assert [job.estimated_progress_rate for job in jobs] == [0.5, None, None]
    assert running.estimated_progress_rate == 0.5


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ((), Status.preparing),
        ((Status.preparing,), Status.preparing),
        ((Status.unassigned,), Status.preparing),
        ((Status.scheduled,), Status.scheduled),
        ((Status.processing,), Status.processing),
        ((Status.succeeded,), Status.processing),
    ],
)
def test_a_job_that_is_prepared_is_read_so_and_counts_for_its_step_and_workflow(others, status):
    jobs = [Job(id="a", status=Status.processing, cost=1)]
    jobs += [Job(id=str(index), status=other, cost=1) for index, other in enumerate(others)]
    document = workflow(step(status=Status.processing, jobs=jobs))
    document.status = Status.processing
    preparing = Outlook(rate=0.25, starts_in=3, ends_in=5, is_preparing=True)

    as_read(document, SIGNER, BASE, outlook={"a": preparing}, hide_mature=False)

    assert (jobs[0].status, jobs[0].estimated_progress_rate) == (Status.preparing, 0.25)
    assert jobs[0].queue_position.start_at < jobs[0].queue_position.complete_at
    assert (document.steps[0].status, document.status) == (status, status)


@pytest.mark.parametrize("over", [Status.canceled, Status.succeeded, Status.expired])
def test_what_is_over_stays_so_while_a_run_that_was_prepared_is_still_being_stopped(over):
    job = Job(id="a", status=over, cost=1)
    document = workflow(step(status=over, jobs=[job]))
    document.status = over

    as_read(document, SIGNER, BASE, outlook={"a": Outlook(rate=0.25, is_preparing=True)}, hide_mature=False)

    assert {job.status, document.steps[0].status, document.status} == {over}


def test_a_copy_that_is_prepared_counts_for_its_repeat():
    copy = step(status=Status.processing, jobs=[Job(id="a", status=Status.processing, cost=1)])
    document = workflow(repeating(copy, step(status=Status.unassigned), status=Status.processing))
    document.status = Status.processing

    as_read(document, SIGNER, BASE, outlook={"a": Outlook(rate=0.5, is_preparing=True)}, hide_mature=False)

    assert [part.status for part in (copy, document.steps[0], document)] == [Status.preparing] * 3


def test_the_step_that_references_read_from_is_a_copy():
    made = step(image("A"))

    shown = with_urls(made, SIGNER, BASE)

    assert shown.output.images[0].url
    assert made.output.images[0].url is None


def repeating(*copies: Step, status: Status = Status.succeeded) -> Step:
    outer = step(status=status)
    outer.output = Output(steps=list(copies))
    return outer


def test_images_in_copies_are_signed_and_hidden_like_any_other():
    nested = repeating(step(image("A", nsfw_level="pg")), repeating(step(image("B", nsfw_level="x"))))

    read = as_read(workflow(nested), SIGNER, BASE, outlook={}, hide_mature=True)

    first, second = read.steps[0].output.steps
    assert first.output.images[0].url.startswith(BASE)
    [hidden] = second.output.steps[0].output.images
    assert (hidden.available, hidden.url) == (False, None)
    assert read.nsfw_level == "x"


def test_the_progress_of_a_repeat_is_that_of_its_copies():
    going = step(status=Status.processing, jobs=[Job(id="a", status=Status.processing, cost=1)])
    outer = repeating(step(), going, step(status=Status.unassigned), status=Status.processing)

    as_read(workflow(outer), SIGNER, BASE, outlook={"a": Outlook(rate=0.5)}, hide_mature=False)

    assert (going.estimated_progress_rate, outer.estimated_progress_rate) == (0.5, 0.5)


def test_references_read_signed_images_from_copies():
    shown = with_urls(repeating(step(image("A"))), SIGNER, BASE)

    assert shown.output.steps[0].output.images[0].url.startswith(BASE)
