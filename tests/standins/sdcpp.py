"""A stable-diffusion.cpp server, after `examples/server/api.md` and the routes beside it: capabilities, jobs, a queue.

A request is checked as the server does, and more strictly: a member that the documentation does not have is refused, so
that a misspelled one is found.
"""

import base64
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image
from tests.standins.server import Call, Says, StandIn, png

SAMPLERS = [
    *("euler", "euler_a", "heun", "dpm2", "dpm++2s_a", "dpm++2m", "dpm++2mv2", "ipndm", "ipndm_v", "lcm"),
    *("ddim_trailing", "tcd", "res_multistep", "res_2s", "er_sde"),
]
SCHEDULERS = ["discrete", "normal", "karras", "exponential", "ays", "gits", "sgm_uniform", "simple", "kl_optimal"]
LORAS = ["robots-776656.safetensors", "old/rust.safetensors"]
MEMBERS: dict[str, Any] = {
    "prompt": str,
    "negative_prompt": str,
    "clip_skip": int,
    "width": int,
    "height": int,
    "strength": (int, float),
    "seed": int,
    "batch_count": int,
    "init_image": str,
    "ref_images": list,
    "lora": list,
    "sample_params": {
        "scheduler": str,
        "sample_method": str,
        "sample_steps": int,
        "eta": (int, float),
        "guidance": {"txt_cfg": (int, float), "img_cfg": (int, float), "distilled_guidance": (int, float)},
    },
    "output_format": str,
}
FULL = {"error": "job queue is full"}
NOT_FOUND = {"error": "job not found"}
EXPIRED = {"error": "job expired"}
BUSY = {"error": "job is currently generating and cannot be interrupted yet"}


@dataclass
class Job:
    """A job in the server's memory."""

    id: str
    body: dict[str, Any]
    polls: int = 0
    fails: str = ""
    is_cancelled: bool = False


@dataclass
class StableDiffusionCpp(StandIn):
    """A server with one model. A job is `queued` and then `running` for so many questions after it."""

    model: str = "z_image_turbo-Q4_K_M.gguf"
    queued: int = 0
    running: int = 0
    fails: str = ""
    max_queue_size: int = 1000
    can_stop: bool = False
    """Whether it is of a build that stops what it makes."""
    jobs: dict[str, Job] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def phase(self, call: Call) -> str:
        if call.path == "/sdcpp/v1/img_gen":
            return "submit"
        if call.path.startswith("/sdcpp/v1/jobs/"):
            return "cancel" if call.path.endswith("/cancel") else "poll"
        return "info" if call.path == "/sdcpp/v1/capabilities" else call.path

    def answer(self, phase: str, call: Call) -> Says:
        match phase:
            case "submit":
                return self._submit(call)
            case "poll" | "cancel":
                return self._about(phase, call.path.split("/")[4])
            case "info":
                return Says(200, self._capabilities())
        return Says(404, b"", {"Content-Type": "text/plain"})

    def _submit(self, call: Call) -> Says:
        if not call.body:
            return Says(400, {"error": "empty body"})
        body = call.json
        if wrong := self._wrong(body):
            return Says(400, {"error": "invalid generation parameters", "message": wrong})
        if len([job for job in self.jobs.values() if self._status(job) in ("queued", "generating")]) >= (
            self.max_queue_size
        ):
            return Says(429, FULL)
        job = Job(f"job_6925d5a0_{len(self.started):08x}", body, fails=self.fails)
        self.jobs[job.id] = job
        self.started.append(job)
        taken = {"id": job.id, "kind": "img_gen", "status": "queued", "created": 1775401200}
        return Says(202, {**taken, "poll_url": f"/sdcpp/v1/jobs/{job.id}"})

    def _about(self, phase: str, id_: str) -> Says:
        if id_ in self.expired:
            return Says(410, EXPIRED)
        if (job := self.jobs.get(id_)) is None:
            return Says(404, NOT_FOUND)
        if phase == "cancel":
            status = self._status(job)
            if status == "generating" and not self.can_stop:
                return Says(409, BUSY)
            job.is_cancelled |= status in ("queued", "generating")
            return Says(200, self._told(job))
        for other in self.jobs.values():
            other.polls += 1
        return Says(200, self._told(job))

    def _status(self, job: Job) -> str:
        if job.is_cancelled:
            return "cancelled"
        if job.polls <= self.queued:
            return "queued"
        if job.polls <= self.queued + self.running:
            return "generating"
        return "failed" if job.fails else "completed"

    def _told(self, job: Job) -> dict[str, Any]:
        status = self._status(job)
        waiting = [other.id for other in self.jobs.values() if self._status(other) == "queued"]
        error = {"failed": ("generation_failed", job.fails), "cancelled": ("cancelled", "job cancelled by client")}
        code, message = error.get(status, ("", ""))
        picture = base64.b64encode(self._picture(job)).decode() if status == "completed" else ""
        return {
            "id": job.id,
            "kind": "img_gen",
            "status": status,
            "created": 1775401200,
            "started": None,
            "completed": None,
            "queue_position": waiting.index(job.id) + 1 if job.id in waiting else 0,
            "result": {"output_format": "png", "images": [{"index": 0, "b64_json": picture}]} if picture else None,
            "error": {"code": code, "message": message} if code else None,
        }

    def _picture(self, job: Job) -> bytes:
        if "init_image" not in job.body:
            return png(job.body["width"], job.body["height"])
        with Image.open(BytesIO(_decoded(job.body["init_image"]))) as image:
            assert image.size == (job.body["width"], job.body["height"])
            return png(*image.size)

    def _wrong(self, body: dict[str, Any]) -> str:
        if wrong := _misfit("", body, MEMBERS):
            return wrong
        params = body["sample_params"]
        if params.get("sample_method", "euler") not in SAMPLERS or params.get("scheduler", "simple") not in SCHEDULERS:
            return "unknown sampler or scheduler"
        if unknown := [
            lora for lora in body["lora"] if set(lora) != {"path", "multiplier"} or lora["path"] not in LORAS
        ]:
            return f"unknown LoRA {unknown}"
        for picture in [*body.get("ref_images", []), *([body["init_image"]] if "init_image" in body else [])]:
            Image.open(BytesIO(_decoded(picture))).verify()
        return ""

    def _capabilities(self) -> dict[str, Any]:
        stem = self.model.rsplit(".", 1)[0]
        return {
            "model": {"name": self.model, "stem": stem, "path": f"/models/{self.model}"},
            "current_mode": "img_gen",
            "supported_modes": ["img_gen"],
            "samplers": SAMPLERS,
            "schedulers": SCHEDULERS,
            "loras": [{"name": path.split("/")[-1].rsplit(".", 1)[0], "path": path} for path in LORAS],
            "features": {"cancel_queued": True, "cancel_generating": self.can_stop},
            "limits": {"min_width": 64, "max_width": 4096, "max_queue_size": self.max_queue_size},
        }


def _misfit(place: str, value: Any, wanted: Any) -> str:
    """What of a value the documentation does not have."""
    if not isinstance(wanted, dict):
        return "" if isinstance(value, wanted) and not isinstance(value, bool) else f"{place}: {value!r}"
    if not isinstance(value, dict):
        return f"{place}: {value!r}"
    for name, member in value.items():
        if name not in wanted:
            return f"{place}.{name} is unknown"
        if wrong := _misfit(f"{place}.{name}", member, wanted[name]):
            return wrong
    return ""


def _decoded(picture: str) -> bytes:
    return base64.b64decode(picture.partition(",")[2] if picture.startswith("data:") else picture, validate=True)
