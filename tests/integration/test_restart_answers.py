"""A server that is killed around an answer that is the picture pays for nothing twice when it is started again."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.conftest import Server, running
from tests.integration.test_restart import end_of, in_database, jobs, pictures, submit
from tests.standins.openai_compatible import OpenAICompatible
from tests.standins.server import KEY, Delays, Hangs, Says, StandIn, serving
from tests.standins.together import Together

from palio.contract.image.friendly import from_friendly
from palio.contract.json import JsonObject
from palio.providers.hosted.orders import Run

STEP: JsonObject = {
    "$type": "imageGen",
    "input": {"engine": "flux2", "model": "pro", "operation": "createImage", "prompt": "a red kite"},
}
PATIENCE = 30.0

TURBO: JsonObject = {"$type": "imageGen", "input": from_friendly({"engine": "z-image", "prompt": "a red kite"}, "")}


@pytest.fixture
def together() -> Iterator[Together]:
    with serving(stand_in := Together()):
        yield stand_in


@pytest.fixture
def own() -> Iterator[OpenAICompatible]:
    with serving(stand_in := OpenAICompatible()):
        yield stand_in


def config(vendor: StandIn) -> str:
    kind = "together" if isinstance(vendor, Together) else "openai-compatible"
    return f'sketch = false\n[providers.vendor]\nkind = "{kind}"\nbase_url = "{vendor.url}"\n'


def wait_for(phase: str, vendor: StandIn) -> None:
    deadline = time.monotonic() + PATIENCE
    while not vendor.called(phase):
        assert time.monotonic() < deadline, f"there was no {phase}"
        time.sleep(0.02)


def killed_during(phase: str, vendor: StandIn, data: Path, step: JsonObject = STEP) -> str:
    """The id of a workflow whose server was killed while the vendor kept it waiting."""
    vendor.order(phase, Hangs)
    with running(data, config(vendor), TOGETHER_API_KEY=KEY) as server:
        workflow_id = str(submit(server, step)["id"])
        wait_for(phase, vendor)
        server.kill()
    return workflow_id


def restarted(vendor: StandIn, data: Path, workflow_id: str) -> tuple[JsonObject, list[bytes]]:
    """The end of a workflow at the next server, and its pictures."""
    with running(data, config(vendor), TOGETHER_API_KEY=KEY) as server:
        ended = end_of(server, workflow_id)
        return ended, pictures_of(server, ended)


def pictures_of(server: Server, ended: JsonObject) -> list[bytes]:
    return pictures(server, ended) if ended["status"] == "succeeded" else []


def test_a_picture_that_was_paid_for_is_downloaded_by_the_next_process(together: Together, tmp_path: Path) -> None:
    workflow_id = killed_during("download", together, tmp_path)

    ended, made = restarted(together, tmp_path, workflow_id)

    assert ended["status"] == "succeeded"
    assert len(made) == 1
    assert [len(job["attempts"]) for job in jobs(ended)] == [1]  # type: ignore[arg-type]
    assert len(together.started) == 1


class Moody(Together):
    """Answers with bytes, or not at all, where asked for an address."""

    is_inline = False
    is_busy = False

    def generate(self, input_: JsonObject) -> Says:
        if self.is_busy:
            return Says(503, {"error": {"message": "The engine is overloaded", "type": "server_error"}})
        return super().generate({**input_, "response_format": "base64"} if self.is_inline else input_)


@pytest.fixture
def moody() -> Iterator[Moody]:
    with serving(stand_in := Moody()):
        yield stand_in


@pytest.mark.parametrize("is_inline", [False, True])
def test_a_server_that_is_told_to_stop_waits_for_a_picture_that_is_paid_for(
    moody: Moody, tmp_path: Path, is_inline: bool
) -> None:
    # Given a vendor that takes its time to answer
    moody.is_inline = is_inline
    moody.order("submit", Delays(1.5))
    with running(tmp_path, config(moody), TOGETHER_API_KEY=KEY) as server:
        workflow_id = str(submit(server, STEP)["id"])
        wait_for("submit", moody)

        # When the server is told to stop meanwhile
    ended, made = restarted(moody, tmp_path, workflow_id)

    # Then the picture was kept, and nothing had to be paid again
    assert ended["status"] == "succeeded"
    assert len(made) == 1
    assert len(moody.started) == 1


def test_what_a_vendor_refuses_while_the_server_stops_is_tried_again_by_the_next(moody: Moody, tmp_path: Path) -> None:
    moody.is_busy = True
    moody.order("submit", Delays(1.5))
    with running(tmp_path, config(moody), TOGETHER_API_KEY=KEY) as server:
        workflow_id = str(submit(server, STEP)["id"])
        wait_for("submit", moody)
    moody.is_busy = False

    ended, made = restarted(moody, tmp_path, workflow_id)

    assert ended["status"] == "succeeded"
    assert len(made) == 1
    assert len(moody.started) == 1


def test_an_answer_that_never_came_is_ambiguous_and_not_asked_for_again(together: Together, tmp_path: Path) -> None:
    workflow_id = killed_during("submit", together, tmp_path)

    ended, _ = restarted(together, tmp_path, workflow_id)

    [job] = jobs(ended)
    assert (ended["status"], job["reason"]) == ("failed", "ambiguous")
    assert len(together.started) == 1


def test_a_picture_within_the_answer_that_went_with_the_process_is_not_made_again(
    together: Together, tmp_path: Path
) -> None:
    # Given a server that was killed when it had the picture and had not kept it
    workflow_id = killed_during("submit", together, tmp_path)
    handle = msgspec.json.encode(Run("x", "black-forest-labs/FLUX.2-pro", time.time())).decode()
    literal = handle.replace(":", r"\:")
    in_database(tmp_path, f"UPDATE attempts SET status = 'accepted', handle = '{literal}'")  # noqa: S608 - it is ours

    ended, _ = restarted(together, tmp_path, workflow_id)

    [job] = jobs(ended)
    assert (ended["status"], job["reason"]) == ("failed", "ambiguous")
    assert "before it was kept" in str(job)
    assert len(together.started) == 1


def test_a_picture_that_costs_nothing_is_made_again(own: OpenAICompatible, tmp_path: Path) -> None:
    workflow_id = killed_during("submit", own, tmp_path, TURBO)

    ended, made = restarted(own, tmp_path, workflow_id)

    [job] = jobs(ended)
    assert [attempt["status"] for attempt in job["attempts"]] == ["lost", "succeeded"]  # type: ignore[union-attr,index,call-overload]
    assert len(made) == 1
