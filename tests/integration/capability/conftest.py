"""A runner of the published files in front of an API that notes what it is asked."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.integration.capability.running import PUBLISHED, Api, Running, api, runner


@pytest.fixture(scope="module")
def shared_api() -> Iterator[Api]:
    with api() as started:
        yield started


@pytest.fixture(scope="module")
def running(shared_api: Api) -> Iterator[Running]:
    """The two published files, with a bound key."""
    with runner(PUBLISHED, shared_api.url) as started:
        yield started


@pytest.fixture
def upstream(shared_api: Api) -> Api:
    """The API behind the runner, with nothing asked yet."""
    shared_api.asked.clear()
    shared_api.answer = type(shared_api)().answer
    return shared_api


@pytest.fixture
def client(running: Running, upstream: Api) -> Iterator[httpx.Client]:
    """A caller of the REST port."""
    with running.client() as caller:
        yield caller


@pytest.fixture
def harbour(tmp_path: Path) -> Path:
    """A made-up file with what the published ones have not, and the folder of its skill."""
    folder = tmp_path / "berthing"
    (folder / "notes").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: berthing\n---\nHow to berth.\n")
    (folder / "notes/tides.md").write_text("High at noon.\n")
    (tmp_path / "secret.txt").write_text("outside")
    (folder / "leak.txt").symlink_to(tmp_path / "secret.txt")
    file = tmp_path / "harbour.yaml"
    written = (Path(__file__).parent / "harbour.yaml").read_text()
    file.write_text(written.replace("@LOCATION@", folder.as_uri()))
    return file
