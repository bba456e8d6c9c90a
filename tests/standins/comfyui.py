"""A ComfyUI server, after its source: queue, history, uploads, node schemas, and the check of a graph.

A graph is checked as the server does: that the nodes are there, that each required input is, that links lead to
outputs of the right type, that files are installed and numbers within bounds.
"""

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from hashlib import sha1
from io import BytesIO
from typing import IO, Any
from uuid import UUID

from PIL import Image
from tests.standins.server import Call, Says, StandIn, png

FILES = {
    "ckpt_name": [
        *("sd_xl_base_1.0.safetensors", "dreamshaper_8-128713.safetensors", "flux1-schnell-fp8.safetensors"),
        "pony.safetensors",
    ],
    "unet_name": [
        *("flux1-dev.safetensors", "flux1-krea-dev_fp8_scaled.safetensors", "flux2_dev_fp8mixed.safetensors"),
        *("flux-2-klein-4b.safetensors", "flux-2-klein-base-4b.safetensors", "flux-2-klein-9b.safetensors"),
        *("flux-2-klein-base-9b-fp8.safetensors", "z_image_turbo_bf16.safetensors", "z_image_bf16.safetensors"),
        *("qwen_image_2512_fp8_e4m3fn.safetensors", "qwen_image_edit_2511_fp8mixed.safetensors"),
        "own-flux-900001.safetensors",
    ],
    "clip": [
        *("clip_l.safetensors", "t5xxl_fp16.safetensors", "mistral_3_small_flux2_bf16.safetensors"),
        *("qwen_3_4b.safetensors", "qwen_3_8b_fp8mixed.safetensors", "qwen_2.5_vl_7b_fp8_scaled.safetensors"),
    ],
    "vae_name": [
        *("ae.safetensors", "flux2-vae.safetensors", "qwen_image_vae.safetensors"),
        "vae-ft-mse-840000.safetensors",
    ],
    "lora_name": ["robots-776656.safetensors", "rust.safetensors"],
    "control_net_name": [
        *("control_v11p_sd15_canny_fp16.safetensors", "control_v11p_sd15_openpose_fp16.safetensors"),
        *("controlnet-union-sdxl-1.0-promax.safetensors", "FLUX.1-dev-ControlNet-Union-Pro-2.0.safetensors"),
    ],
}
EMBEDDINGS = ["EasyNegative", "styles/tinplate-555001"]
SAMPLERS = ["euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "lcm", "ddim", "res_multistep", "heun", "uni_pc"]
SCHEDULERS = ["simple", "normal", "karras", "exponential", "sgm_uniform", "ddim_uniform", "beta", "kl_optimal"]
UNION_TYPES = [
    *("openpose", "depth", "hed/pidi/scribble/ted", "canny/lineart/anime_lineart/mlsd", "normal", "segment", "tile"),
    "repaint",
]
CLIP_TYPES = ["flux2", "lumina2", "qwen_image", "stable_diffusion"]

SEED = ("INT", 0, 2**64 - 1)
SIDE = ("INT", 16, 16384)
STEPS = ("INT", 1, 10000)
CFG = ("FLOAT", 0, 100)
NODES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "CheckpointLoaderSimple": ({"ckpt_name": FILES["ckpt_name"]}, ["MODEL", "CLIP", "VAE"]),
    "UNETLoader": ({"unet_name": FILES["unet_name"], "weight_dtype": ["default", "fp8_e4m3fn"]}, ["MODEL"]),
    "CLIPLoader": ({"clip_name": FILES["clip"], "type": CLIP_TYPES}, ["CLIP"]),
    "DualCLIPLoader": ({"clip_name1": FILES["clip"], "clip_name2": FILES["clip"], "type": ["sdxl", "flux"]}, ["CLIP"]),
    "VAELoader": ({"vae_name": FILES["vae_name"]}, ["VAE"]),
    "LoraLoader": (
        {
            "model": "MODEL",
            "clip": "CLIP",
            "lora_name": FILES["lora_name"],
            "strength_model": ("FLOAT", -100, 100),
            "strength_clip": ("FLOAT", -100, 100),
        },
        ["MODEL", "CLIP"],
    ),
    "LoraLoaderModelOnly": (
        {"model": "MODEL", "lora_name": FILES["lora_name"], "strength_model": ("FLOAT", -100, 100)},
        ["MODEL"],
    ),
    "CLIPTextEncode": ({"clip": "CLIP", "text": "STRING"}, ["CONDITIONING"]),
    "CLIPSetLastLayer": ({"clip": "CLIP", "stop_at_clip_layer": ("INT", -24, -1)}, ["CLIP"]),
    "ConditioningZeroOut": ({"conditioning": "CONDITIONING"}, ["CONDITIONING"]),
    "FluxGuidance": ({"conditioning": "CONDITIONING", "guidance": CFG}, ["CONDITIONING"]),
    "ReferenceLatent": ({"conditioning": "CONDITIONING", "latent?": "LATENT"}, ["CONDITIONING"]),
    "TextEncodeQwenImageEditPlus": (
        {"clip": "CLIP", "prompt": "STRING", "vae?": "VAE", "image1?": "IMAGE", "image2?": "IMAGE", "image3?": "IMAGE"},
        ["CONDITIONING"],
    ),
    "FluxKontextMultiReferenceLatentMethod": (
        {"conditioning": "CONDITIONING", "reference_latents_method": ["offset", "index", "index_timestep_zero"]},
        ["CONDITIONING"],
    ),
    "ControlNetLoader": ({"control_net_name": FILES["control_net_name"]}, ["CONTROL_NET"]),
    "SetUnionControlNetType": ({"control_net": "CONTROL_NET", "type": ["auto", *UNION_TYPES]}, ["CONTROL_NET"]),
    "ControlNetApplyAdvanced": (
        {
            "positive": "CONDITIONING",
            "negative": "CONDITIONING",
            "control_net": "CONTROL_NET",
            "image": "IMAGE",
            "strength": ("FLOAT", 0, 10),
            "start_percent": ("FLOAT", 0, 1),
            "end_percent": ("FLOAT", 0, 1),
            "vae?": "VAE",
        },
        ["CONDITIONING", "CONDITIONING"],
    ),
    "Canny": (
        {"image": "IMAGE", "low_threshold": ("FLOAT", 0.01, 0.99, 0.4), "high_threshold": ("FLOAT", 0.01, 0.99, 0.8)},
        ["IMAGE"],
    ),
    "DepthAnythingV2Preprocessor": (
        {"image": "IMAGE", "ckpt_name?": ["depth_anything_v2_vitl.pth"], "resolution?": ("INT", 64, 16384, 512)},
        ["IMAGE"],
    ),
    "OpenposePreprocessor": (
        {"image": "IMAGE", "detect_hand": ["enable", "disable"], "resolution?": ("INT", 64, 16384, 512)},
        ["IMAGE", "POSE_KEYPOINT"],
    ),
    "FluxKontextImageScale": ({"image": "IMAGE"}, ["IMAGE"]),
    "LoadImage": ({"image": "UPLOAD"}, ["IMAGE", "MASK"]),
    "VAEEncode": ({"pixels": "IMAGE", "vae": "VAE"}, ["LATENT"]),
    "EmptyLatentImage": ({"width": SIDE, "height": SIDE, "batch_size": ("INT", 1, 4096)}, ["LATENT"]),
    "EmptySD3LatentImage": ({"width": SIDE, "height": SIDE, "batch_size": ("INT", 1, 4096)}, ["LATENT"]),
    "EmptyFlux2LatentImage": ({"width": SIDE, "height": SIDE, "batch_size": ("INT", 1, 4096)}, ["LATENT"]),
    "ModelSamplingAuraFlow": ({"model": "MODEL", "shift": ("FLOAT", 0, 100)}, ["MODEL"]),
    "CFGNorm": ({"model": "MODEL", "strength": ("FLOAT", 0, 100)}, ["MODEL"]),
    "CFGGuider": ({"model": "MODEL", "positive": "CONDITIONING", "negative": "CONDITIONING", "cfg": CFG}, ["GUIDER"]),
    "BasicGuider": ({"model": "MODEL", "conditioning": "CONDITIONING"}, ["GUIDER"]),
    "RandomNoise": ({"noise_seed": SEED}, ["NOISE"]),
    "KSamplerSelect": ({"sampler_name": SAMPLERS}, ["SAMPLER"]),
    "Flux2Scheduler": ({"steps": STEPS, "width": SIDE, "height": SIDE}, ["SIGMAS"]),
    "SamplerCustomAdvanced": (
        {"noise": "NOISE", "guider": "GUIDER", "sampler": "SAMPLER", "sigmas": "SIGMAS", "latent_image": "LATENT"},
        ["LATENT", "LATENT"],
    ),
    "KSampler": (
        {
            "model": "MODEL",
            "seed": SEED,
            "steps": STEPS,
            "cfg": CFG,
            "sampler_name": SAMPLERS,
            "scheduler": SCHEDULERS,
            "positive": "CONDITIONING",
            "negative": "CONDITIONING",
            "latent_image": "LATENT",
            "denoise": ("FLOAT", 0, 1),
        },
        ["LATENT"],
    ),
    "VAEDecode": ({"samples": "LATENT", "vae": "VAE"}, ["IMAGE"]),
    "SaveImage": ({"images": "IMAGE", "filename_prefix": "STRING"}, []),
}
"""Inputs (`?` marks the optional: a type, choices, or a number with its bounds and perhaps what the node suggests)
and the types of the outputs."""


@dataclass
class Prompt:
    """A graph in the queue."""

    id: str
    number: int
    graph: dict[str, Any]
    polls: int = 0
    fails: dict[str, Any] | None = None
    """The event that it ends with, if not well."""
    is_interrupted: bool = False


@dataclass
class ComfyUI(StandIn):
    """A server; `is_old` has no `/api/jobs` and stops whatever runs when told to interrupt."""

    is_old: bool = False
    queued: int = 0
    running: int = 0
    fails: dict[str, Any] | None = None
    tells: list[Any] | None = None
    """What it sends over its WebSocket; None: it has none."""
    prompts: dict[str, Prompt] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    nodes: dict[str, tuple[dict[str, Any], list[str]]] = field(default_factory=lambda: dict(NODES))

    def __post_init__(self) -> None:
        super().__init__()

    def phase(self, call: Call) -> str:
        path = call.path
        if path == "/prompt":
            return "submit"
        if path == "/queue":
            return "poll" if call.method == "GET" else "dequeue"
        if path.startswith("/api/jobs/"):
            return "cancel"
        starts = {"/history/": "result", "/view": "download", "/upload/image": "upload", "/object_info/": "info"}
        return next((phase for start, phase in starts.items() if path.startswith(start)), path)

    def upgrade(self, call: Call, read: IO[bytes], write: IO[bytes]) -> bool:
        """The WebSocket, on which `tells` are sent to who has the id of a prompt."""
        if call.path != "/ws" or self.tells is None:
            return False
        key = call.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = b64encode(sha1(key.encode()).digest()).decode()  # noqa: S324 - as RFC 6455 has it
        head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        write.write("\r\n".join([*head, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        for message in self.tells:
            text = message if isinstance(message, bytes) else json.dumps(message).encode()
            write.write(bytes([0x81, 126, *len(text).to_bytes(2)]) + text)
        write.flush()
        read.read(1)
        return True

    def answer(self, phase: str, call: Call) -> Says:
        match phase:
            case "submit":
                return self._submit(call)
            case "poll":
                return self._queue()
            case "dequeue":
                for id_ in call.json.get("delete", []):
                    if (prompt := self.prompts.get(id_)) and self._is_pending(prompt):
                        del self.prompts[id_]
                return Says(200, b"")
            case "/interrupt":
                return self._interrupt(call)
            case "cancel":
                return self._cancel(call.path.split("/")[3])
            case "result":
                return self._history(call.path.removeprefix("/history/"))
            case "upload":
                return self._upload(call)
            case "info":
                return self._info(call.path.removeprefix("/object_info/"))
            case "/embeddings":
                return Says(200, EMBEDDINGS)
            case "download":
                return self._view(call)
        return Says(404, b"404: Not Found", {"Content-Type": "text/plain"})

    def _submit(self, call: Call) -> Says:
        body = call.json
        if errors := {node: found for node in body["prompt"] if (found := self._errors(body["prompt"], node))}:
            first = next(iter(errors.values()))["errors"][0]
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return Says(400, {"error": {**error, "details": first["details"]}, "node_errors": errors})
        id_ = str(UUID(body["prompt_id"]))
        assert id_ == body["prompt_id"]
        prompt = Prompt(id_, len(self.started), body["prompt"], fails=self.fails)
        self.prompts[id_] = prompt
        self.started.append(prompt)
        return Says(200, {"prompt_id": id_, "number": prompt.number, "node_errors": {}})

    def _errors(self, graph: dict[str, Any], id_: str) -> dict[str, Any] | None:
        node = graph[id_]
        if node["class_type"] not in self.nodes:
            return _complaint(node, "invalid_prompt", f"no node {node['class_type']}")
        inputs, _ = self.nodes[node["class_type"]]
        known = {name.removesuffix("?") for name in inputs}
        if unknown := set(node["inputs"]) - known:
            return _complaint(node, "invalid_prompt", f"unknown inputs {unknown}")
        for name, kind in inputs.items():
            value = node["inputs"].get(name.removesuffix("?"))
            if value is None and not name.endswith("?"):
                return _complaint(node, "required_input_missing", name)
            if value is not None and (wrong := self._wrong(graph, kind, value)):
                return _complaint(node, wrong, f"{name}: {str(value)!r}")
        return None

    def _wrong(self, graph: dict[str, Any], kind: Any, value: Any) -> str | None:
        if isinstance(kind, list):
            return None if value in kind else "value_not_in_list"
        if kind == "STRING":
            return None if isinstance(value, str) else "invalid_input_type"
        if kind == "UPLOAD":
            return None if value in self.uploads else "value_not_in_list"
        if isinstance(kind, tuple):
            is_number = isinstance(value, int) or (kind[0] == "FLOAT" and isinstance(value, float))
            if not is_number:
                return "invalid_input_type"
            return None if kind[1] <= value <= kind[2] else "value_smaller_than_min"
        if not (isinstance(value, list) and value[0] in graph):
            return "bad_linked_input"
        outputs = self.nodes[graph[value[0]]["class_type"]][1]
        return None if value[1] < len(outputs) and outputs[value[1]] == kind else "return_type_mismatch"

    def _is_pending(self, prompt: Prompt) -> bool:
        return prompt.polls <= self.queued

    def _is_over(self, prompt: Prompt) -> bool:
        return prompt.is_interrupted or prompt.polls > self.queued + self.running

    def _queue(self) -> Says:
        for prompt in self.prompts.values():
            prompt.polls += 1
        left = [prompt for prompt in self.prompts.values() if not self._is_over(prompt)]
        entries = {
            prompt.id: [prompt.number, prompt.id, prompt.graph, {"client_id": prompt.id}, ["1"]] for prompt in left
        }
        pending = [entries[prompt.id] for prompt in left if self._is_pending(prompt)]
        running = [entries[prompt.id] for prompt in left if not self._is_pending(prompt)]
        return Says(200, {"queue_running": running, "queue_pending": pending})

    def _history(self, id_: str) -> Says:
        prompt = self.prompts.get(id_)
        if prompt is None or not self._is_over(prompt):
            return Says(200, {})
        status: dict[str, Any] = {"status_str": "success", "completed": True, "messages": [["execution_success", {}]]}
        outputs: dict[str, Any] = {}
        if prompt.is_interrupted:
            status = {"status_str": "error", "completed": False, "messages": [["execution_interrupted", {}]]}
        elif prompt.fails is not None:
            status = {"status_str": "error", "completed": False, "messages": [["execution_error", prompt.fails]]}
        else:
            width, height = self._size(prompt.graph)
            saved = next(id_ for id_, node in prompt.graph.items() if node["class_type"] == "SaveImage")
            folder, name = prompt.graph[saved]["inputs"]["filename_prefix"].split("/")
            image = {"filename": f"{name}_{width}x{height}.png", "subfolder": folder, "type": "output"}
            outputs = {saved: {"images": [image]}}
        return Says(200, {id_: {"prompt": [], "outputs": outputs, "status": status}})

    def _size(self, graph: dict[str, Any]) -> tuple[int, int]:
        """Of what a graph makes: that of its empty latents, or of the picture that it starts from."""
        for node in graph.values():
            if node["class_type"].startswith("Empty"):
                return node["inputs"]["width"], node["inputs"]["height"]
        encoded = next(node["inputs"]["pixels"][0] for node in graph.values() if node["class_type"] == "VAEEncode")
        loaded = graph[encoded]["inputs"]["image"]
        with Image.open(BytesIO(self.uploads[loaded])) as image:
            return image.size

    def _interrupt(self, call: Call) -> Says:
        wanted = None if self.is_old else call.json.get("prompt_id")
        for prompt in self.prompts.values():
            is_running = not self._is_pending(prompt) and not self._is_over(prompt)
            if is_running and wanted in (None, prompt.id):
                prompt.is_interrupted = True
        return Says(200, b"")

    def _cancel(self, id_: str) -> Says:
        if self.is_old:
            return Says(404, b"404: Not Found", {"Content-Type": "text/plain"})
        if (prompt := self.prompts.get(id_)) and not self._is_over(prompt):
            prompt.is_interrupted = True
        return Says(200, {"status": "ok"})

    def _upload(self, call: Call) -> Says:
        head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in BytesParser(policy=HTTP).parsebytes(head + call.body).iter_parts()  # type: ignore[attr-defined]
        }
        name, folder = parts["image"].get_filename(), parts["subfolder"].get_content().strip()
        self.uploads[f"{folder}/{name}"] = parts["image"].get_payload(decode=True)
        return Says(200, {"name": name, "subfolder": folder, "type": "input"})

    def _info(self, node: str) -> Says:
        if node not in self.nodes:
            return Says(200, {})
        inputs, outputs = self.nodes[node]
        schema: dict[str, Any] = {"required": {}, "optional": {}}
        for name, kind in inputs.items():
            group = "optional" if name.endswith("?") else "required"
            # Both ways of listing choices are met at servers.
            shown = ["COMBO", {"options": kind}] if name == "lora_name" else [kind]
            if isinstance(kind, tuple) and len(kind) > 3:
                shown = [kind[0], {"default": kind[3]}]
            schema[group][name.removesuffix("?")] = shown
        return Says(200, {node: {"input": schema, "output": outputs, "name": node}})

    def _view(self, call: Call) -> Says:
        sides = re.search(r"(\d+)x(\d+)\.png", call.query["filename"][0])
        if sides is None or call.query["subfolder"] != ["palio"] or call.query["type"] != ["output"]:
            return Says(404, b"")
        return Says(200, png(int(sides[1]), int(sides[2])), {"Content-Type": "image/png"})


def _complaint(node: dict[str, Any], kind: str, details: str) -> dict[str, Any]:
    return {"errors": [{"type": kind, "message": kind, "details": details}], "class_type": node["class_type"]}
