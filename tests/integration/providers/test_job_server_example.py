"""The example of the documentation is a server that Palio can work with, and the documentation is right about it."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.conftest import running
from tests.integration.engine.running import image

from palio.contract.image.job import ImageJob
from palio.providers.http import NOT_TAKEN, REASONS, Run, Status
from palio.providers.http import VERSION as PROTOCOL_VERSION

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/http-provider.md").read_text()


@pytest.fixture
def engine() -> Iterator[str]:
    """The address of the example."""
    command = [sys.executable, str(ROOT / "docs/examples/job_server.py"), "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def config(engine: str) -> str:
    """What the documentation tells to put into palio.toml, for where the example listens and without a key."""
    [block] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert "http://127.0.0.1:8188" in block
    told = block.replace("http://127.0.0.1:8188", engine).replace("api_key_env", "# api_key_env")
    return f"sketch = false\n{told}"


def test_palio_makes_images_with_it(tmp_path: Path, engine: str):
    model = "urn:air:sdxl:checkpoint:civitai:101055@128078"
    step = image(ecosystem="sdxl", model=model, quantity=2, width=128, height=128)
    with running(tmp_path, config(engine)) as server, server.client() as client:
        reply = client.post("/v2/consumer/workflows", params={"wait": 30}, json={"steps": [step]}).json()
        assert reply["status"] == "succeeded", reply
        [done] = reply["steps"]
        assert [job["provider"] for job in done["jobs"]] == ["mine", "mine"]
        for blob in done["output"]["images"]:
            picture = Image.open(io.BytesIO(client.get(blob["url"], follow_redirects=True).content))
            assert picture.size == (128, 128)


def test_what_it_refuses_is_blocked(tmp_path: Path, engine: str):
    model = "urn:air:sdxl:checkpoint:civitai:101055@128078"
    step = image("a forbidden city", ecosystem="sdxl", model=model)
    with running(tmp_path, config(engine)) as server, server.client() as client:
        reply = client.post("/v2/consumer/workflows", params={"wait": 30}, json={"steps": [step]}).json()
    [job] = reply["steps"][0]["jobs"]
    assert (job["status"], job["reason"]) == ("failed", "blocked")
    assert "nobody makes that here" in job["blockedReason"]


def test_the_same_id_twice_is_one_job(engine: str):
    job = {"prompt": "x", "width": 512, "height": 4096, "seed": 1, "images": []}
    with httpx.Client(base_url=engine) as client:
        answers = [client.put("/jobs/1", json={"version": 1, "job": job}).status_code for _ in range(3)]
        assert client.delete("/jobs/1").status_code == 204
        assert client.get("/jobs/2").status_code == client.delete("/jobs/2").status_code == 404
    assert answers == [201, 200, 200]


def test_the_page_tells_every_member_of_a_job():
    table = PAGE.partition("`job` has all of these members")[2].partition("\nAnswer at once")[0]
    told = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert told == set(ImageJob.__struct_fields__)


def test_the_page_tells_every_status_and_reason():
    table = PAGE.partition("Answer at once")[2].partition("\n`reason` is")[0]
    told = {int(status) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for status in row.split(", ")}
    assert told == {200, 201, *NOT_TAKEN}
    assert all(f"`{reason}` (" in PAGE for reason in REASONS)
    assert all(f"`{status}`" in PAGE for status in Status)
    assert all(f"| `{member}` |" in PAGE for member in Run.__struct_fields__)
    assert f"version {PROTOCOL_VERSION} of the protocol" in PAGE
