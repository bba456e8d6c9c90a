"""`script/demo`, as somebody who has just cloned the repository runs it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the demo reads, so that pictures do not end up in the working tree."""
    for folder in ("script", "src"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def environment(clone: Path) -> dict[str, str]:
    """The environment these tests run in, and the hostile leftovers of somebody's own installation."""
    paths = [str(clone / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PALIO_VENV": sys.prefix,
        "PYTHONPATH": os.pathsep.join(paths),
        "PALIO_TOKEN": "a-token-for-another-server",
        "PALIO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    }


def test_the_demo_makes_pictures_says_by_whom_and_stops_its_server(clone: Path, environment: dict[str, str]):
    began = time.monotonic()
    result = subprocess.run(
        [clone / "script/demo", "a red kite over a green hill"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        stdin=subprocess.DEVNULL,
    )

    assert result.returncode == 0, result.stderr
    assert time.monotonic() - began < 60

    # Then the pictures are where it says, made by whom it says
    lines = re.findall(r"^(palio-demo/\S+)  \(made by (\S+)\)$", result.stdout, re.MULTILINE)
    assert [maker for _, maker in lines] == ["sketch", "sketch"]
    for file, _ in lines:
        with Image.open(clone / file) as picture:
            picture.load()
            assert min(picture.size) >= 512

    # And its server is gone
    (url,) = set(re.findall(r"http://127\.0\.0\.1:\d+", result.stderr))
    assert not _answers(url)


@pytest.fixture
def kept_demo(clone: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [clone / "script/demo"],
        env={**environment, "PALIO_DEMO_KEEP": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield process
        process.send_signal(signal.SIGTERM)


def test_the_demo_can_keep_its_server_until_it_is_told_to_stop(kept_demo: subprocess.Popen[str]):
    assert kept_demo.stdout is not None
    told = {}
    for line in kept_demo.stdout:
        word, _, value = line.strip().partition(" ")
        told[word] = value.strip()
        if word == "Token":
            break
    assert _answers(told["URL"])
    assert told["Token"]

    kept_demo.send_signal(signal.SIGTERM)
    kept_demo.wait(timeout=20)
    assert not _answers(told["URL"])


def _answers(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=1).close()
    except OSError:
        return False
    return True
