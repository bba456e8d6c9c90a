"""A template is validated at submit as far as it can be, and each step in full once its references are known."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from palio.contract.document import Callback, Tips
from palio.contract.json import Json, JsonObject
from palio.contract.references import PathMissing, Reference, read_path
from palio.contract.step_template import fill_in
from palio.contract.steps.echo import EchoInput
from palio.contract.template import WorkflowTemplate, check_ephemeral, read_template
from palio.errors import BadRequest


def echo(message: Json = "hello", **members: Json) -> JsonObject:
    return {"$type": "echo", "input": {"message": message}, **members}


def ref(source: str, path: str = "output.message") -> JsonObject:
    return {"$ref": source, "path": path}


def template(*steps: Json, **members: Json) -> WorkflowTemplate:
    return read_template({"steps": list(steps) or [echo()], **members})


def errors_of(*steps: Json, **members: Json) -> dict[str, list[str]]:
    with pytest.raises(BadRequest) as raised:
        template(*steps, **members)
    return raised.value.errors


def refused(member: str, value: Json) -> list[str]:
    """The paths of what is wrong with a workflow that has this member."""
    return list(errors_of(**{member: value}))


class TestDefaults:
    def test_a_step_with_type_and_input_is_enough(self) -> None:
        read = template(echo())

        assert read.steps[0].name == "$0"
        assert read.steps[0].priority == "normal"
        assert read.steps[0].input == EchoInput(message="hello")
        assert read.steps[0].raw_input == {"message": "hello"}
        assert read.upgrade_mode == "manual"
        assert read.tips == Tips(civitai=0, creators=0)
        assert (read.tags, read.callbacks, read.currencies, read.metadata, read.arguments) == ((), (), (), {}, {})
        assert (read.nsfw_level, read.experimental, read.ephemeral, read.external_id) == (None, None, None, None)

    def test_null_stands_for_absent(self) -> None:
        names = ["metadata", "arguments", "tags", "callbacks", "tips", "nsfwLevel", "experimental"]
        names += ["allowMatureContent", "ephemeral", "upgradeMode", "currencies", "externalId"]
        step = echo(name=None, priority=None, timeout=None, retries=None, metadata=None)

        assert template(step, **dict.fromkeys(names)) == template(echo())

    def test_members_that_nobody_knows_are_ignored(self) -> None:
        assert template({**echo(), "tier": "free"}, downloadPriority="high") == template(echo())


class TestMembers:
    def test_everything_a_client_may_send_is_read(self) -> None:
        read = template(
            echo(name="first", priority="High", timeout="00:10:00", retries=3, metadata={"a": 1}),
            metadata={"palio": {"objective": "cheapest"}},
            arguments={"prompt": "a horse"},
            tags=["portrait", "siena/2026"],
            callbacks=[{"url": "https://a.example/hook", "type": ["Workflow:*", "job:Preparing"], "detailed": True}],
            tips={"creators": 0.25},
            nsfwLevel="PG13",
            experimental=False,
            allowMatureContent=True,
            ephemeral=True,
            upgradeMode="Automatic",
            currencies=["FakeRed", "blue", "blue"],
            externalId="order_17-b",
        )

        step = read.steps[0]
        assert (step.name, step.priority, step.retries, step.metadata) == ("first", "high", 3, {"a": 1})
        assert step.timeout == timedelta(minutes=10)
        assert read.tags == ("portrait", "siena/2026")
        assert read.callbacks == (
            Callback(url="https://a.example/hook", type=["workflow:*", "job:preparing"], detailed=True),
        )
        assert read.tips == Tips(civitai=0, creators=0.25)
        assert (read.nsfw_level, read.upgrade_mode, read.currencies) == ("pg13", "automatic", ("fakeRed", "blue"))
        assert (read.experimental, read.allow_mature_content, read.ephemeral) == (False, True, True)
        assert read.external_id == "order_17-b"

    @pytest.mark.parametrize("value", ["", "a b", "é", "a" * 129, "ok\n", "a/b", 7, True])
    def test_an_external_id_is_letters_digits_and_dashes(self, value: Json) -> None:
        assert refused("externalId", value) == ["externalId"]

    @pytest.mark.parametrize(
        ("tags", "path"),
        [
            ("portrait", "tags"),
            ([str(number) for number in range(11)], "tags"),
            (["a", "b", "a"], "tags[2]"),
            (["a", ""], "tags[1]"),
            (["a" * 201], "tags[0]"),
            (["a", "b", "c", 4], "tags[3]"),
            (["nul\x00"], "tags[0]"),
        ],
    )
    def test_tags_are_at_most_ten_different_lines_of_200_characters(self, tags: Json, path: str) -> None:
        assert refused("tags", tags) == [path]

    @pytest.mark.parametrize(
        ("tips", "path"),
        [
            (0.5, "tips"),
            ({"civitai": 2.01}, "tips.civitai"),
            ({"creators": -1}, "tips.creators"),
            ({"creators": "0.25"}, "tips.creators"),
            ({"civitai": True}, "tips.civitai"),
            ([], "tips"),
        ],
    )
    def test_tips_are_rates_from_0_to_2(self, tips: Json, path: str) -> None:
        assert refused("tips", tips) == [path]

    @pytest.mark.parametrize("name", ["metadata", "arguments"])
    def test_free_maps_are_objects_of_bounded_size(self, name: str) -> None:
        assert refused(name, []) == [name]
        assert refused(name, "x") == [name]
        assert refused(name, {"a": "x" * 1024 * 1024}) == [name]

    @pytest.mark.parametrize(
        ("member", "value", "path"),
        [
            ("nsfwLevel", "pg14", "nsfwLevel"),
            ("upgradeMode", 1, "upgradeMode"),
            ("currencies", ["gold"], "currencies[0]"),
            ("currencies", "blue", "currencies"),
            ("currencies", ["blue"] * 101, "currencies"),
            ("ephemeral", "true", "ephemeral"),
            ("experimental", 1, "experimental"),
            ("allowMatureContent", 0, "allowMatureContent"),
        ],
    )
    def test_enums_and_flags_take_only_their_values(self, member: str, value: Json, path: str) -> None:
        assert refused(member, value) == [path]


class TestCallbacks:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "a.example",
            "ftp://a.example",
            "http://",
            "https:///hook",
            "http://[::1",
            "http://a:99999/",
            "javascript:x",
            "http://a.example/" + "x" * 2048,
            "http://a .example/",
            " http://a.example",
            "http://a.example/\n",
            5,
            None,
        ],
    )
    def test_a_url_is_http_or_https_and_has_a_host(self, url: Json) -> None:
        assert refused("callbacks", [{"url": url, "type": ["step:*"]}]) == ["callbacks[0].url"]

    @pytest.mark.parametrize(
        ("events", "path"),
        [
            (["workflow:done"], "callbacks[0].type[0]"),
            (["step:*", "workflow"], "callbacks[0].type[1]"),
            ([None], "callbacks[0].type[0]"),
            ([], "callbacks[0].type"),
            ("step:*", "callbacks[0].type"),
            (None, "callbacks[0].type"),
        ],
    )
    def test_events_are_a_scope_and_a_status(self, events: Json, path: str) -> None:
        assert refused("callbacks", [{"url": "https://a.example", "type": events}]) == [path]

    def test_there_are_at_most_ten(self) -> None:
        callback: JsonObject = {"url": "http://a.example", "type": ["step:*"]}

        assert len(template(callbacks=[callback] * 10).callbacks) == 10
        assert refused("callbacks", [callback] * 11) == ["callbacks"]
        assert refused("callbacks", ["https://a.example"]) == ["callbacks[0]"]

    def test_an_ephemeral_workflow_needs_a_way_to_deliver(self) -> None:
        callback: JsonObject = {"url": "http://a.example", "type": ["workflow:*"]}

        check_ephemeral(template(), wait=0)
        check_ephemeral(template(ephemeral=True), wait=1)
        check_ephemeral(template(ephemeral=True, callbacks=[callback]), wait=0)
        with pytest.raises(BadRequest, match="at least one callback"):
            check_ephemeral(template(ephemeral=True), wait=0)


class TestSteps:
    @pytest.mark.parametrize("steps", [None, [], {}, "echo", [echo()] * 101])
    def test_there_are_1_to_100_steps(self, steps: Json) -> None:
        with pytest.raises(BadRequest) as raised:
            read_template({"steps": steps})

        assert raised.value.errors == {"steps": ["must be an array of 1 to 100 steps"]}

    def test_names_are_given_by_position_unless_chosen(self) -> None:
        steps = template(echo(), echo(name="second"), echo(), *[echo()] * 97).steps

        assert [step.name for step in steps[:4]] == ["$0", "second", "$2", "$3"]
        assert steps[99].name == "$99"

    @pytest.mark.parametrize("name", ["", "a" * 129, 5, "a\nb", "$arguments"])
    def test_a_name_is_one_line_of_128_characters(self, name: Json) -> None:
        assert list(errors_of(echo(name=name))) == ["steps[0].name"]

    def test_names_are_unique(self) -> None:
        assert list(errors_of(echo(name="a"), echo(name="a"))) == ["steps[1].name"]

    def test_the_default_name_of_another_step_cannot_be_taken(self) -> None:
        assert errors_of(echo(name="$1"), echo())["steps[0].name"] == ["`$1` stands for steps[1]"]
        assert errors_of(echo(name="$1"), echo(name="b"))["steps[0].name"] == ["`$1` stands for steps[1]"]
        assert template(echo(name="$0"), echo(name="$7")).steps[1].name == "$7"

    @pytest.mark.parametrize(
        ("members", "path"),
        [
            ({"$type": None}, "steps[0].$type"),
            ({"$type": 5}, "steps[0].$type"),
            ({"$type": "Echo"}, "steps[0].$type"),
            ({"$type": "noSuchStep"}, "steps[0].$type"),
            ({"input": None}, "steps[0].input"),
            ({"input": []}, "steps[0].input"),
            ({"input": {"message": 5}}, "steps[0].input.message"),
            ({"priority": "urgent"}, "steps[0].priority"),
            ({"timeout": "10 minutes"}, "steps[0].timeout"),
            ({"timeout": "8.00:00:00"}, "steps[0].timeout"),
            ({"retries": -1}, "steps[0].retries"),
            ({"retries": 101}, "steps[0].retries"),
            ({"retries": True}, "steps[0].retries"),
            ({"retries": 1.5}, "steps[0].retries"),
            ({"metadata": []}, "steps[0].metadata"),
            ({"metadata": {"a": "x" * 70_000}}, "steps[0].metadata"),
        ],
    )
    def test_what_is_wrong_is_named(self, members: JsonObject, path: str) -> None:
        assert list(errors_of({**echo(), **members})) == [path]

    def test_type_and_input_are_required(self) -> None:
        assert errors_of({}) == {"steps[0].$type": ["is required"], "steps[0].input": ["is required"]}

    @pytest.mark.parametrize("step", [None, "echo", 5, []])
    def test_a_step_is_an_object(self, step: Json) -> None:
        assert list(errors_of(echo(), step)) == ["steps"]

    def test_all_that_is_wrong_is_said_at_once(self) -> None:
        errors = errors_of(echo(), echo(priority="urgent", name=""), echo(5), tags=["a", 1], externalId="!")

        assert sorted(errors) == [
            "externalId",
            "steps[1].name",
            "steps[1].priority",
            "steps[2].input.message",
            "tags[1]",
        ]


class TestReferences:
    def test_a_step_depends_on_what_it_refers_to_by_name_or_position(self) -> None:
        steps = template(echo(name="gen"), echo(ref("gen")), echo(ref("$0")), echo(ref("$1"))).steps

        assert [step.depends_on for step in steps] == [set(), {"gen"}, {"gen"}, {"$1"}]
        assert steps[2].references == (Reference(("message",), "gen", "output.message"),)
        assert steps[2].raw_input == {"message": ref("$0")}

    def test_a_step_may_refer_to_a_later_one(self) -> None:
        assert template(echo(ref("$1")), echo()).steps[0].depends_on == {"$1"}

    def test_arguments_are_no_dependency_and_known_at_submit(self) -> None:
        step = template(echo(ref("$arguments", "texts[1]")), arguments={"texts": ["a", "b"]}).steps[0]

        assert step.depends_on == frozenset()
        assert step.input == EchoInput(message="b")
        assert step.raw_input == {"message": ref("$arguments", "texts[1]")}

    def test_a_value_from_the_arguments_is_validated_like_any_other(self) -> None:
        step = echo(ref("$arguments", "text"))

        assert list(errors_of(step, arguments={"text": 5})) == ["steps[0].input.message"]

    @pytest.mark.parametrize(
        ("reference", "why"),
        [
            (ref("nobody"), "no step has that name"),
            (ref("$7"), "no step has that name"),
            (ref("$00"), "no step has that name"),
            (ref(""), "no step has that name"),
            (ref("$0"), "its own step"),
            (ref("$1", "output..url"), "not written like"),
            (ref("$arguments", "missing"), "there is no `missing`"),
            (ref("$arguments", "a["), "not written like"),
        ],
    )
    def test_a_reference_to_nothing_is_refused_where_it_stands(self, reference: JsonObject, why: str) -> None:
        errors = errors_of(echo(reference), echo(), arguments={"a": 1})

        assert list(errors) == ["steps[0].input.message"]
        assert why in errors["steps[0].input.message"][0]

    def test_circles_are_refused_at_each_reference_in_them(self) -> None:
        errors = errors_of(echo(ref("$1")), echo(ref("$2")), echo(ref("$0")), echo(ref("$0")), echo())

        assert sorted(errors) == [f"steps[{index}].input.message" for index in range(3)]

    def test_long_chains_and_diamonds_are_no_circles(self) -> None:
        chain: list[Json] = [echo(), *[echo(ref(f"${index}")) for index in range(99)]]
        diamond: list[Json] = [
            echo(),
            echo(ref("$0")),
            echo(ref("$0")),
            {**echo(), "input": {"message": ref("$1"), "b": ref("$2")}},
        ]

        assert template(*chain).steps[99].depends_on == {"$98"}
        assert template(*diamond).steps[3].depends_on == {"$1", "$2"}

    def test_the_whole_input_may_be_a_reference(self) -> None:
        step: JsonObject = {"$type": "echo", "input": ref("$arguments", "input")}

        assert template(step, arguments={"input": {"message": "hi"}}).steps[0].input == EchoInput(message="hi")
        assert list(errors_of(step)) == ["steps[0].input"]

    def test_an_image_may_come_from_another_step_while_the_rest_is_validated(self) -> None:
        def edit(prompt: Json) -> JsonObject:
            image = ref("gen", "output.images[0].url")
            return {"$type": "textToImage", "input": {"prompt": prompt, "sourceImage": image}}

        source: JsonObject = {"$type": "textToImage", "name": "gen", "input": {"prompt": "a horse"}}

        assert template(source, edit("a horse at night")).steps[1].depends_on == {"gen"}
        assert list(errors_of(source, edit(5))) == ["steps[1].input.prompt"]

    def test_references_and_what_they_bring_are_bounded(self) -> None:
        def repeating(times: int) -> JsonObject:
            more: list[Json] = [ref("$arguments", "big")] * times
            return {"$type": "echo", "input": {"message": "a", "more": more}}

        assert list(errors_of(repeating(257), arguments={"big": 1})) == ["steps[0].input"]
        assert list(errors_of(repeating(100), arguments={"big": "x" * 1_000_000})) == ["steps[0].input"]


def finding(output: Json) -> Callable[[Reference], Json]:
    """A look-up in the one step there is."""
    return lambda reference: read_path({"output": output}, reference.path)


class TestFillingIn:
    def test_the_input_is_read_in_full_with_the_values(self) -> None:
        step = template(echo(), echo(ref("$0"))).steps[1]

        assert fill_in(step, finding({"message": "from far"}), {}) == EchoInput(message="from far")

    def test_the_source_is_looked_up_by_its_name(self) -> None:
        step = template(echo(name="first"), echo(ref("$0"))).steps[1]
        asked: list[Reference] = []

        def look_up(reference: Reference) -> Json:
            asked.append(reference)
            return "found"

        fill_in(step, look_up, {})

        assert asked == [Reference(("message",), "first", "output.message")]

    def test_arguments_need_no_look_up(self) -> None:
        def look_up(reference: Reference) -> Json:
            raise AssertionError(reference)

        arguments: JsonObject = {"text": "hi"}
        step = template(echo(ref("$arguments", "text")), arguments=arguments).steps[0]

        assert fill_in(step, look_up, arguments) == EchoInput(message="hi")

    def test_arguments_and_steps_may_meet_in_one_input(self) -> None:
        mixed: JsonObject = {"$type": "echo", "input": {"message": ref("$0"), "note": ref("$arguments", "text")}}
        step = template(echo(), mixed, arguments={"text": "hi"}).steps[1]

        assert fill_in(step, finding({"message": "m"}), {"text": "hi"}) == EchoInput(message="m")

    def test_a_missing_path_is_named_at_its_place(self) -> None:
        step = template(echo(), echo(ref("$0", "output.text"))).steps[1]

        with pytest.raises(BadRequest) as raised:
            fill_in(step, finding({"message": "m"}), {})

        assert raised.value.errors == {"steps[1].input.message": ["there is no `output.text`: `output` has message"]}

    def test_a_value_of_the_wrong_kind_is_named_at_its_place(self) -> None:
        step = template(echo(), echo(ref("$0"))).steps[1]

        with pytest.raises(BadRequest) as raised:
            fill_in(step, finding({"message": [1]}), {})

        assert list(raised.value.errors) == ["steps[1].input.message"]

    def test_a_source_may_have_nothing_at_all(self) -> None:
        def look_up(reference: Reference) -> Json:
            raise PathMissing(f"`{reference.source}` has no output")

        step = template(echo(), echo(ref("$0"))).steps[1]

        with pytest.raises(BadRequest, match="`\\$0` has no output"):
            fill_in(step, look_up, {})
