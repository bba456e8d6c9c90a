"""`palio capability`, in front of our own server, as its users meet it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp import Client
from tests.acceptance.test_readme import blocks
from tests.conftest import PALIO, Server, environment
from tests.integration.capability.running import PUBLISHED, Running, free_offset

from palio.surfaces.capability.loading import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/capabilities.md").read_text()
BLOCKS = blocks(PAGE)
WORKFLOWS = "/v2/consumer/workflows"
OVER = {"succeeded", "failed", "expired", "canceled"}
TEMPLATE = {
    "steps": [
        {
            "$type": "imageGen",
            "input": {
                "engine": "sdcpp",
                "ecosystem": "zImage",
                "model": "turbo",
                "operation": "createImage",
                "prompt": "a red kite",
                "outputFormat": "png",
            },
        }
    ]
}


@contextlib.contextmanager
def capability_run(server: Server, log: Path, *options: str) -> Iterator[Running]:
    """`palio capability run` with both published files, in front of a server."""
    offset = free_offset((8080, 9090))
    command = [*PALIO, "capability", "run", *map(str, PUBLISHED), "--base-uri", server.url]
    command += ["--port-offset", str(offset), *options]
    with log.open("w") as written:
        process = subprocess.Popen(
            command, stderr=written, stdout=written, env=environment(CIVITAI_API_KEY=server.token)
        )
    try:
        _wait(process, log)
        yield Running(offset)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert process.returncode in (0, -signal.SIGTERM), log.read_text()


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> None:
    while "Palio is ready for capabilities" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def running(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with capability_run(server, tmp_path_factory.mktemp("capability") / "log") as started:
        yield started


def image_of(workflow: dict) -> bytes:
    (image,) = workflow["steps"][0]["output"]["images"]
    return httpx.get(image["url"], follow_redirects=True).content


def test_both_ways_lead_to_a_picture(running: Running):
    """REST and MCP, both files on one port each, over the runner to our own server."""
    with running.client() as caller:
        submitted = caller.post(f"{WORKFLOWS}/image", json=TEMPLATE)
        assert submitted.status_code in (200, 202), submitted.text
        workflow = submitted.json()
        while workflow["status"] not in OVER:
            workflow = caller.get(f"{WORKFLOWS}/{workflow['id']}").json()
    assert workflow["status"] == "succeeded"
    assert image_of(workflow).startswith(b"\x89PNG")


async def test_agents_make_a_picture_too(running: Running):
    async with Client(f"{running.url(9090)}/mcp") as client:
        result = await client.call_tool("civitai-generate-image", {"body": TEMPLATE})
        assert not result.is_error
        workflow = result.structured_content
        while workflow["status"] not in OVER:
            result = await client.call_tool("civitai-get-workflow", {"workflowId": workflow["id"]})
            workflow = result.structured_content
        assert workflow["status"] == "succeeded"
        assert image_of(workflow).startswith(b"\x89PNG")

        listed = await client.call_tool("civitai-query-workflows", {"take": 1, "status": "succeeded"})
        assert [item["id"] for item in listed.structured_content["items"]] == [workflow["id"]]

        refused = await client.call_tool("civitai-submit-workflow", {"body": {"steps": [{"$type": "nothing"}]}})
        assert refused.is_error
        assert "steps[0]" in str(refused.structured_content)

        gone = await client.call_tool("civitai-cancel-workflow", {"workflowId": workflow["id"]})
        assert gone.structured_content == {"status": 204}


def test_a_workflow_is_changed_and_deleted_through_the_runner(running: Running):
    with running.client() as caller:
        id_ = caller.post(WORKFLOWS, json={"steps": [{"$type": "echo", "input": {"message": "a"}}]}).json()["id"]
        place = f"{WORKFLOWS}/{id_}"
        patched = caller.patch(place, json=[{"op": "add", "path": "/tags", "value": ["a", "b"]}])
        assert patched.status_code == 204, patched.text
        assert caller.get(place).json()["tags"] == ["a", "b"]
        assert caller.put(place, json={"tags": ["c"]}).status_code in (200, 204)
        assert caller.delete(place).status_code == 204
        assert caller.get(place).status_code == 404


def test_callers_who_bring_their_own_key_are_asked_for_it(server: Server, tmp_path: Path):
    with capability_run(server, tmp_path / "log", "--auth", "caller") as started, started.client() as caller:
        assert caller.get(WORKFLOWS).status_code == 401
        assert caller.get(WORKFLOWS, headers={"Authorization": f"Bearer {server.token}"}).status_code == 200


def test_our_own_server_has_every_route_that_the_files_call(server: Server):
    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    loaded = load(PUBLISHED, {"CIVITAI_API_KEY": "x"})
    for port in loaded.ports:
        for route in port.routes:
            assert route.method.lower() in paths[str(route.path)]
            assert route.call.method.lower() in paths[str(route.call.path)]
        for tool in port.tools:
            assert tool.call.method.lower() in paths[str(tool.call.path)]


# The command line


def palio(*arguments: str, cwd: Path = ROOT, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PALIO, "capability", *arguments],
        env={name: value for name, value in environment().items() if name != "CIVITAI_API_KEY"} | variables,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


FILES = [str(file.relative_to(ROOT)) for file in PUBLISHED]


def test_check_explains_and_warns():
    done = palio("check", *FILES)
    assert done.returncode == 0, done.stderr
    rows = [re.split(r"  +", line) for line in done.stdout.splitlines()]
    assert [
        "8080",
        "POST",
        "/v2/consumer/workflows/image",
        f"POST https://orchestration.civitai.com{WORKFLOWS}",
    ] in rows
    assert ["9090", "tool", "civitai-cancel-workflow"] in [row[:3] for row in rows]
    assert "Warning: capabilities/orchestration-workflows.yaml: binds[0].keys.CIVITAI_API_KEY" in done.stderr
    assert "Error" not in done.stderr


def test_check_of_what_cannot_be_run_exits_1_and_names_the_path(tmp_path: Path):
    (tmp_path / "bad.yaml").write_text(PUBLISHED[0].read_text().replace("baseUri:", "baseUrl:"))
    done = palio("check", "bad.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "Error: bad.yaml: capability.consumes[0].baseUrl: there is no such key; did you mean baseUri?" in done.stderr


def test_check_tells_of_clashes():
    done = palio("check", FILES[0], FILES[0])
    assert done.returncode == 1
    assert "already exposed" in done.stderr


def test_run_without_the_key_exits_2_and_names_it():
    done = palio("run", *FILES)
    assert (done.returncode, done.stdout) == (2, "")
    assert "binds[0].keys.CIVITAI_API_KEY: the environment variable CIVITAI_API_KEY is not set" in done.stderr


def test_run_of_files_that_clash_does_not_start():
    done = palio("run", FILES[0], FILES[0], CIVITAI_API_KEY="x")
    assert done.returncode == 2
    assert "tool civitai-get-workflow on port 9090 is already exposed" in done.stderr


@pytest.mark.parametrize(("auth", "is_warned"), [("bound", True), ("caller", False)])
def test_run_for_everybody_with_the_bound_key_warns(auth: str, is_warned: bool):
    # Given a port that is taken, so that nothing is served for long
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--host", "0.0.0.0", "--port-offset", str(port - 8080), "--auth", auth)  # noqa: S104
        done = palio("run", *FILES, *options, CIVITAI_API_KEY="x")
    assert done.returncode == 2
    assert "cannot listen" in done.stderr
    assert ("can spend the keys" in done.stderr) == is_warned


# The page


@pytest.fixture
def reader(running: Running, server: Server, tmp_path: Path) -> dict[str, str]:
    """The variables of somebody who follows the page, with `palio` on the path."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/palio"
    command.write_text(f'#!/bin/sh\nexec {" ".join(PALIO)} "$@"\n')
    command.chmod(0o755)
    data = tmp_path / ".local/share/palio"
    data.parent.mkdir(parents=True)
    data.symlink_to(server.data)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    return environment(HOME=str(tmp_path), PATH=path, CIVITAI_API_KEY=server.token)


def here(text: str, server: Server, running: Running) -> str:
    """A block with the addresses of what runs."""
    text = text.replace("http://127.0.0.1:8080", server.url).replace("http://127.0.0.1:9080", running.url(8080))
    return text.replace("http://127.0.0.1:10090", running.url(9090))


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.language == "sh" and not block.coverage],
    ids=lambda block: str(block.line),
)
def test_commands_of_the_page_work(block, reader: dict[str, str], server: Server, running: Running):
    done = subprocess.run(
        ["sh", "-eu", "-c", here(block.text, server, running)],
        cwd=ROOT,
        env=reader,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert '"status":"succeeded"' in done.stdout or "civitai-generate-image" in done.stdout


def test_the_program_of_the_page_works(reader: dict[str, str], server: Server, running: Running):
    (block,) = [block for block in BLOCKS if block.language == "python"]
    program = here(block.text, server, running)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=reader, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    assert "civitai-generate-image" in done.stdout


def test_the_runner_starts_as_the_page_says(reader: dict[str, str], server: Server, tmp_path: Path):
    (block,) = [block for block in BLOCKS if block.coverage == "runner"]
    offset = free_offset((8080, 9090))
    text = block.text.replace("http://127.0.0.1:8080", server.url).replace(
        "--port-offset 1000", f"--port-offset {offset}"
    )
    # `exec` in front of the last command, so that the signal below reaches the runner itself.
    *lines, last = text.splitlines()
    log = tmp_path / "log"
    with log.open("w") as written:
        script = "\n".join([*lines, f"exec {last}"])
        process = subprocess.Popen(["sh", "-eu", "-c", script], cwd=ROOT, env=reader, stdout=written, stderr=written)
    try:
        _wait(process, log)
        assert httpx.get(f"http://127.0.0.1:{8080 + offset}{WORKFLOWS}").status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_no_block_of_the_page_is_left_out():
    # `bench` is run by test_bench.py.
    covered = {("sh", None), ("sh", "runner"), ("sh", "bench"), ("python", None)}
    assert {(block.language, block.coverage) for block in BLOCKS} == covered
