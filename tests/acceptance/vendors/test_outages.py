"""Vendors in trouble: a job that each would have done first ends at another provider, and says why.

One server has a provider for each kind and each trouble, at a stand-in of its own, and one that always works. All
jobs are on their way together, so that those that wait for a time-out wait at the same time.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Server, running
from tests.standins.a1111 import A1111
from tests.standins.ark import Ark
from tests.standins.bfl import BlackForestLabs
from tests.standins.civitai import Civitai
from tests.standins.comfyui import ComfyUI
from tests.standins.dashscope import DashScope
from tests.standins.fal import Fal
from tests.standins.google import Google
from tests.standins.horde import Horde
from tests.standins.huggingface import HuggingFace
from tests.standins.invokeai import InvokeAI
from tests.standins.openai import OpenAI
from tests.standins.openai_compatible import OpenAICompatible
from tests.standins.replicate import Replicate
from tests.standins.runware import Runware
from tests.standins.sdcpp import StableDiffusionCpp
from tests.standins.server import KEY, Fault, Hangs, Page, Says, StandIn, serving
from tests.standins.swarmui import SwarmUI
from tests.standins.together import Together
from tests.standins.xai import Xai

from palio.providers.registry import VENDORS

Z_IMAGE = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
SD1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage", "model": DREAMSHAPER}
GROK = {"engine": "grok", "operation": "createImage", "aspectRatio": "16:9"}
FLUX2 = {"engine": "flux2", "model": "pro", "operation": "createImage"}

KINDS: Mapping[str, tuple[Callable[[], StandIn], Mapping[str, Any]]] = {
    "a1111": (A1111, SD1),
    "ark": (Ark, {"engine": "seedream", "version": "v4"}),
    "bfl": (BlackForestLabs, FLUX2),
    "civitai": (Civitai, Z_IMAGE),
    "comfyui": (ComfyUI, Z_IMAGE),
    "dashscope": (DashScope, {"engine": "qwen", "model": "plus", "operation": "createImage"}),
    "fal": (Fal, Z_IMAGE),
    "google": (Google, GROK),
    "horde": (Horde, Z_IMAGE),
    "huggingface": (HuggingFace, Z_IMAGE),
    "invokeai": (InvokeAI, Z_IMAGE),
    "openai": (OpenAI, {"engine": "qwen", "model": "2.0", "operation": "createImage"}),
    "openai-compatible": (OpenAICompatible, Z_IMAGE),
    "replicate": (Replicate, Z_IMAGE),
    "runware": (Runware, Z_IMAGE),
    "sdcpp": (StableDiffusionCpp, Z_IMAGE),
    "swarmui": (SwarmUI, Z_IMAGE),
    "together": (Together, FLUX2),
    "xai": (Xai, GROK),
}
"""A stand-in of each kind, and an input that it can do. A new kind gets a line here."""

MORE = {
    "google": """
[providers.{name}.models."gemini-3.1-flash-image"]
family = "grok"
members = ["grok"]
""",
    "openai": """
[providers.{name}.models.gpt-image-2]
family = "qwen"
members = ["2.0"]
always = {{ promptExtend = [true] }}
""",
}
"""What an operator has to say besides, for kinds whose families are of no engine here."""
ASKED_FIRST = {"a1111", "sdcpp"}
"""Servers of one's own that offer nothing before they have said what they have."""


@dataclass(frozen=True)
class Trouble:
    """How every submission ends (None: nobody listens), and what the attempt's error may be after it.

    It `begins` if the vendor takes the job all the same.
    """

    fault: Fault | None
    errors: frozenset[str]
    begins: bool = False


DOUBT = frozenset({"ambiguous", "failed", "not_accepted"})
"""It is looked up where the vendor knows our id, and simply repeated where that costs nothing."""
TROUBLES: Mapping[str, Trouble] = {
    "refused": Trouble(None, frozenset({"not_accepted"})),
    "hanging": Trouble(Hangs, DOUBT, begins=True),
    "500": Trouble(Says(500, {"detail": "out of order"}), DOUBT),
    "429": Trouble(Says(429, {"detail": "too many"}, {"Retry-After": "60"}), frozenset({"rate_limited"})),
    "unfunded": Trouble(Says(402, {"detail": "no money"}), frozenset({"unfunded"})),
    "garbage": Trouble(Page(200), DOUBT),
}
CASES = [(kind, trouble) for kind in sorted(VENDORS) for trouble in TROUBLES]
CAREFUL = "fal-careful"
"""A vendor that hangs, and whose operator did not say that others may run what it may have begun."""
PROVIDER = """
[providers.{name}]
kind = "{kind}"
base_url = "{url}"
{key}
quality = 10
timeout = 0.7
patience = 5
deadline = 5
on_ambiguous = "{on_ambiguous}"
"""
CONFIG = """
sketch = false
vendors_by_key = false

[providers.backup]
kind = "scripted"
concurrency = 50
seconds = 0.1
"""


@dataclass(frozen=True)
class Outage:
    """The server in the middle of it: the stand-ins, and the ids of the workflows, by the provider in trouble."""

    server: Server
    stand_ins: Mapping[str, StandIn]
    workflows: Mapping[str, str]

    def job(self, provider: str) -> dict[str, Any]:
        """The job that was offered first to a provider, when it is over."""
        with self.server.client() as client:
            reply = client.get(f"/v2/consumer/workflows/{self.workflows[provider]}", params={"wait": 60})
        job: dict[str, Any] = reply.json()["steps"][0]["jobs"][0]
        return job


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    with ExitStack() as stack:
        cases = {f"{kind}-{trouble}": (kind, TROUBLES[trouble]) for kind, trouble in CASES if kind in KINDS}
        cases[CAREFUL] = ("fal", TROUBLES["hanging"])
        stand_ins = {name: in_trouble(stack, *case) for name, case in cases.items()}
        server = stack.enter_context(serving_all(tmp_path_factory.mktemp("outages"), cases, stand_ins))
        with server.client() as client:
            workflows = {
                name: client.post("/v2/consumer/workflows", json=workflow(name, kind)).json()["id"]
                for name, (kind, _) in cases.items()
            }
        yield Outage(server, stand_ins, workflows)


def in_trouble(stack: ExitStack, kind: str, trouble: Trouble) -> StandIn:
    """A vendor of a kind that a trouble has befallen."""
    stand_in = KINDS[kind][0]()
    if trouble.fault is None:
        # The port is taken, so that no other stand-in gets it, and nobody listens there.
        taken = stack.enter_context(socket.socket())
        taken.bind(("127.0.0.1", 0))
        stand_in.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        return stand_in
    stand_in.order("submit", *[trouble.fault] * 100)
    stack.enter_context(serving(stand_in))
    return stand_in


def serving_all(
    data: Path, cases: Mapping[str, tuple[str, Trouble]], stand_ins: Mapping[str, StandIn]
) -> AbstractContextManager[Server]:
    """A server with all of them."""
    tables = [
        PROVIDER.format(
            name=name,
            kind=kind,
            url=stand_ins[name].url,
            key='api_key_env = "KEY_OF_THE_VENDOR"' if VENDORS[kind].key_variable else "",
            on_ambiguous="stop" if name == CAREFUL else "next",
        )
        + MORE.get(kind, "").format(name=name)
        for name, (kind, _) in cases.items()
    ]
    return running(data, CONFIG + "".join(tables), KEY_OF_THE_VENDOR=KEY)


def workflow(provider: str, kind: str) -> dict[str, Any]:
    """A job for two providers, of which the one in trouble is the better, and is preferred for five seconds at most."""
    step = {"$type": "imageGen", "input": {"prompt": "a tin robot", **KINDS[kind][1]}}
    return {"steps": [step], "metadata": {"palio": {"providers": [provider, "backup"], "objective": "fastest"}}}


def test_every_kind_of_vendor_has_a_stand_in_here():
    assert set(KINDS) == set(VENDORS), "add the new kind to KINDS"


@pytest.mark.parametrize(("kind", "trouble"), CASES)
def test_a_job_of_a_vendor_in_trouble_ends_at_another_and_says_why(outage: Outage, kind: str, trouble: str):
    name, vendor, what = f"{kind}-{trouble}", VENDORS[kind], TROUBLES[trouble]
    job = outage.job(name)
    assert job["status"] == "succeeded", job
    *before, last = job["attempts"]
    if what.begins and vendor.knows_our_id:
        # The run was begun and can be looked up: it is gone on with, and nobody else is paid.
        assert (job["provider"], before) == (name, [])
    else:
        assert job["provider"] == last["provider"] == "backup"
        is_offered = what.fault is not None or kind not in ASKED_FIRST
        assert {attempt["provider"] for attempt in before} == ({name} if is_offered else set())
        assert {attempt["error"] for attempt in before} <= what.errors
        assert all(attempt["detail"] for attempt in before)
    assert len(outage.stand_ins[name].started) == int(what.begins)


def test_a_job_that_a_vendor_may_have_begun_is_run_by_no_other_unless_the_operator_says_so(outage: Outage):
    job = outage.job(CAREFUL)
    assert job["status"] == "failed"
    assert [(attempt["provider"], attempt["error"]) for attempt in job["attempts"]] == [(CAREFUL, "ambiguous")]
    assert len(outage.stand_ins[CAREFUL].started) == 1
