"""The skill, followed to the letter by somebody with a shell and Python."""

import ast
import io
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.conftest import PALIO, environment

from palio.surfaces.mcp.catalog import TOOLS
from palio.surfaces.mcp.guides import EACH_ANIMAL


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    """The folder that `palio skill export` writes."""
    command = [*PALIO, "skill", "export", str(tmp_path / "skills")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    folder = tmp_path / "skills/palio"
    assert {Path(line) for line in done.stdout.splitlines()} == {file for file in folder.rglob("*") if file.is_file()}
    return folder


def run(skill: Path, command: str, server, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command as the skill says it, in the folder of the skill."""
    known = environment(PALIO_URL=server.url, PALIO_TOKEN=server.token) | variables
    # The skill says `python3`: this one, without the packages of Palio.
    known["PATH"] = f"{_bare_python(skill.parent)}{os.pathsep}{known['PATH']}"
    return subprocess.run(["sh", "-euc", command], cwd=skill, capture_output=True, text=True, timeout=120, env=known)


def _bare_python(folder: Path) -> Path:
    wrapper = folder / "bin/python3"
    if not wrapper.exists():
        wrapper.parent.mkdir(exist_ok=True)
        wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
        wrapper.chmod(0o755)
    return wrapper.parent


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def test_following_the_skill_gives_an_image(skill, server):
    (command,) = fenced(skill / "SKILL.md", "sh")

    done = run(skill, command, server)

    assert done.returncode == 0, done.stderr
    (path,) = done.stdout.split()
    width, height = Image.open(skill / path).size
    assert width / height == pytest.approx(1.5, abs=0.05)


def test_the_skill_says_what_it_is_and_links_to_what_it_has(skill):
    text = (skill / "SKILL.md").read_text()
    name, description = re.match(r"---\nname: (\S+)\ndescription: (.+)\n---\n", text).groups()
    assert (name, skill.name) == ("palio", "palio")
    assert 50 < len(description) <= 1024
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (skill / link).is_file()
    for tool in TOOLS:
        assert f"`{tool.action}`: {tool.description}" in text


def test_a_template_of_the_references_runs(skill, server):
    (template,) = fenced(skill / "references/workflows.md", "json")
    (skill / "template.json").write_text(template)

    done = run(skill, "python3 scripts/palio.py submit template.json --out made", server)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2


def test_what_a_repeat_made_is_saved(skill, server):
    template = {"steps": [EACH_ANIMAL], "arguments": {"animals": ["a hen", "a goat"]}}
    assert json.dumps(EACH_ANIMAL) in (skill / "references/workflows.md").read_text()
    (skill / "template.json").write_text(json.dumps(template))

    done = run(skill, "python3 scripts/palio.py submit template.json --out made", server)

    assert done.returncode == 0, done.stderr
    assert [Image.open(skill / path).format for path in done.stdout.split()] == ["JPEG"] * 2


def test_what_is_refused_is_told_by_field(skill, server):
    done = run(skill, 'python3 scripts/palio.py image "x" --engine sdxl --size 99999x64 --quantity 99', server)
    assert (done.returncode, done.stdout) == (1, "")
    assert "width: " in done.stderr
    assert "quantity: " in done.stderr


def test_an_image_can_be_varied_and_a_workflow_looked_at_again(skill, server):
    first = run(skill, 'python3 scripts/palio.py image "a cup" --engine sd1 --size 64x64 --format png', server)
    varied = run(
        skill,
        f"python3 scripts/palio.py image night --engine sd1 --image {first.stdout.strip()} --strength 0.5",
        server,
    )
    workflow = re.search(r"workflow (\S+): succeeded", varied.stderr)[1]
    again = run(skill, f"python3 scripts/palio.py get {workflow} --out again", server)
    assert (varied.returncode, again.returncode) == (0, 0), varied.stderr
    assert (skill / again.stdout.strip()).is_file()


def test_what_takes_longer_goes_on_and_can_be_canceled(skill, server):
    begun = run(skill, 'python3 scripts/palio.py image "x" --engine grok --timeout 1', server)
    assert begun.returncode == 1
    workflow = re.search(r"It goes on. See it with: get (\S+)", begun.stderr)[1]
    assert run(skill, f"python3 scripts/palio.py cancel {workflow}", server).returncode == 0
    assert "canceled" in run(skill, f"python3 scripts/palio.py get {workflow}", server).stderr


def test_the_token_of_this_machine_is_found_and_a_server_that_is_not_there_told(skill, server):
    command = 'python3 scripts/palio.py image "x" --engine sd1 --size 64x64'
    assert run(skill, command, server, PALIO_TOKEN="", PALIO_DATA=str(server.data)).returncode == 0
    away = run(skill, command, server, PALIO_URL="http://127.0.0.1:9")
    assert (away.returncode, "cannot reach" in away.stderr) == (3, True)


@contextmanager
def stranger(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[BaseHTTPRequestHandler]]]:
    """A server that is not Palio: its address, and the requests that came."""
    came: list[BaseHTTPRequestHandler] = []

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self)
            answer(self)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Request) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", came
        finally:
            listening.shutdown()
            thread.join()


MAKE = 'python3 scripts/palio.py image "x" --engine sd1 --size 64x64'


def test_the_token_of_this_machine_goes_to_no_other_one(skill, server):
    with stranger(lambda request: request.send_error(403)) as (url, came):
        # A proxy takes the request, for the name is nobody's.
        elsewhere = {"PALIO_URL": "http://127.0.0.1.evil.example", "http_proxy": url, "no_proxy": ""}
        done = run(skill, MAKE, server, PALIO_TOKEN="", PALIO_DATA=str(server.data), **elsewhere)

    assert done.returncode == 1, done.stderr
    assert [request.headers["Authorization"] for request in came] == [None]


def test_the_token_does_not_follow_a_redirect(skill, server):
    def send_on(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", other)
        request.end_headers()

    with stranger(lambda request: request.send_error(403)) as (other, reached), stranger(send_on) as (url, came):
        done = run(skill, MAKE, server, PALIO_URL=url)

    assert (done.returncode, "302" in done.stderr) == (1, True)
    assert (len(came), reached) == (1, [])


def test_a_server_that_does_not_speak_http_is_told_in_a_line(skill, server):
    with stranger(lambda request: request.wfile.write(b"SSH-2.0-OpenSSH\r\n")) as (url, _):
        done = run(skill, MAKE, server, PALIO_URL=url)

    assert (done.returncode, len(done.stderr.strip().splitlines())) == (3, 1), done.stderr
    assert "cannot reach" in done.stderr


def test_the_script_needs_only_pythons_standard_library(skill):
    tree = ast.parse((skill / "scripts/palio.py").read_text(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_the_same_files_are_served_without_a_token(skill, server):
    (entry,) = httpx.get(f"{server.url}/skills").json()["skills"]
    assert entry["name"] == "palio"
    assert httpx.get(f"{server.url}/skills/palio").json() == entry

    listed = {file["path"] for file in httpx.get(f"{server.url}{entry['contents']}").json()["files"]}
    written = {str(file.relative_to(skill)): file.read_bytes() for file in skill.rglob("*") if file.is_file()}
    assert listed == written.keys()
    for path, content in written.items():
        assert httpx.get(f"{server.url}{entry['contents']}/{path}").content == content

    packed = httpx.get(f"{server.url}{entry['download']}")
    assert packed.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(packed.content))
    assert {name: archive.read(f"palio/{name}") for name in written} == written


@pytest.mark.parametrize("path", ["/skills/none", "/skills/palio/contents/none.md", "/skills/palio/contents/../x"])
def test_what_is_not_there_is_a_404(server, path):
    reply = httpx.get(f"{server.url}{path}")
    assert (reply.status_code, json.loads(reply.content)["status"]) == (404, 404)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    command = [*PALIO, "skill", "export", str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (done.returncode, "cannot write the skill" in done.stderr) == (2, True)
