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
        [sys.executable, "-m", "tests.integration.diffusers.tiny", str(folder)],
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.DEVNULL,
    )
    return folder
