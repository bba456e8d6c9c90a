"""What the README tells people to run is run, block by block, as they would run it.

Every fenced block is found by its language. A block that cannot simply be run says how it is covered in a comment
right above it, `<!-- run: ... -->`: `demo` is run by `test_demo.py`, `serve` is started and stopped, `install` fetches
from a registry what the tests have already.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.conftest import PALIO, Server, environment, running

ROOT = Path(__file__).parents[2]
JAVASCRIPT = ROOT / "tests/acceptance/javascript"
HERE = "http://127.0.0.1:8080"
"""The server's address as the README writes it."""

BLOCK = re.compile(r"(?:^<!-- run: (\w+) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its fence, `coverage` what the comment above it says."""

    line: int
    language: str
    text: str
    coverage: str | None = None


README = (ROOT / "README.md").read_text()


def blocks(text: str) -> list[Block]:
    """Every fenced block."""
    return [
        Block(text.count("\n", 0, found.start(2)) + 1, found[2], found[3], found[1]) for found in BLOCK.finditer(text)
    ]


BLOCKS = blocks(README)


def those(language: str, coverage: str | None = None) -> list[Block]:
    """The blocks of a language that are covered in the same way."""
    return [block for block in BLOCKS if (block.language, block.coverage) == (language, coverage)]


def line_of(block: Block) -> str:
    return f"{block.language}-{block.line}"


RUN = {
    ("sh", None),
    ("sh", "demo"),
    ("sh", "serve"),
    ("sh", "install"),
    ("python", None),
    ("js", None),
    ("json", None),
    ("toml", None),
}
"""What the tests below take care of."""


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the README in a folder of their own, next to a running server."""

    server: Server
    folder: Path

    def run(self, *command: str) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def here(self, block: Block) -> str:
        """A block with the address of the server that runs."""
        return block.text.replace(HERE, self.server.url)

    def variables(self) -> Mapping[str, str]:
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return environment(
            HOME=str(self.folder), PATH=path, PALIO_URL=self.server.url, PALIO_TOKEN=self.server.token, COLUMNS="100"
        )


@pytest.fixture
def reader(server: Server, tmp_path: Path) -> Reader:
    """Has `palio` on the path, the server's data in the home folder, and the README's workflow.json."""
    (tmp_path / "bin").mkdir()
    _command(tmp_path / "bin/palio")
    data = tmp_path / ".local/share/palio"
    data.parent.mkdir(parents=True)
    data.symlink_to(server.data)
    (tmp_path / "workflow.json").write_text(those("json")[0].text)
    return Reader(server, tmp_path)


def _command(file: Path) -> None:
    """A `palio` that runs this code."""
    file.write_text(f'#!/bin/sh\nexec {" ".join(PALIO)} "$@"\n')
    file.chmod(0o755)


def test_there_is_no_block_that_no_test_runs():
    fences = re.findall(r"^ *```", README, re.MULTILINE)
    assert len(fences) == 2 * len(BLOCKS), "a fence stands where it is not seen: indented, or without its end"
    assert [block for block in BLOCKS if (block.language, block.coverage) not in RUN] == []


@pytest.mark.parametrize(
    "added", ["```sh\nrm x\n```\n", "<!-- run: install -->\n```sh\nnpm i\n```\n", "```ruby\nputs 1\n```\n"]
)
def test_a_block_that_is_added_is_seen(added: str):
    assert len(blocks(README + "\n" + added)) == len(BLOCKS) + 1


def test_few_blocks_are_excused_from_being_run_here():
    assert len([block for block in BLOCKS if block.coverage in ("demo", "install")]) <= 2
    assert len(those("sh", "serve")) == 1


def test_the_demo_is_run_by_its_own_test():
    (block,) = those("sh", "demo")
    assert block.text == "./script/demo\n"
    assert 'clone / "script/demo"' in (Path(__file__).parent / "test_demo.py").read_text()


@pytest.mark.parametrize("block", those("sh"), ids=line_of)
def test_shell_commands_work(block: Block, reader: Reader):
    reader.run("sh", "-eu", "-c", reader.here(block))


def test_curl_gets_pictures(reader: Reader):
    (block,) = [block for block in those("sh") if "curl" in block.text]
    workflow = json.loads(reader.run("sh", "-eu", "-c", reader.here(block)))
    images = workflow["steps"][0]["output"]["images"]
    assert [httpx.get(image["url"], follow_redirects=True).status_code for image in images] == [200, 200]


@pytest.mark.parametrize("block", those("python"), ids=line_of)
def test_the_python_program_saves_its_picture(block: Block, reader: Reader):
    said = reader.run(sys.executable, "-W", "error", "-c", reader.here(block))
    status, file, width, height = said.split()
    assert (status, width, height) == ("succeeded", "1024", "1024")
    assert (reader.folder / file).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("block", those("js"), ids=line_of)
def test_the_javascript_program_gets_its_picture(block: Block, reader: Reader):
    modules = JAVASCRIPT / "node_modules"
    if not (modules / ".package-lock.json").is_file():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=JAVASCRIPT, check=True)
    (reader.folder / "node_modules").symlink_to(modules)
    (reader.folder / "program.mts").write_text(reader.here(block))

    status, url = reader.run("node_modules/.bin/tsx", "program.mts").split()

    assert status == "succeeded"
    assert httpx.get(url, follow_redirects=True).status_code == 200


def test_what_is_installed_is_what_the_tests_have():
    (block,) = those("sh", "install")
    (package, version) = re.fullmatch(r"npm install (\S+)@(\S+)\n", block.text).groups()  # type: ignore[union-attr]
    assert json.loads((JAVASCRIPT / "package.json").read_text())["dependencies"][package] == version


@pytest.mark.parametrize("block", those("json"), ids=line_of)
def test_the_workflow_succeeds(block: Block, server: Server):
    with server.client() as client:
        reply = client.post("/v2/consumer/workflows", params={"wait": 60}, json=json.loads(block.text))
    assert (reply.status_code, reply.json()["status"]) == (200, "succeeded"), reply.text


def test_a_server_starts_as_told_and_stops(tmp_path: Path):
    (block,) = those("sh", "serve")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    _command(tmp_path / ".venv/bin/palio")
    shutil.copytree(ROOT / "script", tmp_path / "script")
    variables = environment(
        HOME=str(tmp_path), XDG_DATA_HOME="", PALIO_VENV=sys.prefix, PALIO_PORT="0", PALIO_MCP_PORT="0"
    )
    log = tmp_path / "log"
    with log.open("w") as written:
        # `exec` in front of the last command, so that the signal below reaches the server itself.
        *lines, last = block.text.splitlines()
        script = "\n".join([*lines, f"exec {last}"])
        process = subprocess.Popen(
            ["sh", "-eu", "-c", script], cwd=tmp_path, env=variables, stdout=written, stderr=written
        )
    try:
        address = _address(process, log)
        assert httpx.get(f"{address}/docs").status_code == 200
        assert httpx.get(f"{address}/openapi.json").status_code == 200
        assert (tmp_path / ".local/share/palio/token").read_text().startswith("palio_")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert process.returncode in (0, -signal.SIGTERM)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    while True:
        is_over = process.poll() is not None
        if found := re.search(r"Palio is ready at (\S+)", log.read_text()):
            return found[1]
        assert not is_over, log.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize("block", those("toml"), ids=line_of)
def test_the_configuration_is_one_a_server_starts_with(block: Block, tmp_path: Path):
    image = {"engine": "sdxl", "prompt": "a horse"}
    with running(tmp_path / "data", block.text) as started, started.client() as client:
        workflow = client.post("/v2/consumer/workflows/image", params={"wait": 30}, json=image).json()

    (step,) = workflow["steps"]
    providers = tomllib.loads(block.text)["providers"]
    assert step["jobs"][0]["provider"] in providers
    assert step["output"]["images"][0]["url"].startswith("https://palio.example.org/")


def test_the_settings_that_are_commented_out_exist(tmp_path: Path):
    (block,) = those("toml")
    told = re.findall(r"^# (\w+) = ", block.text, re.MULTILINE)
    shown = subprocess.run(
        [*PALIO, "config", "show"], check=True, capture_output=True, text=True, env=environment(), cwd=tmp_path
    ).stdout
    assert told
    assert [name for name in told if not re.search(rf"^{name}\b", shown, re.MULTILINE)] == []


def test_the_prompts_of_the_contact_sheet_are_told():
    prompts = (ROOT / "docs/images/contact-sheet.txt").read_text().splitlines()
    assert re.findall(r"^\d+\. (.+)$", README, re.MULTILINE) == prompts
