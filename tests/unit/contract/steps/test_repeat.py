"""A repeat is read, bounded and priced copy by copy where its items are known, and on trust where they are not."""

import pytest

from palio.contract.cost import cost_of
from palio.contract.json import Json, JsonObject
from palio.contract.references import Reference
from palio.contract.step_template import Repeat, Scope, StepTemplate, fan_out, fill_in
from palio.contract.steps.echo import EchoInput
from palio.contract.steps.repeat import Loop, copy_of
from palio.contract.template import WorkflowTemplate, read_template
from palio.errors import BadRequest

FRAMES: JsonObject = {"$type": "echo", "name": "frames", "input": {"message": "one frame after the other"}}
SIDES: JsonObject = {"sides": [64, 512, 1024], "rows": [["a", "b"], ["c"]], "side": 512}


def ref(source: str, path: str) -> JsonObject:
    return {"$ref": source, "path": path}


def echo(message: Json = "hello", **members: Json) -> JsonObject:
    return {"$type": "echo", "input": {"message": message}, **members}


def picture(width: Json, **members: Json) -> JsonObject:
    return {"$type": "textToImage", "input": {"prompt": "a horse", "width": width}, **members}


def repeat(template: Json, source: str = "$arguments", path: str = "sides", name: str = "item") -> JsonObject:
    return {"$type": "repeat", "input": {"for": {**ref(source, path), "as": name}, "template": template}}


def read(*steps: Json, **arguments: Json) -> WorkflowTemplate:
    return read_template({"steps": list(steps), "arguments": {**SIDES, **arguments}})


def errors_of(*steps: Json, **arguments: Json) -> dict[str, list[str]]:
    with pytest.raises(BadRequest) as raised:
        read(*steps, **arguments)
    return raised.value.errors


def repeat_of(step: StepTemplate) -> Repeat:
    assert step.repeat is not None
    return step.repeat


def copies_of(step: StepTemplate) -> tuple[StepTemplate, ...]:
    copies = repeat_of(step).copies
    assert copies is not None
    return copies


class TestCopies:
    def test_what_reads_the_item_reads_its_place_in_the_array(self) -> None:
        template: JsonObject = {
            "$type": "echo",
            "input": {
                "a": ref("frame", "url"),
                "b": [ref("frame", "")],
                "c": ref("frame", "[0].x"),
                "d": ref("$0", ""),
            },
        }

        copy = copy_of(template, Loop("frames", "output.frames", "frame"), 3)

        assert copy["input"] == {
            "a": ref("frames", "output.frames[3].url"),
            "b": [ref("frames", "output.frames[3]")],
            "c": ref("frames", "output.frames[3][0].x"),
            "d": ref("$0", ""),
        }

    def test_each_item_of_an_argument_is_read_at_once(self) -> None:
        [step] = read(repeat(picture(ref("item", ""), priority="high", retries=4, timeout="00:01:00"))).steps

        copies = copies_of(step)
        assert [copy.name for copy in copies] == ["$0[0]", "$0[1]", "$0[2]"]
        assert [getattr(copy.input, "width", None) for copy in copies] == [64, 512, 1024]
        assert {(copy.priority, copy.retries, copy.depends_on) for copy in copies} == {("high", 4, frozenset())}
        assert (step.depends_on, step.priority, step.timeout) == (frozenset(), "normal", None)

    def test_items_of_a_step_are_known_when_it_has_run(self) -> None:
        workflow = read(FRAMES, repeat(echo(ref("item", "url")), "$0", "output.frames"))
        step = workflow.steps[1]
        names = [each.name for each in workflow.steps]

        copies = fan_out(step, 2, Scope(names, workflow.arguments, step.name))

        assert repeat_of(step).copies is None
        assert step.depends_on == {"frames"}
        assert [copy.name for copy in copies] == ["$1[0]", "$1[1]"]
        assert copies[1].references == (Reference(("message",), "frames", "output.frames[1].url"),)
        assert fill_in(copies[1], lambda reference: reference.path, {}) == EchoInput(message="output.frames[1].url")

    def test_a_repeat_needs_what_its_template_refers_to(self) -> None:
        template = picture(ref("item", ""))
        template["input"] = {"prompt": ref("frames", "output.message"), "width": ref("item", "")}
        [_, step] = read(FRAMES, repeat(template)).steps

        assert step.depends_on == {"frames"}
        assert [copy.depends_on for copy in copies_of(step)] == [{"frames"}] * 3

    def test_a_repeat_in_a_repeat_may_go_through_the_item(self) -> None:
        inner = repeat(echo(ref("cell", "")), "item", "", "cell")
        [step] = read(repeat(inner, path="rows", name="item")).steps

        cells = [[cell.input for cell in copies_of(row)] for row in copies_of(step)]

        assert cells == [[EchoInput(message="a"), EchoInput(message="b")], [EchoInput(message="c")]]
        assert copies_of(copies_of(step)[1])[0].name == "$0[1][0]"

    def test_no_items_make_no_copies(self) -> None:
        assert copies_of(read(repeat(echo(ref("item", ""))), sides=[]).steps[0]) == ()


class TestErrors:
    @pytest.mark.parametrize(
        ("input_", "path", "message"),
        [
            (None, "steps[0].input", "is required"),
            ([], "steps[0].input", "must be an object"),
            ({"template": echo()}, "steps[0].input.for", "must be an object"),
            ({"for": {"path": "a", "as": "b"}, "template": echo()}, "steps[0].input.for", "must refer to an array"),
            ({"for": {**ref("x", "a"), "as": "b"}, "template": echo()}, "steps[0].input.for", "no step has that name"),
            ({"for": {**ref("$0", "a"), "as": "b"}, "template": echo()}, "steps[0].input.for", "its own step"),
            ({"for": {**ref("$arguments", ".."), "as": "b"}, "template": echo()}, "steps[0].input.for", "has a path"),
            ({"for": ref("$arguments", "sides"), "template": echo()}, "steps[0].input.for.as", "must be a string"),
            ({"for": {**ref("$arguments", "sides"), "as": "$0"}}, "steps[0].input.for.as", "already the name"),
            ({"for": {**ref("$arguments", "sides"), "as": "$arguments"}}, "steps[0].input.for.as", "already the name"),
            ({"for": {**ref("$arguments", "side"), "as": "b"}, "template": echo()}, "steps[0].input.for", "no array"),
            ({"for": {**ref("$arguments", "no"), "as": "b"}, "template": echo()}, "steps[0].input.for", "there is no"),
            ({"for": {**ref("$arguments", "sides"), "as": "b"}}, "steps[0].input.template", "is required"),
            ({"for": {**ref("$arguments", "sides"), "as": "b"}, "template": 1}, "steps[0].input.template", "an object"),
        ],
    )
    def test_each_part_is_named_where_it_is_wrong(self, input_: Json, path: str, message: str) -> None:
        errors = errors_of({"$type": "repeat", "input": input_})

        assert list(errors) == [path]
        assert message.replace("no array", "is not an array") in errors[path][0]

    def test_what_is_wrong_with_the_template_itself_is_told_once(self) -> None:
        errors = errors_of(repeat({"$type": "textToImage", "priority": "first", "input": {"width": ref("item", "")}}))

        assert errors == {
            "steps[0].input.template.input.prompt": ["is required"],
            "steps[0].input.template.priority": ["must be one of high, normal, low"],
        }

    def test_what_is_wrong_with_an_item_names_the_item(self) -> None:
        errors = errors_of(repeat(picture(ref("item", ""))), sides=[512, 1, "wide"])

        assert errors == {
            "steps[0].input.template.input.width": [
                "for `sides[1]` of `$arguments`: must be at least 64",
                "for `sides[2]` of `$arguments`: must be a whole number",
            ]
        }

    def test_items_that_lack_a_member_are_told_up_to_a_point(self) -> None:
        errors = errors_of(repeat(echo(ref("item", "title"))), sides=[{}] * 100)

        [messages] = errors.values()
        assert len(messages) == 10
        assert messages[3].startswith("for `sides[3]` of `$arguments`: there is no `sides[3].title`")

    @pytest.mark.parametrize(
        "template",
        [echo(ref("thing", "")), {"$type": "noSuchStep", "input": {}}, echo(ref("$0", "output.steps")), echo(5), {}],
    )
    def test_a_template_is_read_as_far_as_it_is_known(self, template: Json) -> None:
        steps = [repeat(template, "frames", "output.frames"), FRAMES]

        assert all(path.startswith("steps[0].input.template.") for path in errors_of(*steps))

    def test_a_circle_through_a_template_is_refused(self) -> None:
        says = echo(ref("$1", "output.steps[0].output.message"), name="says")

        assert list(errors_of(says, repeat(echo(ref("says", "output.message"))))) == [
            "steps[0].input.message",
            "steps[1].input.template.input.message",
        ]

    def test_the_name_of_a_copy_is_taken(self) -> None:
        errors = errors_of({**repeat(echo()), "name": "paint"}, echo(name="paint[0]"), echo(name="paint[1][2]"))

        assert errors == {
            "steps[1].name": ["`paint[0]` stands for a copy that steps[0] makes"],
            "steps[2].name": ["`paint[1][2]` stands for a copy that steps[0] makes"],
        }
        assert read(echo(name="say"), echo(name="say[0]"))

    def test_an_item_cannot_be_called_as_the_item_around_it(self) -> None:
        inner = repeat(echo(), "item", "", "item")

        assert list(errors_of(repeat(inner, path="rows"))) == ["steps[0].input.template.input.for.as"]

    def test_the_name_of_an_item_means_nothing_outside(self) -> None:
        assert list(errors_of(repeat(picture(ref("item", ""))), echo(ref("item", "")))) == ["steps[1].input.message"]


class TestBounds:
    def test_an_array_may_have_100_items(self) -> None:
        assert len(copies_of(read(repeat(echo()), sides=[1] * 100).steps[0])) == 100
        assert errors_of(repeat(echo()), sides=[1] * 101) == {
            "steps[0].input.for": ["`sides` of `$arguments` has 101 items; at most 100"]
        }

    def test_a_workflow_may_have_1000_copies(self) -> None:
        ten = [repeat(echo()) for _ in range(10)]

        assert read(*ten, sides=[1] * 100)
        assert errors_of(*ten, repeat(echo(), path="rows"), sides=[1] * 100) == {
            "steps[10].input.template": ["brings the workflow to more than 1000 copies"]
        }

    def test_copies_in_copies_count(self) -> None:
        square = repeat(repeat(echo(), path="sides", name="inner"), path="sides", name="outer")

        assert read(square, sides=[1] * 30)
        [message] = errors_of(square, sides=[1] * 40)["steps[0].input.template.input.template"][:1]
        assert message.endswith("brings the workflow to more than 1000 copies")

    def test_the_copies_of_a_long_template_are_bounded(self) -> None:
        long = repeat(echo("x" * 60_000))

        assert read(long, sides=[1] * 60)
        assert errors_of(long, sides=[1] * 100) == {
            "steps[0].input.template": ["brings the copies of the workflow to more than 4096 KiB"]
        }

    def test_what_arguments_add_to_all_copies_is_bounded(self) -> None:
        greedy: JsonObject = {"$type": "textToImage", "input": {"prompt": "x", "note": ref("$arguments", "long")}}

        errors = errors_of(repeat(greedy), long="x" * 900_000, sides=[1] * 100)

        assert "must have at most 16 MiB" in errors["steps[0].input.template.input"][0]

    def test_repeats_stand_in_one_another_three_deep(self) -> None:
        def nested(depth: int) -> JsonObject:
            template = echo()
            for level in range(depth):
                template = repeat(template, name=f"item{level}")
            return template

        assert read(nested(3))
        [(path, [message])] = errors_of(nested(4)).items()
        assert path == "steps[0].input.template.input.template.input.template"
        assert message == "at most 3 repeats may stand inside one another"

    def test_repeats_in_templates_are_bounded_all_together(self) -> None:
        # The outer array is known only when the first step has run, so none of these makes a copy that counts yet.
        inner = repeat(repeat(echo(), path="many", name="cell"), path="few", name="row")
        steps = [repeat(inner, "frames", "output.frames", f"frame{index}") for index in range(99)]

        errors = errors_of(FRAMES, *steps, few=[1] * 9, many=[1] * 100)

        assert len(errors) >= 95
        messages = [message for told in errors.values() for message in told]
        assert all(message.endswith("brings the workflow to more than 1000 copies") for message in messages)

    def test_values_in_templates_are_bounded_all_together(self) -> None:
        greedy: JsonObject = {"$type": "textToImage", "input": {"prompt": "x", "note": ref("$arguments", "long")}}
        steps = [repeat(greedy, "frames", "output.frames", f"frame{index}") for index in range(99)]

        errors = errors_of(FRAMES, *steps, long="x" * 900_000)

        assert len(errors) >= 40

    def test_templates_that_are_read_on_trial_do_not_count_against_the_copies(self) -> None:
        inner = repeat(repeat(echo(), path="many", name="cell"), path="one", name="row")

        steps = read(*[repeat(inner, path="one")] * 9, one=[1], many=[1] * 100).steps

        assert len(copies_of(copies_of(copies_of(steps[8])[0])[0])) == 100

    def test_a_path_that_becomes_too_long_is_refused(self) -> None:
        [path] = errors_of(repeat(echo(ref("item", "a" * 999))), sides=[{"a" * 999: "x"}])

        assert path == "steps[0].input.template.input.message"


class TestPrice:
    def test_the_price_is_that_of_all_copies(self) -> None:
        single = [cost_of(read(picture(width))) for width in (64, 512, 1024)]

        cost = cost_of(read(repeat(picture(ref("item", "")))))

        assert cost.base == sum(each.base for each in single)
        assert cost.factors is None

    def test_copies_in_copies_are_priced_too(self) -> None:
        inner = repeat(picture(512), "item", "", "cell")

        assert cost_of(read(repeat(inner, path="rows"))).total == 3 * cost_of(read(picture(512))).total

    def test_as_long_as_nothing_is_known_of_the_items_one_copy_is_priced(self) -> None:
        unknown = read(FRAMES, repeat(picture(ref("item", "width")), "frames", "output.frames"))

        assert cost_of(unknown).total == cost_of(read(picture(512))).total

    def test_nothing_to_repeat_costs_nothing(self) -> None:
        assert cost_of(read(repeat(picture(512)), sides=[])).total == 0
