"""What the client commands send, print and exit with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WORKFLOWS = "/v2/consumer/workflows"


@pytest.fixture(autouse=True)
def _use_the_script(palio, script, monkeypatch) -> None:
    monkeypatch.setenv("PALIO_URL", script.url)
    monkeypatch.setenv("PALIO_TOKEN", "secret-token")


def test_submit_sends_the_file_as_it_is_with_the_token(palio, script, workflow, tmp_path: Path):
    script.on(f"POST {WORKFLOWS}", workflow("unassigned"), status=202)
    (tmp_path / "w.json").write_text('{"steps": [ ]}')

    result = palio("submit", "w.json")

    sent = script.asked(f"POST {WORKFLOWS}")
    assert sent.body == b'{"steps": [ ]}'
    assert sent.headers["Authorization"] == "Bearer secret-token"
    assert result.code == 0
    assert "wf1  unassigned" in result.out


def test_submit_reads_standard_input_when_the_file_is_a_dash(palio, script, workflow):
    script.on(f"POST {WORKFLOWS}", workflow("unassigned"), status=202)
    palio("submit", "-", stdin='{"steps":[]}')
    assert script.asked(f"POST {WORKFLOWS}").body == b'{"steps":[]}'


def test_submit_whatif_asks_for_the_price_only(palio, script, workflow):
    script.on(f"POST {WORKFLOWS}", {**workflow("unassigned"), "id": None})
    result = palio("submit", "-", "--whatif", "--wait", "5", stdin="{}")
    assert "whatif=true" in script.asked(f"POST {WORKFLOWS}").query
    assert (result.code, len(script.requests)) == (0, 1)
    assert "8 Buzz" in result.out


def test_submit_with_wait_follows_until_the_workflow_is_final(palio, script, workflow):
    script.on(f"POST {WORKFLOWS}", workflow("unassigned"), status=202)
    script.on(f"GET {WORKFLOWS}/wf1", workflow("processing", progress=0.4), workflow("succeeded"))

    result = palio("submit", "-", "--wait", "20", stdin="{}")

    assert result.code == 0
    assert "imageGen $0: processing on sketch" in result.err
    assert "wf1  succeeded" in result.out


def test_submit_whose_wait_is_over_exits_1_and_says_how_to_go_on(palio, script, workflow):
    script.on(f"POST {WORKFLOWS}", workflow("unassigned"), status=202)
    script.on(f"GET {WORKFLOWS}/wf1", workflow("processing"))
    result = palio("submit", "-", "--wait", "1", stdin="{}")
    assert result.code == 1
    assert "palio watch wf1" in result.err


def test_a_file_that_is_not_there_is_a_usage_error(palio):
    result = palio("submit", "nothing.json")
    assert (result.code, result.out) == (2, "")
    assert "cannot read nothing.json" in result.err


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("failed", 1), ("expired", 1), ("canceled", 1)])
def test_watch_exits_0_only_when_the_workflow_succeeded(palio, script, workflow, status: str, code: int):
    script.on(f"GET {WORKFLOWS}/wf1", workflow("scheduled"), workflow(status, reason="no_provider_available"))
    result = palio("watch", "wf1")
    assert result.code == code
    assert ("no_provider_available" in result.out) == (code == 1)


def test_watch_outlives_a_moment_without_the_server(palio, script, workflow):
    script.on(f"GET {WORKFLOWS}/wf1", workflow("scheduled"))
    script.on(f"GET {WORKFLOWS}/wf1", {}, status=503)
    script.on(f"GET {WORKFLOWS}/wf1", workflow("succeeded"))
    assert palio("watch", "wf1").code == 0


def test_watch_draws_bars_on_a_terminal(palio, script, workflow, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    script.on(f"GET {WORKFLOWS}/wf1", workflow("processing", progress=0.5), workflow("succeeded"))
    result = palio("watch", "wf1")
    assert "imageGen $0" in result.err
    assert result.out.startswith("wf1  succeeded")


def test_json_prints_the_server_s_own_document_and_nothing_else(palio, script, workflow):
    document = {**workflow("succeeded"), "memberOfANewerServer": 1}
    script.on(f"GET {WORKFLOWS}/wf1", document)
    for command in (["get", "wf1"], ["watch", "wf1"]):
        assert json.loads(palio(*command, "--json").out) == document


def test_get_escapes_the_id(palio, script):
    palio("get", "../tokens?x=1")
    assert script.requests[0].path == f"{WORKFLOWS}/..%2Ftokens%3Fx%3D1"


def test_list_filters_and_shows_the_way_to_the_next_page(palio, script, workflow):
    script.on(f"GET {WORKFLOWS}", {"items": [workflow("succeeded")], "next": "c2"})

    result = palio("list", "--take", "1", "--status", "succeeded", "--tag", "a", "--tag", "b", "--cursor", "c1")

    assert script.requests[0].query == "take=1&status=succeeded&tags=a&tags=b&cursor=c1"
    assert "wf1  succeeded  2026-01-31 10:00:00  imageGen  demo" in result.out
    assert "--cursor c2" in result.err


def test_list_refuses_a_status_that_does_not_exist(palio):
    assert palio("list", "--status", "pending").code == 2


def test_cancel_asks_and_says_where_the_workflow_is_then(palio, script, workflow):
    script.on(f"PUT {WORKFLOWS}/wf1", {}, status=200)
    script.on(f"GET {WORKFLOWS}/wf1", workflow("canceled"))
    result = palio("cancel", "wf1")
    assert script.requests[0].body == b'{"status":"canceled"}'
    assert (result.code, result.out) == (0, "Asked to cancel wf1; it is canceled now.\n")


def test_delete_deletes(palio, script):
    script.on(f"DELETE {WORKFLOWS}/wf1", {})
    assert palio("delete", "wf1").code == 0
    assert script.requests[0].method == "DELETE"


def test_a_refusal_is_printed_with_its_field_paths(palio, script):
    errors = {"steps[0].input.width": ["must be at least 64"], "tags": ["at most 10"]}
    script.on(f"POST {WORKFLOWS}", {"status": 400, "detail": "not valid", "errors": errors}, status=400)
    result = palio("submit", "-", stdin="{}")
    assert (result.code, result.out) == (1, "")
    assert result.err == "palio: not valid (400)\n  steps[0].input.width: must be at least 64\n  tags: at most 10\n"


def test_a_refusal_of_one_field_is_not_said_twice(palio, script):
    problem = {"status": 400, "detail": "tags: at most 10", "errors": {"tags": ["at most 10"]}}
    script.on(f"POST {WORKFLOWS}", problem, status=400)
    assert palio("submit", "-", stdin="{}").err == "palio: tags: at most 10 (400)\n"


def test_an_unknown_token_is_explained(palio, script):
    script.on(f"GET {WORKFLOWS}/wf1", {"status": 401}, status=401)
    result = palio("get", "wf1")
    assert result.code == 1
    assert "PALIO_TOKEN" in result.err


@pytest.mark.parametrize("body", ["not a workflow", {"steps": 1}, []])
def test_a_server_of_another_kind_is_recognised(palio, script, body: object):
    script.on(f"GET {WORKFLOWS}/wf1", body)
    result = palio("get", "wf1")
    assert result.code == 1
    assert "does not look like a Palio server" in result.err


def test_a_server_that_cannot_be_reached_exits_3_and_says_what_to_do(palio):
    result = palio("get", "wf1", "--url", "http://127.0.0.1:1")
    assert (result.code, result.out) == (3, "")
    assert "palio serve" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://[", "http://a b", "http://a:99999"])
def test_an_address_that_is_none_is_a_usage_error(palio, url: str):
    result = palio("get", "wf1", "--url", url)
    assert result.code == 2
    assert "is not the address of a server" in result.err


def test_an_argument_that_is_no_text_is_a_usage_error(palio):
    result = palio("get", "wf\udcff")
    assert result.code == 2
    assert "not valid text" in result.err


def test_the_token_kept_on_this_machine_is_used_for_the_server_on_this_machine(
    palio, script, workflow, monkeypatch, tmp_path: Path
):
    monkeypatch.delenv("PALIO_TOKEN")
    (tmp_path / "share/palio").mkdir(parents=True)
    (tmp_path / "share/palio/token").write_text("kept-token\n")
    script.on(f"GET {WORKFLOWS}/wf1", workflow("succeeded"))

    assert palio("get", "wf1").code == 0
    assert script.requests[0].headers["Authorization"] == "Bearer kept-token"


def test_without_flags_the_port_of_the_configuration_is_asked(palio, script, workflow, monkeypatch, tmp_path: Path):
    monkeypatch.delenv("PALIO_URL")
    (tmp_path / "palio.toml").write_text(f"port = {script.url.rsplit(':', 1)[1]}")
    script.on(f"GET {WORKFLOWS}/wf1", workflow("succeeded"))
    assert palio("get", "wf1").code == 0


def test_interrupting_a_wait_leaves_the_workflow_running_and_says_how_to_see_it(
    script, workflow: Callable[..., dict[str, object]]
):
    # Given a workflow that never ends, being watched
    script.on(f"GET {WORKFLOWS}/wf1", workflow("processing"))
    command = [sys.executable, "-c", "from palio.surfaces.cli import main; main()", "watch", "wf1"]
    environment = {**os.environ, "PALIO_URL": script.url}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        deadline = time.monotonic() + 15
        while len(script.requests) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        # When the user presses Ctrl-C
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    # Then
    assert process.returncode == 130
    assert b"palio watch wf1" in err
    assert b"Traceback" not in err
    assert {request.method for request in script.requests} == {"GET"}


def test_get_shows_what_a_repeat_repeats(palio, script, workflow):
    document = workflow("failed")
    (image,) = document["steps"]
    copies = [
        {**image, "name": f"$1[{number}]", "status": status} for number, status in enumerate(["failed", "expired"])
    ]
    echo = {"$type": "echo", "name": "$1[2]", "priority": "normal", "status": "succeeded", "metadata": {}, "input": {}}
    echo["output"] = {"message": "still here"}
    repeat = {**echo, "$type": "repeat", "name": "$1", "status": "failed"}
    repeat["output"] = {"steps": [*copies, echo], "errors": ["`$1[0]` has failed"]}
    script.on(f"GET {WORKFLOWS}/wf1", {**document, "steps": [repeat]})

    lines = palio("get", "wf1").out.splitlines()

    assert lines[1:3] == ["  $1  repeat  failed", "    `$1[0]` has failed"]
    assert "    $1[0]  imageGen  failed" in lines
    assert "    $1[1]  imageGen  expired" in lines
    assert lines[-2:] == ["    $1[2]  echo  succeeded", "      still here"]


def test_watch_tells_the_progress_of_a_repeat_by_its_copies(palio, script, workflow):
    running, done = workflow("processing", progress=0.4), workflow("succeeded")
    for document in (running, done):
        (image,) = document["steps"]
        repeat = {**image, "$type": "repeat", "name": "$1", "output": {"steps": [image]}}
        repeat.pop("jobs", None)
        document["steps"] = [repeat]
    script.on(f"GET {WORKFLOWS}/wf1", running, done)

    result = palio("watch", "wf1")

    assert result.code == 0
    assert "repeat $1: processing on sketch" in result.err
