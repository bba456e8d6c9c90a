"""Tiny pipelines, made once for all tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp() / "tiny"
    if folder.exists():
        return folder
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("tiny.py")), str(folder)],
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.DEVNULL,
    )
    return folder
