"""The AI Horde's API, after its server's source: a request waits, is worked on, and its pictures are fetched once."""

import base64
import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image
from tests.standins.server import KEY, Call, Says, StandIn, png

MODELS = {"stable_diffusion", "SDXL 1.0", "Flux.1-Schnell fp8 (Compact)", "Z-Image-Turbo"}
SAMPLERS = {"k_lms", "k_heun", "k_euler", "k_euler_a", "k_dpm_2", "k_dpm_2_a", "k_dpm_fast", "k_dpm_adaptive"}
SAMPLERS |= {"k_dpmpp_2s_a", "k_dpmpp_2m", "dpmsolver", "k_dpmpp_sde", "lcm", "DDIM"}
BODY = {"prompt", "params", "models", "nsfw", "censor_nsfw", "trusted_workers", "slow_workers", "source_image"}
BODY |= {"source_processing", "r2", "shared", "replacement_filter", "allow_downgrade"}
PARAMS = {"sampler_name", "cfg_scale", "denoising_strength", "seed", "height", "width", "karras", "clip_skip", "loras"}
PARAMS |= {"steps", "n"}
LORA = {"name", "model", "clip", "inject_trigger", "is_version"}
_PATH = re.compile(r"/generate/(?P<what>check|status)/(?P<id>[^/]+)")


@dataclass
class Request:
    """A request; `said` is put over what its generation says."""

    id: str
    model: str
    input: dict[str, Any]
    polls: int = 0
    said: dict[str, Any] = field(default_factory=dict)
    is_canceled: bool = False


@dataclass
class Horde(StandIn):
    """Requests, how far they are, and where their pictures are downloaded from."""

    queued: int = 0
    running: int = 0
    said: dict[str, Any] = field(default_factory=dict)
    """What the generation of every further request says besides."""
    is_inline: bool = False
    """Whether pictures come within the answer, as Base64."""
    requests: dict[str, Request] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def phase(self, call: Call) -> str:
        if call.path.startswith("/r2/"):
            return "download"
        if found := _PATH.fullmatch(call.path):
            return "cancel" if call.method == "DELETE" else {"check": "poll", "status": "result"}[found["what"]]
        return "submit"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            sides = re.search(r"(\d+)x(\d+)\.webp", call.path)
            assert sides is not None
            return Says(200, png(int(sides[1]), int(sides[2])), {"Content-Type": "image/webp"})
        assert call.headers["client-agent"].count(":") == 2
        if phase == "submit":
            return self._submit(call)
        found = _PATH.fullmatch(call.path)
        assert found is not None
        request = self.requests.get(found["id"])
        if request is None:
            return Says(404, {"message": f"Waiting Prompt with ID '{found['id']}' not found.", "rc": "RequestNotFound"})
        if phase == "cancel":
            request.is_canceled = request.is_canceled or not self._is_over(request)
            return Says(200, self._shown(request) | {"generations": []})
        if phase == "poll":
            request.polls += 1
            return Says(200, self._shown(request))
        return Says(200, self._shown(request) | {"generations": self._generations(request), "shared": False})

    def _submit(self, call: Call) -> Says:
        if call.headers.get("apikey") != KEY:
            return Says(401, {"message": "No user matching sent API Key.", "rc": "InvalidAPIKey"})
        if (complaint := _complaint(call.json)) is not None:
            return complaint
        id_ = f"r{len(self.requests) + 1:08d}"
        request = Request(id_, call.json["models"][0], call.json, said=self.said)
        self.requests[id_] = request
        self.started.append(request)
        warning = {"code": "NoAvailableWorker", "message": "No worker that is online now can fulfill this request."}
        return Says(202, {"id": id_, "kudos": 6.4, "warnings": [warning]})

    def _is_over(self, request: Request) -> bool:
        return request.is_canceled or request.polls > self.queued + self.running

    def _shown(self, request: Request) -> dict[str, Any]:
        is_over, is_waiting = self._is_over(request), request.polls <= self.queued
        return {
            "finished": int(is_over),
            "processing": int(not is_over and not is_waiting),
            "restarted": 0,
            "waiting": int(not is_over and is_waiting),
            "done": is_over,
            "faulted": False,
            "wait_time": 0 if is_over else 7,
            "queue_position": 3 if is_waiting and not is_over else 0,
            "kudos": 6.4,
            "is_possible": True,
        }

    def _generations(self, request: Request) -> list[dict[str, Any]]:
        if request.is_canceled or not self._is_over(request):
            return []
        params = request.input["params"]
        picture = f"{self.url}/r2/{request.id}-{params['width']}x{params['height']}.webp"
        if self.is_inline:
            picture = base64.b64encode(png(params["width"], params["height"])).decode()
        generation = {"id": f"g-{request.id}", "img": picture, "seed": params.get("seed", "1"), "censored": False}
        about = {"model": request.model, "state": "ok", "worker_id": "w", "worker_name": "a box", "gen_metadata": []}
        return [{**generation, **about, **request.said}]


def _complaint(body: dict[str, Any]) -> Says | None:
    params = body["params"]
    if unknown := (set(body) - BODY) | (set(params) - PARAMS):
        return Says(400, {"message": "Input payload validation failed", "errors": dict.fromkeys(unknown, "unknown")})
    if not isinstance(body["prompt"], str) or not isinstance(params.get("seed", ""), str):
        return Says(400, {"message": "Input payload validation failed", "errors": {"seed": "is not a string"}})
    if set(body["models"]) - MODELS:
        return Says(400, {"message": "This model is not supported in this mode the moment", "rc": "UnsupportedModel"})
    if any(params[side] % 64 or not 64 <= params[side] <= 3072 for side in ("width", "height")):
        return Says(400, {"message": "Invalid size.", "rc": "InvalidSize"})
    if params.get("sampler_name", "k_euler") not in SAMPLERS:
        return Says(400, {"message": "This sampler is not supported", "rc": "UnsupportedSampler"})
    if any(set(lora) - LORA or not isinstance(lora["name"], str) for lora in params.get("loras", [])):
        return Says(400, {"message": "Input payload validation failed", "errors": {"loras": "bad"}})
    if "source_image" in body:
        with Image.open(BytesIO(base64.b64decode(body["source_image"]))) as image:
            assert image.format == "WEBP"
    return None
