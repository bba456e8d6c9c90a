"""From what was submitted to the jobs that are done, and back again after a restart."""

from datetime import UTC, datetime

import msgspec
import pytest

from palio.blobs.names import is_blob_id
from palio.contract.document import Workflow, copies_in
from palio.contract.image.job import ImageJob
from palio.contract.json import Json, JsonObject
from palio.contract.status import Status
from palio.contract.steps import StepInput
from palio.contract.template import WorkflowTemplate, read_template
from palio.engine.planning import new_document, plan, plan_ahead, seed_of, template_of
from palio.errors import BadRequest

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def image(**members: Json) -> JsonObject:
    return {
        "engine": "sdcpp",
        "ecosystem": "zImage",
        "model": "turbo",
        "operation": "createImage",
        "prompt": "a red kite",
        "width": 512,
        "height": 768,
        **members,
    }


def template(*inputs: JsonObject, **members: Json) -> WorkflowTemplate:
    steps: list[Json] = [{"$type": "imageGen", "input": input_} for input_ in inputs or [image()]]
    return read_template({"steps": steps, **members})


def planned(document: Workflow, read: WorkflowTemplate, index: int = 0) -> list[ImageJob]:
    step_input: StepInput | None = read.steps[index].input
    assert step_input is not None
    return [*plan(document.steps[index], step_input)]


def test_a_document_says_what_was_submitted_and_has_not_begun() -> None:
    read = template(metadata={"a": [1]}, tags=["x"], externalId="e-1", tips={"civitai": 0.5})

    document = new_document(read, NOON)

    assert (document.status, document.created_at, document.completed_at) == (Status.unassigned, NOON, None)
    assert msgspec.json.decode(document.steps[0].input) == image()
    assert (msgspec.json.decode(document.metadata), document.tags) == ({"a": [1]}, ["x"])
    assert (document.external_id, document.tips.civitai) == ("e-1", 0.5)
    assert document.steps[0].jobs is None


def test_ids_are_never_the_same() -> None:
    documents = [new_document(template(), NOON) for _ in range(100)]

    assert len({document.id for document in documents}) == 100


def test_a_step_gets_a_job_an_image_and_the_blobs_that_they_will_make() -> None:
    read = template(image(quantity=3, outputFormat="png"))
    document = new_document(read, NOON)

    jobs = planned(document, read)

    step = document.steps[0]
    assert step.jobs is not None
    assert step.output is not None
    assert step.output.images is not None
    assert [job.id for job in step.jobs] == [blob.job_id for blob in step.output.images]
    assert all(is_blob_id(blob.id) and blob.id.endswith(".png") for blob in step.output.images)
    assert all((blob.width, blob.height, blob.available) == (512, 768, False) for blob in step.output.images)
    assert {job.status for job in step.jobs} == {Status.unassigned}
    assert (len(jobs), {job.prompt for job in jobs}) == (3, {"a red kite"})


def test_planning_again_changes_neither_ids_nor_seeds() -> None:
    read = template(image(quantity=4))
    document = new_document(read, NOON)
    first = planned(document, read)

    # When another process has only what was stored
    stored, before = (msgspec.json.decode(msgspec.json.encode(document), type=Workflow) for _ in range(2))
    again = planned(stored, template_of(stored))

    assert again == first
    assert stored == before


def test_jobs_without_a_seed_get_different_ones_that_fit_every_engine() -> None:
    read = template(image(quantity=4))

    seeds = [job.seed for job in planned(new_document(read, NOON), read)]

    assert len(set(seeds)) == 4
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)


def test_a_seed_that_was_named_is_used() -> None:
    read = template(image(seed=41))

    assert [job.seed for job in planned(new_document(read, NOON), read)] == [41]


def test_a_seed_follows_from_the_job_alone() -> None:
    read = template(image(quantity=2), image(quantity=2))
    document = new_document(read, NOON)

    seeds = [job.seed for index in range(2) for job in planned(document, read, index)]

    assert seeds == [seed_of(job.id) for step in document.steps for job in step.jobs or []]
    assert len(set(seeds)) == 4


def test_a_step_that_makes_no_images_has_no_jobs() -> None:
    read = read_template({"steps": [{"$type": "echo", "input": {"message": "hi"}}]})
    document = new_document(read, NOON)

    assert planned(document, read) == []
    assert document.steps[0].jobs is None


@pytest.mark.parametrize(
    "steps",
    [
        [{"$type": "imageGen", "input": image(seed=1)}],
        [{"$type": "echo", "name": "say", "input": {"message": "é"}, "timeout": "00:01:30", "retries": 7}],
        [
            {"$type": "echo", "input": {"message": {"$ref": "$arguments", "path": "title"}}, "priority": "low"},
            {"$type": "echo", "input": {"message": {"$ref": "$0", "path": "output.message"}}},
        ],
    ],
)
def test_what_was_submitted_can_be_read_again_from_the_document(steps: list[Json]) -> None:
    read = read_template({"steps": steps, "arguments": {"title": "A"}})
    document = msgspec.json.decode(msgspec.json.encode(new_document(read, NOON)), type=Workflow)

    again = template_of(document)

    assert (again.steps, again.arguments) == (read.steps, read.arguments)


def repeat(template: JsonObject, path: str = "words") -> JsonObject:
    return {
        "$type": "repeat",
        "input": {"for": {"$ref": "$arguments", "path": path, "as": "word"}, "template": template},
    }


def word() -> JsonObject:
    return {"$type": "imageGen", "input": image(prompt={"$ref": "word", "path": ""})}


def test_copies_that_are_known_at_once_are_planned_at_once() -> None:
    read = read_template({"steps": [repeat(word())], "arguments": {"words": ["tower", "square"]}})
    document = new_document(read, NOON)

    jobs = plan_ahead(document, read)

    copies = copies_in(document.steps[0])
    assert {name: [job.prompt for job in planned] for name, planned in jobs.items()} == {
        "$0[0]": ["tower"],
        "$0[1]": ["square"],
    }
    assert [len(copy.jobs or []) for copy in copies] == [1, 1]
    assert msgspec.json.decode(copies[1].input)["prompt"] == {"$ref": "$arguments", "path": "words[1]"}


def test_a_step_that_needs_only_arguments_is_planned_at_once() -> None:
    prompt: JsonObject = {"$ref": "$arguments", "path": "word"}
    read = template(image(prompt=prompt), arguments={"word": "tower"})

    assert [job.prompt for job in plan_ahead(new_document(read, NOON), read)["$0"]] == ["tower"]


def test_copies_can_be_read_again_from_the_document() -> None:
    read = read_template({"steps": [repeat(word())], "arguments": {"words": ["tower", "square"]}})
    document = msgspec.json.decode(msgspec.json.encode(new_document(read, NOON)), type=Workflow)

    assert template_of(document).steps == read.steps


def test_a_workflow_has_at_most_1000_jobs() -> None:
    hundred: JsonObject = {"$type": "textToImage", "input": {"prompt": "a horse", "quantity": 100}}
    nine: list[Json] = [hundred] * 9
    full = read_template({"steps": [*nine, hundred]})
    too_full = read_template({"steps": [*nine, repeat(hundred)], "arguments": {"words": ["a", "b"]}})

    assert len(plan_ahead(new_document(full, NOON), full)) == 10
    with pytest.raises(BadRequest) as refused:
        plan_ahead(new_document(too_full, NOON), too_full)
    assert refused.value.errors == {"steps[9].input.template": ["brings the workflow to more than 1000 jobs"]}
