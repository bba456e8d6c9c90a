"""Makes the pictures of the README with a server of its own: `docs/images/contact-sheet.jpg` and `demo.jpg`.

The prompts of the sheet are the lines of `docs/images/contact-sheet.txt`; the demo's is the default of `script/demo`.
Seeds are fixed, so the pictures change only when the drawing does.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image

from palio.providers.sketch import LICENCE_NOTICE

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
COLUMNS, ROWS, CELL = 6, 4, 320
DEMO_SIDE = 640
SEED = 7
QUALITY = 85


def main() -> None:
    prompts = (IMAGES / "contact-sheet.txt").read_text().splitlines()
    if len(prompts) != COLUMNS * ROWS:
        sys.exit(f"contact-sheet.txt has {len(prompts)} prompts; the sheet has {COLUMNS * ROWS} places")
    with _server() as client, ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(lambda prompt: _draw(client, prompt, 1), prompts))
        _save([one for (one,) in pictures], COLUMNS, CELL, IMAGES / "contact-sheet.jpg")
        _save(_draw(client, _demo_prompt(), 2), 2, DEMO_SIDE, IMAGES / "demo.jpg")


@contextmanager
def _server() -> Iterator[httpx.Client]:
    """A client of a server that is stopped at the end."""
    palio = [sys.executable, "-m", "palio.surfaces.cli", "serve", "--port", "0", "--mcp-port", "0"]
    with tempfile.TemporaryDirectory() as data:
        own = {name: value for name, value in os.environ.items() if not name.startswith("PALIO_")}
        environment = {**own, "PALIO_CONFIG": os.devnull, "PALIO_DATA": data}
        with subprocess.Popen(palio, env=environment, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603
            try:
                said = next(line for line in server.stderr or () if "Palio is ready" in line)
                token = Path(data, "token").read_text().strip()
                (url,) = re.findall(r"http://[0-9.:]+", said)
                headers = {"Authorization": f"Bearer {token}"}
                with httpx.Client(base_url=url, headers=headers, timeout=120, follow_redirects=True) as client:
                    yield client
            finally:
                server.terminate()


def _draw(client: httpx.Client, prompt: str, quantity: int) -> list[Image.Image]:
    image = {"engine": "z-image", "prompt": prompt, "seed": SEED, "quantity": quantity, "outputFormat": "png"}
    reply = client.post("/v2/consumer/workflows/image", params={"wait": 100}, json=image).raise_for_status()
    blobs = reply.json()["steps"][0]["output"]["images"]
    return [Image.open(io.BytesIO(client.get(blob["url"]).raise_for_status().content)) for blob in blobs]


def _save(pictures: Sequence[Image.Image], columns: int, side: int, file: Path) -> None:
    sheet = Image.new("RGB", (columns * side, len(pictures) // columns * side))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        small = picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(small, (column * side, row * side))
    sheet.save(file, quality=QUALITY, optimize=True, comment=LICENCE_NOTICE)
    print(f"{file.relative_to(ROOT)}  {file.stat().st_size // 1024} KiB")


def _demo_prompt() -> str:
    found = re.search(r'\$\{1:-"(.+)"\}', (ROOT / "script/demo").read_text())
    return found[1] if found else sys.exit("script/demo has no default prompt")


if __name__ == "__main__":
    main()
