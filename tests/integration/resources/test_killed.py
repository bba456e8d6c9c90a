"""A process that is killed while it downloads, and the next one."""

import subprocess
import time
from pathlib import Path

from tests.conftest import PALIO, environment
from tests.integration.resources.conftest import AIR, host
from tests.standins.model_site import ModelFile, ModelSite, safetensors
from tests.standins.server import Stalls

MIB = 1024 * 1024
PATIENCE = 30.0


def test_what_it_had_is_gone_on_with_and_the_file_is_right(site: ModelSite, tmp_path: Path):
    weights = safetensors(8 * MIB)
    site.add(10, 2000, ModelFile("dream.safetensors", weights))
    site.storage.order("bytes", Stalls)
    config = tmp_path / "palio.toml"
    config.write_text(
        f'[resources]\ndownload = true\nsite = "{site.url}"\ntrusted_hosts = ["{host(site.storage.url)}"]\n'
    )
    command = [*PALIO, "resources", "fetch", AIR, "--data", str(tmp_path / "data"), "--config", str(config)]

    # Given a process that is killed when some of the file is on the disk
    process = subprocess.Popen(command, env=environment())
    folder = tmp_path / "data/downloads"
    until = time.monotonic() + PATIENCE
    while not (there := sum(part.stat().st_size for part in folder.glob("*.part"))) and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.wait()
    there = sum(part.stat().st_size for part in folder.glob("*.part"))
    assert 0 < there < len(weights)
    assert list(folder.glob("*.safetensors")) == []

    # When the next one fetches it
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PATIENCE)

    # Then it asks for the rest alone, and the file is whole
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes() == weights
    assert site.storage.called("bytes")[-1].headers["range"] == f"bytes={there}-"
    assert list(folder.glob("*.part")) == []
