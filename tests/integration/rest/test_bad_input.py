"""What callers should not send. Each is refused in words that name the field, and leaves nothing behind."""

import json
import zlib

import pytest

WORKFLOWS = "/v2/consumer/workflows"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def api(idle):
    """The client of an account that never gets a workflow accepted."""
    return idle


@pytest.fixture(autouse=True)
def leaves_nothing_behind(api):
    """Whatever a test sends: no workflow comes of it, and the server goes on."""
    yield
    assert api.ids() == []
    assert api.get("/health").json()["status"] == "ok"


def refused(api, step, **members):
    """The errors of a submission that is refused, the same for pricing it."""
    errors = api.errors(api.submit(step, **members))
    assert api.errors(api.submit(step, query={"whatif": "true"}, **members)) == errors
    return errors


class TestBody:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"steps",
            b"{",
            b'{"steps": [}',
            b'{"steps": [],}',
            b"{'steps': []}",
            b'{"steps": [] /* none */}',
            b'{"steps": NaN}',
            b'{"steps": Infinity}',
            b'{"steps": 1e999}',
            b'{"steps": ' + b"9" * 5000 + b"}",
            b"\xef\xbb\xbf{}",
            b'{"steps": "\xff\xfe"}',
            b'{"steps": "\xed\xa0\x80"}',
            '{"steps": []}'.encode("utf-16"),
            b"[" * 10_000 + b"]" * 10_000,
            b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
            b'{"metadata": ' + b"[" * 70 + b"]" * 70 + b"}",
            b"null",
            b"[]",
            b"7",
            b'"steps"',
            b"steps=1&x=2",
        ],
    )
    def test_what_is_no_json_object_is_refused(self, api, body):
        for path in (WORKFLOWS, f"{WORKFLOWS}/image"):
            assert "" in api.errors(api.post(path, content=body, headers=JSON))

    def test_a_body_of_10_mb_is_too_large(self, api):
        body = b'{"metadata": {"a": "' + b"x" * 10 * 1024 * 1024 + b'"}}'

        assert api.post(WORKFLOWS, content=body, headers=JSON).status_code == 413

    def test_a_body_of_10_mb_that_does_not_say_so_is_too_large_too(self, api):
        def chunks():
            for _ in range(160):
                yield b"x" * 64 * 1024

        assert api.post(WORKFLOWS, content=chunks(), headers=JSON).status_code == 413

    @pytest.mark.parametrize("label", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "json", "/"])
    def test_other_media_types_are_refused(self, api, label):
        body = b'{"steps":[{"$type":"echo","input":{"message":"hello"}}]}'

        assert api.post(WORKFLOWS, content=body, headers={"Content-Type": label}).status_code == 415

    @pytest.mark.parametrize(
        "half", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\udbff\\u0041", "\\ud800 and more text"]
    )
    @pytest.mark.parametrize(
        "body",
        [
            '{"steps":[{"$type":"echo","input":{"message":"%s"}}]}',
            '{"tags":["%s"],"steps":[{"$type":"echo","input":{"message":"x"}}]}',
            '{"metadata":{"a":"%s"},"steps":[{"$type":"echo","input":{"message":"x"}}]}',
            '{"metadata":{"%s":1},"steps":[{"$type":"echo","input":{"message":"x"}}]}',
        ],
    )
    def test_half_a_surrogate_pair_is_no_text(self, api, body, half):
        assert "" in api.errors(api.post(WORKFLOWS, content=(body % half).encode(), headers=JSON))

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"metadata": {"a": ["x", "\0"]}}, "metadata.a[1]"),
            ({"metadata": {"a": {"\0b": 1}}}, "metadata.a"),
            ({"arguments": {"a": "b\0"}}, "arguments.a"),
            ({"tags": ["one", "t\0"]}, "tags[1]"),
            ({"externalId": "\0"}, "externalId"),
            ({"steps": [{"$type": "echo", "input": {"message": "\0"}}]}, "steps[0].input.message"),
            ({"steps": [{"$type": "echo", "name": "\0", "input": {"message": "a"}}]}, "steps[0].name"),
            ({"steps": [{"$type": "\0", "input": {"message": "a"}}]}, "steps[0].$type"),
        ],
    )
    def test_nul_characters_are_refused_where_they_stand(self, api, body, path):
        reply = api.post(WORKFLOWS, json={"steps": [api.echo()], **body})

        assert list(api.errors(reply)) == [path]

    def test_what_only_looks_like_a_nul_character_is_text(self, fresh):
        assert fresh.run(fresh.echo("\\u0000"))["steps"][0]["output"]["message"] == "\\u0000"

    def test_of_a_member_that_is_there_twice_the_last_counts(self, fresh):
        body = b'{"steps":[],"steps":[{"$type":"echo","input":{"message":"a","message":"b"}}]}'

        reply = fresh.post(WORKFLOWS, content=body, headers=JSON, params={"wait": 10})

        assert reply.json()["steps"][0]["output"]["message"] == "b"

    @pytest.mark.parametrize(
        ("method", "path"),
        [("PUT", ""), ("PATCH", ""), ("POST", "/tags"), ("PUT", "/steps/0"), ("PATCH", "/steps/0")],
    )
    @pytest.mark.parametrize(
        "body", [b"", b"{", b"\xff", b'"\\ud800"', b'{"a":"\\u0000"}', b"[" * 10_000, b'["\\u0000"]']
    )
    def test_changes_are_read_with_the_same_care(self, api, method, path, body):
        reply = api.http.request(method, f"{WORKFLOWS}/x{path}", content=body, headers=JSON)

        assert api.errors(reply)


class TestTemplate:
    @pytest.mark.parametrize(
        ("members", "path"),
        [
            ({"steps": None}, "steps"),
            ({"steps": []}, "steps"),
            ({"steps": {}}, "steps"),
            ({"steps": [7]}, "steps"),
            ({"steps": [{"$type": "echo", "input": {"message": "a"}}] * 101}, "steps"),
            ({"tags": [f"t{number}" for number in range(11)]}, "tags"),
            ({"tags": ["x" * 201]}, "tags[0]"),
            ({"tags": ["same", "same"]}, "tags[1]"),
            ({"tags": [7]}, "tags[0]"),
            ({"tags": "one,two"}, "tags"),
            ({"externalId": "x" * 129}, "externalId"),
            ({"externalId": ""}, "externalId"),
            ({"externalId": "a b"}, "externalId"),
            ({"externalId": "a\n"}, "externalId"),
            ({"tips": {"civitai": 2.01}}, "tips.civitai"),
            ({"tips": {"creators": -0.01}}, "tips.creators"),
            ({"tips": 1}, "tips"),
            ({"metadata": []}, "metadata"),
            ({"metadata": {"a": "x" * 65_536}}, "metadata"),
            ({"arguments": "a"}, "arguments"),
            ({"upgradeMode": "maybe"}, "upgradeMode"),
            ({"currencies": ["gold"]}, "currencies[0]"),
            ({"nsfwLevel": "r18"}, "nsfwLevel"),
            ({"ephemeral": "true"}, "ephemeral"),
            ({"ephemeral": True}, "ephemeral"),
            ({"callbacks": [{"url": "https://x.example", "type": ["workflow:exploded"]}]}, "callbacks[0].type[0]"),
            ({"callbacks": [{"url": "https://x.example", "type": []}]}, "callbacks[0].type"),
            ({"callbacks": [{"url": "x.example", "type": ["step:*"]}]}, "callbacks[0].url"),
            ({"callbacks": [{"url": "file:///x", "type": ["step:*"]}]}, "callbacks[0].url"),
            ({"callbacks": [{"type": ["step:*"]}]}, "callbacks[0].url"),
            ({"callbacks": [{"url": "https://x.example", "type": ["step:*"]}] * 11}, "callbacks"),
        ],
    )
    def test_a_member_that_is_wrong_is_named(self, api, members, path):
        reply = api.post(WORKFLOWS, json={"steps": [api.echo()], **members})

        assert path in api.errors(reply)
        assert path in reply.json()["detail"]

    @pytest.mark.parametrize(
        ("members", "path"),
        [
            ({"$type": None}, "steps[0].$type"),
            ({"$type": "imageGenerator"}, "steps[0].$type"),
            ({"$type": "ECHO"}, "steps[0].$type"),
            ({"$type": 7}, "steps[0].$type"),
            ({"input": None}, "steps[0].input"),
            ({"input": "hello"}, "steps[0].input"),
            ({"input": {}}, "steps[0].input.message"),
            ({"input": {"message": 7}}, "steps[0].input.message"),
            ({"input": {"message": "x" * 70_000}}, "steps[0].input.message"),
            ({"name": ""}, "steps[0].name"),
            ({"name": "x" * 129}, "steps[0].name"),
            ({"name": "$1"}, "steps[0].name"),
            ({"name": "$arguments"}, "steps[0].name"),
            ({"priority": "urgent"}, "steps[0].priority"),
            ({"timeout": "ten minutes"}, "steps[0].timeout"),
            ({"timeout": "00:00:00"}, "steps[0].timeout"),
            ({"timeout": "99.00:00:00"}, "steps[0].timeout"),
            ({"timeout": 600}, "steps[0].timeout"),
            ({"retries": -1}, "steps[0].retries"),
            ({"retries": 101}, "steps[0].retries"),
            ({"retries": "2"}, "steps[0].retries"),
            ({"metadata": "a"}, "steps[0].metadata"),
        ],
    )
    def test_a_member_of_a_step_that_is_wrong_is_named(self, api, members, path):
        reply = api.post(WORKFLOWS, json={"steps": [api.echo() | members, api.echo()]})

        assert path in api.errors(reply)

    def test_two_steps_cannot_have_one_name(self, api):
        assert "steps[1].name" in refused(api, api.echo(name="a"), steps=[api.echo(name="a")] * 2)

    def test_everything_that_is_wrong_is_told_at_once(self, api):
        errors = refused(api, api.image(width=1, height=1, quantity=99), tags=["x", "x"], nsfwLevel="no")

        assert {"tags[1]", "nsfwLevel", *(f"steps[0].input.{name}" for name in ("width", "height", "quantity"))} <= set(
            errors
        )

    def test_there_is_an_end_to_what_is_told(self, api):
        step = {
            "$type": "imageGen",
            "input": {"engine": "seedream", "prompt": "a", **{f"x{n}": n for n in range(5000)}},
        }

        assert len(refused(api, step)) <= 100


class TestVariant:
    @pytest.mark.parametrize(
        ("given", "member"),
        [
            ({"engine": "flux"}, "engine"),
            ({"engine": "Seedream"}, "engine"),
            ({"engine": None}, "engine"),
            ({"engine": ["seedream"]}, "engine"),
            ({"engine": "sdcpp"}, "ecosystem"),
            ({"engine": "sdcpp", "ecosystem": "sd9"}, "ecosystem"),
            ({"engine": "sdcpp", "ecosystem": "sdxl", "operation": "paint"}, "operation"),
            ({"engine": "sdcpp", "ecosystem": "qwen", "model": "7b"}, "model"),
            ({"engine": "grok"}, "operation"),
        ],
    )
    def test_a_variant_that_there_is_not_is_told_by_the_member_that_names_it(self, api, given, member):
        errors = refused(api, {"$type": "imageGen", "input": {"prompt": "a cat", **given}})

        assert list(errors) == [f"steps[0].input.{member}"]

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("width", 63),
            ("width", 2049),
            ("width", 100.5),
            ("height", 65),
            ("height", "tall"),
            ("steps", 0),
            ("steps", 151),
            ("cfgScale", 30.1),
            ("cfgScale", None),
            ("quantity", 0),
            ("quantity", 13),
            ("seed", 2**63),
            ("seed", 1.5),
            ("prompt", "x" * 10_001),
            ("prompt", None),
            ("negativePrompt", "x" * 10_001),
            ("model", "a model"),
            ("loras", ["urn:air:sdxl:lora:civitai:1@2"]),
            ("sampleMethod", "magic"),
            ("outputFormat", "bmp"),
            ("clipSkip", 2),
            ("__proto__", {}),
        ],
    )
    def test_a_limit_that_is_crossed_is_named(self, api, member, value):
        assert f"steps[0].input.{member}" in refused(api, api.sdxl(**{member: value}))

    @pytest.mark.parametrize(("member", "value"), [("width", 64), ("width", 2048), ("steps", 150), ("quantity", 12)])
    def test_the_limit_itself_is_fine(self, api, member, value):
        assert api.submit(api.sdxl(**{member: value}), query={"whatif": "true"}).status_code == 200


class TestReference:
    PATH = "output.images[0].url"

    @pytest.mark.parametrize(
        "reference",
        [
            {"$ref": "nothing", "path": PATH},
            {"$ref": "$7", "path": PATH},
            {"$ref": "$0", "path": PATH},
            {"$ref": "", "path": PATH},
            {"$ref": "$1", "path": "output..images"},
            {"$ref": "$1", "path": "output.images["},
            {"$ref": "$1", "path": "x" * 1001},
            {"$ref": "$arguments", "path": "none"},
            {"$ref": 7, "path": PATH},
            {"$ref": "$1"},
        ],
    )
    def test_a_reference_that_leads_nowhere_is_named(self, api, reference):
        step = api.sdxl(operation="createVariant", image=reference)
        errors = api.errors(api.post(WORKFLOWS, json={"steps": [step, api.image()]}))

        assert any(path.startswith("steps[0].input.image") for path in errors)

    def test_steps_cannot_wait_for_one_another(self, api):
        steps = [
            api.sdxl(operation="createVariant", image={"$ref": f"${(number + 1) % 3}", "path": self.PATH})
            for number in range(3)
        ]

        errors = api.errors(api.post(WORKFLOWS, json={"steps": steps}))

        assert set(errors) == {f"steps[{number}].input.image" for number in range(3)}

    def test_a_thousand_references_are_too_many(self, api):
        images = [{"$ref": "$1", "path": self.PATH}] * 1000
        step = {"$type": "imageGen", "input": {"engine": "seedream", "prompt": "a", "images": images}}

        assert api.errors(api.post(WORKFLOWS, json={"steps": [step, api.image()]}))


def bomb():
    """A PNG file of 30,000 x 30,000 black pixels in 110 kB."""

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = (30_000).to_bytes(4) * 2 + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes(3751) * 30_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class TestImage:
    @pytest.mark.parametrize(
        "image",
        [
            "",
            "cat.png",
            "data:image/png;base64,AAAA",
            "data:image/png;base64,!!!!",
            "data:text/html,<script>",
            "data:,",
            "data:image/svg+xml;base64,PHN2Zy8+",
            "file:///etc/passwd",
            "ftp://example.com/cat.png",
            "javascript:alert(1)",
            "//example.com/cat.png",
            "http://",
            "http://exa mple.com/",
            "http://[::1/",
            "http://example.com:99999/",
            "http://user:password@93.184.215.14/cat.png",
            "/v2/consumer/blobs/AAAAAAAAAAAAAAAAAAAAAAAAAA.png",
        ],
    )
    def test_what_is_no_image_is_refused_at_once(self, api, image):
        assert list(refused(api, api.sdxl(operation="createVariant", image=image))) == ["steps[0].input.image"]

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "localhost",
            "LOCALHOST",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "127.1",
            "0.0.0.0",  # noqa: S104 - somewhere to connect to, not to listen on
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
        ],
    )
    def test_addresses_that_are_not_public_are_not_fetched_from(self, api, server, host):
        port = server.url.rpartition(":")[2]
        for address in (f"http://{host}:{port}/health", f"https://{host}/latest/meta-data/"):
            (messages,) = refused(api, api.sdxl(operation="createVariant", image=address)).values()
            assert "not on the public internet" in messages[0]

    def test_an_image_that_would_fill_the_memory_is_refused_unread(self, api):
        data = bomb()
        reply = api.post("/v2/consumer/blobs", content=data, headers={"Content-Type": "image/png"})

        assert api.errors(reply)

    def test_one_bad_image_among_several_is_named(self, api, data_url):
        errors = refused(api, api.image(images=[data_url, "data:,x", data_url]))

        assert list(errors) == ["steps[0].input.images[1]"]


class TestQuery:
    @pytest.mark.parametrize("written", ["-1", "abc", "1.5", "1e3", "٣", " 1", "true", "%00"])
    def test_a_wait_is_whole_seconds(self, api, written):
        for method, path in (("GET", f"{WORKFLOWS}/x"), ("POST", WORKFLOWS), ("POST", f"{WORKFLOWS}/image")):
            reply = api.http.request(method, f"{path}?wait={written}", json={"steps": [api.echo()]})
            assert "wait" in api.errors(reply)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("take", "0"),
            ("take", "-1"),
            ("take", "1000000000"),
            ("take", "1001"),
            ("take", "abc"),
            ("cursor", "abc"),
            ("cursor", "!!"),
            ("cursor", "x" * 1000),
            ("cursor", "MQ"),
            ("cursor", "é"),
            ("status", "nope"),
            ("status", "succeeded,failed"),
            ("fromDate", "yesterday"),
            ("fromDate", "2026-02-30T00:00:00Z"),
            ("fromDate", "2026-01-01T25:00:00Z"),
            ("fromDate", "0001-01-01T00:00:00+14:00"),
            ("toDate", "1769853600"),
            ("toDate", "99999-01-01T00:00:00Z"),
            ("ascending", "up"),
            ("excludeFailed", "2"),
            ("hideMatureContent", "yes"),
            ("query", "x" * 501),
            ("query", "\0"),
            ("tags", "a\0"),
        ],
    )
    def test_a_parameter_that_is_wrong_is_named(self, api, name, value):
        assert list(api.errors(api.get(WORKFLOWS, params={name: value}))) == [name]

    def test_flags_of_a_submission_too(self, api):
        for name in ("whatif", "hideMatureContent"):
            reply = api.submit(api.echo(), query={name: "perhaps"})
            assert list(api.errors(reply)) == [name]

    def test_many_parameters_are_read_or_refused(self, api):
        for count in (1000, 4000):
            query = "&".join(f"x{number}=1" for number in range(count))
            assert api.get(f"{WORKFLOWS}?{query}").status_code in (200, 400)


def test_nesting_is_counted_after_a_patch_too(api):
    deep = json.dumps([{"op": "add", "path": "/metadata/a", "value": 1}]).replace("1", "[" * 60 + "]" * 60)

    assert api.patch(f"{WORKFLOWS}/x", content=deep, headers=JSON).status_code == 404
