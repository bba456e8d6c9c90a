"""A server with the API of AUTOMATIC1111's web UI, after its source: that (v1.10), Forge or SD.Next.

One picture is made at a time, and the requests for others wait. A picture takes `running` questions for its progress,
or until it is interrupted, which stops whatever is made. As the servers do, it takes a file that it does not have for
no file at all, and so makes another picture than was asked for. A member that no server has is refused.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image
from tests.standins.server import KEY, Call, Fault, Hangs, Says, StandIn, png

CHECKPOINTS = [
    *("dreamshaper_8-128713.safetensors", "sd_xl_base_1.0.safetensors", "pony.safetensors"),
    *("flux1-dev-fp8.safetensors", "flux1-schnell.safetensors", "own-flux-900001.safetensors"),
]
LORAS = ["robots-776656.safetensors", "rust.safetensors", "bad=name-777001.safetensors"]
VAES = ["vae-ft-mse-840000.safetensors", "ae.safetensors"]
MODULES = [*VAES, "clip_l.safetensors", "t5xxl_fp16.safetensors"]
SAMPLERS = ["Euler", "Euler a", "Heun", "DPM2", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ SDE", "DDIM", "UniPC", "LCM"]
SCHEDULERS = ["Automatic", "Uniform", "Karras", "Exponential", "SGM Uniform", "Simple", "Normal", "DDIM", "Beta"]

NUMBER = (int, float)
MEMBERS: dict[str, Any] = {
    "prompt": str,
    "negative_prompt": str,
    "seed": int,
    "steps": int,
    "cfg_scale": NUMBER,
    "width": int,
    "height": int,
    "sampler_name": str,
    "scheduler": str,
    "batch_size": int,
    "n_iter": int,
    "denoising_strength": NUMBER,
    "override_settings": dict,
    "override_settings_restore_afterwards": bool,
    "alwayson_scripts": dict,
    "script_name": (str, type(None)),
    "script_args": list,
    "send_images": bool,
    "save_images": bool,
    "force_task_id": str,
    "subseed": int,
    "subseed_strength": NUMBER,
    "seed_resize_from_h": int,
    "seed_resize_from_w": int,
    "styles": list,
    "restore_faces": bool,
    "tiling": bool,
    "do_not_save_samples": bool,
    "do_not_save_grid": bool,
    "eta": NUMBER,
    "s_churn": NUMBER,
    "s_tmax": NUMBER,
    "s_tmin": NUMBER,
    "s_noise": NUMBER,
    "sampler_index": (str, type(None)),
    "enable_hr": bool,
    "hr_scale": NUMBER,
    "hr_upscaler": str,
    "hr_second_pass_steps": int,
    "hr_resize_x": int,
    "hr_resize_y": int,
    "hr_checkpoint_name": (str, type(None)),
    "hr_sampler_name": (str, type(None)),
    "hr_scheduler": (str, type(None)),
    "hr_prompt": str,
    "hr_negative_prompt": str,
    "firstphase_width": int,
    "firstphase_height": int,
}
"""Of a request. The last ones are what clients send along."""
OF_IMG2IMG: dict[str, Any] = {
    "init_images": list,
    "include_init_images": bool,
    "resize_mode": int,
    "image_cfg_scale": NUMBER,
    "mask_blur": int,
    "inpainting_fill": int,
    "inpaint_full_res": bool,
    "inpaint_full_res_padding": int,
    "inpainting_mask_invert": int,
    "initial_noise_multiplier": NUMBER,
}
OF_FORGE: dict[str, Any] = {"distilled_cfg_scale": NUMBER}
OF_SDNEXT: dict[str, Any] = {"clip_skip": NUMBER}
SETTINGS = {
    "webui": {"sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers"},
    "forge": {"sd_model_checkpoint", "forge_additional_modules", "CLIP_stop_at_last_layers"},
    "sdnext": {"sd_model_checkpoint", "sd_vae"},
}
WRONG_SAMPLER = {"detail": "Sampler not found"}
OUT_OF_MEMORY = {"error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA out of memory"}


@dataclass
class Generation:
    """A picture asked for: with which checkpoint, VAE or modules, and LoRAs it is made."""

    task: str
    body: dict[str, Any]
    checkpoint: str
    parts: list[str]
    loras: dict[str, float]
    polls: int = 0
    is_interrupted: bool = False


@dataclass
class A1111(StandIn):
    """A server; `has_tasks` is off where it was started without its web page (`--nowebui`)."""

    flavour: str = "webui"
    running: int = 0
    has_tasks: bool = True
    auth: str | None = None
    """`user:password`, as for `--api-auth`."""
    steals: str = ""
    """A checkpoint that another client has loaded whenever a picture is made."""
    settings: dict[str, Any] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    current: Generation | None = None
    stopped: list[str] = field(default_factory=list)
    """The tasks that were interrupted."""
    is_interrupted: bool = False
    """Whether the last picture was; it is said until the next one is begun."""

    def __post_init__(self) -> None:
        super().__init__()
        self.settings = {"sd_model_checkpoint": CHECKPOINTS[0], "sd_vae": "Automatic", "forge_additional_modules": []}
        self.turn = threading.Lock()
        self.moved = threading.Condition(self.lock)

    def phase(self, call: Call) -> str:
        match call.path:
            case "/sdapi/v1/txt2img" | "/sdapi/v1/img2img":
                return "submit"
            case "/internal/progress":
                return "poll"
            case "/sdapi/v1/progress":
                return "progress"
            case "/sdapi/v1/interrupt":
                return "cancel"
        return "info"

    def respond(self, call: Call) -> tuple[Says | None, Fault | None]:
        phase = self.phase(call)
        if phase != "submit":
            answered = super().respond(call)
            with self.moved:
                self.moved.notify_all()
            return answered
        # A request for a picture is held while others are answered.
        with self.lock:
            self.calls.append((phase, call))
            fault = self.faults[phase].popleft() if self.faults[phase] else None
        if isinstance(fault, Says):
            return fault, None
        if fault is Hangs:
            self.started.append(call)
            return Says(200), fault
        return self.answer(phase, call), fault

    def answer(self, phase: str, call: Call) -> Says:
        if not self._is_allowed(call) and phase != "poll":
            return Says(401, {"detail": "Incorrect username or password"}, {"WWW-Authenticate": "Basic"})
        match phase:
            case "submit":
                return self._make(call)
            case "poll":
                return self._task(call.json) if self.has_tasks else Says(404, {"detail": "Not Found"})
            case "progress":
                return self._progress()
            case "cancel":
                return self._interrupt()
        return self._list(call.path.removeprefix("/sdapi/v1/"))

    def _is_allowed(self, call: Call) -> bool:
        basic = base64.b64encode((self.auth or "").encode()).decode()
        return self.auth is None or call.headers.get("authorization") == f"Basic {basic}"

    # A picture.

    def _make(self, call: Call) -> Says:
        body = call.json
        is_img2img = call.path.endswith("img2img")
        if wrong := self._wrong(body, is_img2img):
            return Says(
                422, {"detail": [{"loc": ["body", wrong], "msg": "not as it should be", "type": "value_error"}]}
            )
        if is_img2img and not body.get("init_images"):
            return Says(404, {"detail": "Init image not found"})
        if body["sampler_name"] not in SAMPLERS:
            return Says(400, WRONG_SAMPLER)
        task = body.get("force_task_id") or f"task({len(self.calls)})"
        with self.moved:
            self.waiting.append(task)
            self.moved.notify_all()
        with self.turn:
            return self._sampled(task, body)

    def _sampled(self, task: str, body: dict[str, Any]) -> Says:
        with self.moved:
            self.settings |= body["override_settings"]
            made = Generation(task, body, self._checkpoint(), self._parts(), self._loras(body["prompt"]))
            self.started.append(made)
            self.waiting.remove(task)
            self.current = made
            self.is_interrupted = False
            self.moved.notify_all()
            self.moved.wait_for(lambda: made.is_interrupted or made.polls >= self.running or self.closing.is_set(), 30)
            self.current = None
            self.moved.notify_all()
        width, height = body["width"], body["height"]
        for picture in body.get("init_images", []):
            with Image.open(BytesIO(base64.b64decode(picture.partition(",")[2]))) as image:
                assert image.size == (width, height)
        picture = base64.b64encode(png(width, height)).decode()
        info = {"seed": body["seed"], "all_seeds": [body["seed"]], "sd_model_name": made.checkpoint.rsplit(".", 1)[0]}
        return Says(200, {"images": [picture], "parameters": {}, "info": json.dumps(info)})

    def _wrong(self, body: dict[str, Any], is_img2img: bool) -> str:
        known = MEMBERS | (OF_IMG2IMG if is_img2img else {})
        known |= {"forge": OF_FORGE, "sdnext": OF_SDNEXT}.get(self.flavour, {})
        for name, value in body.items():
            if name not in known or not isinstance(value, known[name]):
                return name
        unknown = set(body["override_settings"]) - SETTINGS[self.flavour]
        return f"override_settings.{unknown.pop()}" if unknown else ""

    def _checkpoint(self) -> str:
        """What is loaded: where what was asked for is not there, what was loaded before."""
        wanted = self.steals or self.settings["sd_model_checkpoint"].partition(" [")[0]
        return wanted if wanted in CHECKPOINTS else CHECKPOINTS[0]

    def _parts(self) -> list[str]:
        if self.flavour == "forge":
            return [path.split("\\")[-1] for path in self.settings["forge_additional_modules"]]
        return [] if self.settings["sd_vae"] == "Automatic" else [self.settings["sd_vae"]]

    def _loras(self, prompt: str) -> dict[str, float]:
        named = [args.split(":") for kind, args in re.findall(r"<(\w+):([^>]+)>", prompt) if kind == "lora"]
        there = {file.rsplit(".", 1)[0] for file in LORAS}
        return {args[0]: float(args[1]) for args in named if args[0] in there}

    # Its progress.

    def _task(self, body: dict[str, Any]) -> Says:
        made = self.current
        is_active = made is not None and made.task == body["id_task"]
        rate = self._asked() if is_active else None
        return Says(
            200,
            {
                "active": is_active,
                "queued": body["id_task"] in self.waiting,
                "paused": False,
                "completed": False,
                "progress": rate,
                "eta": None,
                "live_preview": None,
                "textinfo": None if is_active else "Waiting...",
            },
        )

    def _progress(self) -> Says:
        rate = self._asked() if self.current is not None else 0
        state = {"job": "scripts_txt2img", "interrupted": self.is_interrupted, "skipped": False}
        return Says(200, {"progress": rate, "eta_relative": 0, "state": state, "current_image": None})

    def _asked(self) -> float:
        """How far the current picture is; that it is asked for brings it further."""
        made = self.current
        assert made is not None
        rate = made.polls / max(self.running, 1)
        made.polls += 1
        self.moved.notify_all()
        return rate

    def _interrupt(self) -> Says:
        if self.current is not None:
            self.current.is_interrupted = self.is_interrupted = True
            self.stopped.append(self.current.task)
            self.moved.notify_all()
        return Says(200, {})

    @contextmanager
    def working_for_another(self, task: str = "task(another)") -> Iterator[Generation]:
        """Another client's picture is made meanwhile, which takes until the end of this or an interrupt."""
        made = Generation(task, {}, CHECKPOINTS[0], [], {})
        with self.turn:
            with self.lock:
                self.current = made
            yield made
            with self.lock:
                self.current = None

    def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait for something that requests bring about."""
        with self.moved:
            assert self.moved.wait_for(lambda: bool(holds()), 10)

    # What is there.

    def _list(self, name: str) -> Says:
        folder = "C:\\webui\\models\\"
        match name:
            case "sd-models":
                listed = [
                    {
                        "title": f"{file} [{number:010x}]",
                        "model_name": file.rsplit(".", 1)[0],
                        "hash": f"{number:010x}",
                        "sha256": f"{number:064x}",
                        "filename": folder + file,
                        "config": None,
                    }
                    for number, file in enumerate(CHECKPOINTS, 1)
                ]
            case "loras":
                listed = [
                    {"name": file.rsplit(".", 1)[0], "alias": "x", "path": f"/webui/models/Lora/{file}", "metadata": {}}
                    for file in LORAS
                ]
            case "sd-vae" if self.flavour != "forge":
                listed = [{"model_name": file, "filename": folder + file} for file in VAES]
            case "sd-modules" if self.flavour == "forge":
                listed = [{"model_name": file, "filename": folder + file} for file in MODULES]
            case "samplers":
                listed = [{"name": name, "aliases": [], "options": {}} for name in SAMPLERS]
            case "schedulers" if self.flavour == "sdnext":
                listed = [{"name": name, "cls": "EulerDiscreteScheduler", "options": {}} for name in SAMPLERS]
            case "schedulers":
                listed = [{"name": name.lower(), "label": name, "aliases": None} for name in SCHEDULERS]
            case "options":
                return Says(200, self.settings)
            case _:
                return Says(404, {"detail": "Not Found"})
        return Says(200, listed)


def with_auth() -> A1111:
    """A server that wants the key of the tests for `--api-auth`."""
    return A1111(auth=KEY)
