"""A SwarmUI server, after its documentation: sessions, lists of models and parameters, and a request held open.

It passes over parameters that it does not know, as the server does; a test can ask which these were (`passed_over`).
"""

import base64
import threading
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image
from tests.standins.server import Call, Says, StandIn, png

SAMPLERS = ["euler///Euler", "euler_ancestral///Euler Ancestral", "dpmpp_2m///DPM++ 2M", "lcm///LCM"]
SCHEDULERS = ["normal///Normal", "karras///Karras", "simple///Simple", "sgm_uniform///SGM Uniform"]
BOUNDS: dict[str, tuple[float, float]] = {
    "images": (1, 10000),
    "seed": (-1, 2**63 - 1),
    "steps": (0, 500),
    "cfgscale": (0, 100),
    "fluxguidancescale": (0, 100),
    "width": (64, 16384),
    "height": (64, 16384),
    "initimagecreativity": (0, 1),
    "clipstopatlayer": (-24, -1),
}
"""Parameters that are numbers."""
CHOICES = {"sampler": SAMPLERS, "scheduler": SCHEDULERS}
OTHERS = ("prompt", "negativeprompt", "model", "vae", "loras", "loraweights", "initimage", "promptimages", "donotsave")
MODELS = {
    "Stable-Diffusion": [
        *("OfficialStableDiffusion/sd_xl_base_1.0.safetensors", "sd15/dreamshaper_8-128713.safetensors"),
        *("pony.safetensors", "flux/flux1-dev.safetensors", "flux1-schnell-fp8.safetensors"),
        *("flux1-krea-dev_fp8_scaled.safetensors", "own-flux-900001.safetensors", "flux2_dev_fp8mixed.safetensors"),
        *("flux-2-klein-4b.safetensors", "flux-2-klein-base-4b.safetensors", "flux-2-klein-9b.safetensors"),
        *("flux-2-klein-base-9b-fp8.safetensors", "z_image_turbo_bf16.safetensors", "z_image_bf16.safetensors"),
        *("qwen_image_2512_fp8_e4m3fn.safetensors", "qwen_image_edit_2511_fp8mixed.safetensors"),
    ],
    "LoRA": ["robots-776656.safetensors", "rust.safetensors", "rust, old-434444.safetensors"],
    "VAE": ["vae-ft-mse-840000.safetensors"],
}
EXPIRED = {"error_id": "invalid_session_id", "error": "Invalid session ID. You may need to refresh the page."}


@dataclass
class SwarmUI(StandIn):
    """A server. While `is_slow`, what is asked for takes until it is interrupted. `saves` has answers name files.

    `is_new` tells the architecture of each model beside its name.
    """

    is_slow: bool = False
    saves: bool = False
    is_new: bool = True
    error: str = ""
    """What requests for pictures end with."""
    sessions: dict[str, threading.Event] = field(default_factory=dict)
    """Sessions, and whether they were interrupted."""
    models: dict[str, list[str]] = field(default_factory=lambda: {kind: list(names) for kind, names in MODELS.items()})
    parameters: set[str] = field(default_factory=lambda: {*BOUNDS, *CHOICES, *OTHERS})
    passed_over: set[str] = field(default_factory=set)
    arrived: threading.Event = field(default_factory=threading.Event)
    """That a picture was asked for."""

    def __post_init__(self) -> None:
        super().__init__()

    def phase(self, call: Call) -> str:
        phases = {
            "/API/GetNewSession": "session",
            "/API/GenerateText2Image": "submit",
            "/API/InterruptAll": "cancel",
            "/API/ListT2IParams": "info",
        }
        return "download" if call.path.startswith("/View/") else phases.get(call.path, call.path)

    def respond(self, call: Call) -> Any:
        said = super().respond(call)
        if self.phase(call) == "submit" and self.is_slow and said[1] is None and said[0].body.get("images"):
            # Outside of the lock, so that others are answered meanwhile.
            self.arrived.set()
            interrupted = self.sessions[call.json["session_id"]]
            while not interrupted.wait(0.01) and not self.closing.is_set():
                pass
            return Says(200, {"error": "Generation session interrupted."}), None
        return said

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "session":
            id_ = f"{len(self.sessions) + 1:040X}"
            self.sessions[id_] = threading.Event()
            return Says(200, {"session_id": id_, "user_id": "local", "version": "0.9.9"})
        if phase == "download":
            return self._file(call.path)
        if call.method != "POST":
            return Says(404, b"")
        if call.json.get("session_id") not in self.sessions:
            return Says(401, EXPIRED)
        match phase:
            case "submit":
                return self._generate(call.json)
            case "cancel":
                assert call.json["other_sessions"] is False
                self.sessions[call.json["session_id"]].set()
                return Says(200, {"success": True})
            case "info":
                return self._lists()
        return Says(400, {"error_id": "bad_route", "error": "Unknown API route"})

    def _lists(self) -> Says:
        listed = [
            {"id": id_, "name": id_, "type": "text", "values": CHOICES.get(id_)} for id_ in sorted(self.parameters)
        ]
        models: dict[str, list[Any]] = {kind: list(names) for kind, names in self.models.items()}
        if self.is_new:
            models = {kind: [[name, "an-architecture"] for name in names] for kind, names in models.items()}
        return Says(200, {"list": listed, "models": models, "wildcards": [], "param_edits": None})

    def _generate(self, body: dict[str, Any]) -> Says:
        self.passed_over |= body.keys() - self.parameters - {"session_id"}
        if wrong := next(filter(None, (self._wrong(*item) for item in body.items())), None):
            return Says(200, {"error": wrong})
        self.started.append(body)
        if self.error:
            return Says(200, {"error": self.error})
        width, height = body["width"], body["height"]
        if "initimage" in body:
            with Image.open(BytesIO(_data(body["initimage"]))) as image:
                assert image.size == (width, height)
        for image in body.get("promptimages", []):
            assert _data(image)
        if self.saves or not body.get("donotsave"):
            return Says(200, {"images": [f"View/local/raw/2026-11-24/a tin robot #{width}x{height}.png"]})
        return Says(200, {"images": [f"data:image/png;base64,{base64.b64encode(png(width, height)).decode()}"]})

    def _wrong(self, name: str, value: Any) -> str | None:
        """How the server words it that a value cannot be."""
        if name in BOUNDS and not BOUNDS[name][0] <= value <= BOUNDS[name][1]:
            return f"Invalid integer value for param {name} - '{value}' - must be between {BOUNDS[name]}"
        if name in CHOICES and value not in [choice.partition("///")[0] for choice in CHOICES[name]]:
            return f"Invalid value for param {name} - '{value}' - must be one of: `{CHOICES[name]}`"
        kinds = {"model": "Stable-Diffusion", "vae": "VAE", "loras": "LoRA"}
        for model in value if name == "loras" else [value]:
            if name in kinds and model not in self.models[kinds[name]]:
                return f"Invalid model value for param {name} - '{model}' - are you sure that model name is correct?"
        return None

    def _file(self, path: str) -> Says:
        name = path.rpartition("%23")[2].removesuffix(".png")
        try:
            width, height = (int(side) for side in name.split("x"))
        except ValueError:
            return Says(404, b"404, file not found")
        return Says(200, png(width, height), {"Content-Type": "image/png"})


def _data(url: str) -> bytes:
    head, _, data = url.partition(",")
    assert head.startswith("data:image/")
    return base64.b64decode(data)
