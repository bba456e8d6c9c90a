"""The child as the server has it, where what runs as a child is not the usual one."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from palio.contract.image.job import Operation
from palio.providers.base import RunFailed
from palio.providers.diffusers.process import Child
from palio.providers.diffusers.protocol import Fault, Order, Pipeline, Setup

SETUP = Setup("cpu", "auto", None, False)
BREAKS = """
import diffusers, torch
def fail(*_, **given): raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
diffusers.StableDiffusionPipeline.__call__ = fail
from palio.providers.diffusers.child import main
main()
"""
"""A child whose device fails, after which a device answers nothing any more."""
LEAVES_ONE_BEHIND = "sleep 600 & echo $! > '{file}'; {end}"


@pytest.mark.parametrize(("end", "told"), [("kill -9 $$", "signal SIGKILL"), ("exit 3", "exit code 3")])
async def test_a_child_has_ended_though_what_it_began_itself_lives_on(tmp_path: Path, end: str, told: str):
    # Given a child whose own child holds the channel, and where it prints
    file = tmp_path / "pid"
    child = await Child.spawn("gpu", SETUP, ("sh", "-c", LEAVES_ONE_BEHIND.format(file=file, end=end)))
    try:
        # When it ends, that is seen
        await asyncio.wait_for(child.live(), 30)
        assert child.is_gone
        assert told in child.ending
    finally:
        os.kill(int(file.read_text()), signal.SIGKILL)


async def test_what_a_child_said_last_is_told_when_it_has_ended():
    child = await Child.spawn("gpu", SETUP, (sys.executable, "-c", "raise SystemExit('no such device')"))
    await asyncio.wait_for(child.live(), 30)
    assert child.ending == "the process of gpu has ended (exit code 1: no such device)"


async def test_a_child_that_cannot_be_started_leaves_nothing_open():
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RunFailed, match="no child process could be started"):
        await Child.spawn("gpu", SETUP, ("/nowhere",))
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_child_whose_device_has_failed_says_so_and_leaves(tiny: Path):
    order = Order(
        id="a",
        pipeline=Pipeline("sd1", {"pipeline": str(tiny / "sd1")}),
        operation=Operation.create,
        prompt="a robot",
        negative_prompt="",
        width=64,
        height=64,
        seed=1,
    )
    child = await Child.spawn("gpu", SETUP, (sys.executable, "-c", BREAKS))
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(child.live())
        run = child.begin(order)
        while not isinstance(report := await child.next(run, 60), Fault):
            pass
    assert "illegal memory access" in report.message
    assert "cpu answers nothing any more in this process" in child.ending
