"""An InvokeAI server, after its source: queue, models, images, and the check of a graph.

A graph is checked as the server does: that the types of nodes are known, and their fields; that edges lead from
outputs to inputs of the same type, and to each input that has to have one; that numbers are within bounds. What the
server finds out only when it runs a graph, such as a model of another kind, is refused at once.
"""

from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from io import BytesIO
from typing import Any

from PIL import Image
from tests.standins.server import Call, Says, StandIn, png

SD_SCHEDULERS = [
    *("ddim", "ddpm", "deis", "deis_k", "lms", "lms_k", "pndm", "heun", "heun_k", "euler", "euler_k", "euler_a"),
    *("kdpm_2", "kdpm_2_k", "kdpm_2_a", "kdpm_2_a_k", "dpmpp_2s", "dpmpp_2s_k", "dpmpp_2m", "dpmpp_2m_k"),
    *("dpmpp_2m_sde", "dpmpp_2m_sde_k", "dpmpp_3m", "dpmpp_3m_k", "dpmpp_sde", "dpmpp_sde_k", "er_sde", "unipc"),
    *("unipc_k", "lcm", "tcd"),
]
FLOW_SCHEDULERS = ["euler", "heun", "lcm"]
SIDE8, SIDE16 = ("INT", 8, 16384, 8), ("INT", 16, 16384, 16)
UNIT = ("FLOAT", 0, 1)
CFG = ("FLOAT", 1, 1000)
STEPS = ("INT", 1, 10000)
SEED = ("INT", 0, 2**64 - 1)
FLOAT = ("FLOAT", -1000, 1000)
LORA = {"lora": "MODEL:lora", "weight": FLOAT}
FLUX_CANVAS = {"latents?": "Latents", "denoising_start": UNIT, "width": SIDE16, "height": SIDE16, "seed": SEED}
SEQUENCE = "Literal[256, 512]"

NODES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "main_model_loader": ({"model": "MODEL:main/sd-1"}, {"unet": "UNet", "clip": "CLIP", "vae": "VAE"}),
    "sdxl_model_loader": (
        {"model": "MODEL:main/sdxl"},
        {"unet": "UNet", "clip": "CLIP", "clip2": "CLIP", "vae": "VAE"},
    ),
    "lora_loader": ({**LORA, "unet?": "UNet", "clip?": "CLIP"}, {"unet": "UNet", "clip": "CLIP"}),
    "sdxl_lora_loader": (
        {**LORA, "unet?": "UNet", "clip?": "CLIP", "clip2?": "CLIP"},
        {"unet": "UNet", "clip": "CLIP", "clip2": "CLIP"},
    ),
    "vae_loader": ({"vae_model": "MODEL:vae"}, {"vae": "VAE"}),
    "clip_skip": ({"clip": "CLIP", "skipped_layers": ("INT", 0, 12, 1)}, {"clip": "CLIP"}),
    "compel": ({"prompt": "STRING", "clip": "CLIP"}, {"conditioning": "Conditioning"}),
    "sdxl_compel_prompt": (
        {
            "prompt": "STRING",
            "style?": "STRING",
            **dict.fromkeys(("original_width", "original_height"), ("INT", 0, 16384, 1)),
            **dict.fromkeys(("target_width", "target_height"), ("INT", 0, 16384, 1)),
            "clip": "CLIP",
            "clip2": "CLIP",
        },
        {"conditioning": "Conditioning"},
    ),
    "noise": ({"seed": ("INT", 0, 2**32 - 1, 1), "width": SIDE8, "height": SIDE8}, {"noise": "Latents"}),
    "denoise_latents": (
        {
            "positive_conditioning": "Conditioning",
            "negative_conditioning": "Conditioning",
            "noise?": "Latents",
            "latents?": "Latents",
            "steps": STEPS,
            "cfg_scale": CFG,
            "denoising_start": UNIT,
            "scheduler": SD_SCHEDULERS,
            "unet": "UNet",
        },
        {"latents": "Latents"},
    ),
    "i2l": ({"image": "IMAGE", "vae": "VAE", "fp32": "BOOL"}, {"latents": "Latents"}),
    "l2i": ({"latents": "Latents", "vae": "VAE", "fp32": "BOOL"}, {"image": "Image"}),
    "flux_model_loader": (
        {
            "model": "MODEL:main/flux",
            "t5_encoder_model?": "MODEL:t5_encoder",
            "clip_embed_model?": "MODEL:clip_embed",
            "vae_model?": "MODEL:vae/flux",
        },
        {"transformer": "Transformer", "clip": "CLIP", "t5_encoder": "T5", "vae": "VAE", "max_seq_len": SEQUENCE},
    ),
    "flux_lora_loader": (
        {**LORA, "transformer?": "Transformer", "clip?": "CLIP", "t5_encoder?": "T5"},
        {"transformer": "Transformer", "clip": "CLIP", "t5_encoder": "T5"},
    ),
    "flux_text_encoder": (
        {"clip": "CLIP", "t5_encoder": "T5", "t5_max_seq_len": SEQUENCE, "prompt": "STRING"},
        {"conditioning": "FluxConditioning"},
    ),
    "flux_denoise": (
        {
            **FLUX_CANVAS,
            "transformer": "Transformer",
            "positive_text_conditioning": "FluxConditioning",
            "guidance": FLOAT,
            "num_steps": STEPS,
            "scheduler": FLOW_SCHEDULERS,
        },
        {"latents": "Latents"},
    ),
    "flux_vae_encode": ({"image": "IMAGE", "vae": "VAE"}, {"latents": "Latents"}),
    "flux_vae_decode": ({"latents": "Latents", "vae": "VAE"}, {"image": "Image"}),
    "flux_kontext": ({"image": "IMAGE"}, {"kontext_cond": "Kontext"}),
    "collect": ({"item": "ITEMS"}, {"collection": "LIST"}),
    "flux2_dev_model_loader": (
        {
            "model": "MODEL:main/flux2/dev",
            "vae_model?": "MODEL:vae/flux2",
            "mistral_encoder_model?": "MODEL:mistral_encoder",
        },
        {"transformer": "Transformer", "mistral_encoder": "Mistral", "vae": "VAE", "max_seq_len": SEQUENCE},
    ),
    "flux2_dev_lora_loader": (
        {**LORA, "transformer?": "Transformer", "mistral_encoder?": "Mistral"},
        {"transformer": "Transformer", "mistral_encoder": "Mistral"},
    ),
    "flux2_dev_text_encoder": (
        {"prompt": "STRING", "mistral_encoder": "Mistral", "max_seq_len?": SEQUENCE},
        {"conditioning": "FluxConditioning"},
    ),
    "flux2_klein_model_loader": (
        {
            "model": "MODEL:main/flux2/klein",
            "vae_model?": "MODEL:vae/flux2",
            "qwen3_encoder_model?": "MODEL:qwen3_encoder",
        },
        {"transformer": "Transformer", "qwen3_encoder": "Qwen3", "vae": "VAE", "max_seq_len": SEQUENCE},
    ),
    "flux2_klein_lora_loader": (
        {**LORA, "transformer?": "Transformer", "qwen3_encoder?": "Qwen3"},
        {"transformer": "Transformer", "qwen3_encoder": "Qwen3"},
    ),
    "flux2_klein_text_encoder": (
        {"prompt": "STRING", "qwen3_encoder": "Qwen3", "max_seq_len?": SEQUENCE},
        {"conditioning": "FluxConditioning"},
    ),
    "flux2_denoise": (
        {
            **FLUX_CANVAS,
            "transformer": "Transformer",
            "positive_text_conditioning": "FluxConditioning",
            "negative_text_conditioning?": "FluxConditioning",
            "guidance": ("FLOAT", 0, 20),
            "cfg_scale": FLOAT,
            "num_steps": STEPS,
            "scheduler": FLOW_SCHEDULERS,
            "vae": "VAE",
            "kontext_conditioning?": "Kontext",
        },
        {"latents": "Latents"},
    ),
    "flux2_vae_encode": ({"image": "IMAGE", "vae": "VAE"}, {"latents": "Latents"}),
    "flux2_vae_decode": ({"latents": "Latents", "vae": "VAE"}, {"image": "Image"}),
    "z_image_model_loader": (
        {
            "model": "MODEL:main/z-image",
            "vae_model?": "MODEL:vae/flux",
            "qwen3_encoder_model?": "MODEL:qwen3_encoder",
            "qwen3_source_model?": "MODEL:main/z-image",
        },
        {"transformer": "Transformer", "qwen3_encoder": "Qwen3", "vae": "VAE"},
    ),
    "z_image_lora_loader": (
        {**LORA, "transformer?": "Transformer", "qwen3_encoder?": "Qwen3"},
        {"transformer": "Transformer", "qwen3_encoder": "Qwen3"},
    ),
    "z_image_text_encoder": ({"prompt": "STRING", "qwen3_encoder": "Qwen3"}, {"conditioning": "ZImageConditioning"}),
    "z_image_denoise": (
        {
            **FLUX_CANVAS,
            "transformer": "Transformer",
            "positive_conditioning": "ZImageConditioning",
            "negative_conditioning?": "ZImageConditioning",
            "guidance_scale": CFG,
            "steps": STEPS,
            "scheduler": FLOW_SCHEDULERS,
        },
        {"latents": "Latents"},
    ),
    "z_image_i2l": ({"image": "IMAGE", "vae": "VAE"}, {"latents": "Latents"}),
    "z_image_l2i": ({"latents": "Latents", "vae": "VAE"}, {"image": "Image"}),
    "qwen_image_model_loader": (
        {
            "model": "MODEL:main/qwen-image",
            "vae_model?": "MODEL:vae/qwen-image",
            "qwen_vl_encoder_model?": "MODEL:qwen_vl_encoder",
        },
        {"transformer": "Transformer", "qwen_vl_encoder": "QwenVL", "vae": "VAE"},
    ),
    "qwen_image_lora_loader": ({**LORA, "transformer?": "Transformer"}, {"transformer": "Transformer"}),
    "qwen_image_text_encoder": (
        {"prompt": "STRING", "reference_images?": "IMAGES", "qwen_vl_encoder": "QwenVL"},
        {"conditioning": "QwenConditioning"},
    ),
    "qwen_image_denoise": (
        {
            **FLUX_CANVAS,
            "reference_latents?": "Latents",
            "transformer": "Transformer",
            "positive_conditioning": "QwenConditioning",
            "negative_conditioning?": "QwenConditioning",
            "cfg_scale": FLOAT,
            "steps": STEPS,
        },
        {"latents": "Latents"},
    ),
    "qwen_image_i2l": ({"image": "IMAGE", "vae": "VAE"}, {"latents": "Latents"}),
    "qwen_image_l2i": ({"latents": "Latents", "vae": "VAE"}, {"image": "Image"}),
}
"""Fields (`?` marks the optional: a type, choices, or a number with its bounds) and the types of the outputs."""


def model(name: str, base: str, type_: str, **more: Any) -> dict[str, Any]:
    """A model as the server lists it."""
    key = f"key-of-{name}"
    more = {"format": "checkpoint", "path": f"{base}/{name}", "source": f"/models/{name}", **more}
    return {"key": key, "hash": f"blake3:{len(name):064x}", "name": name, "base": base, "type": type_, **more}


MODELS = [
    model("Dreamshaper 8", "sd-1", "main", source="https://civitai.com/api/download/models/128713", variant="normal"),
    model("pony", "sdxl", "main", variant="normal"),
    model("SDXL base", "sdxl", "main", source="stabilityai/stable-diffusion-xl-base-1.0", format="diffusers"),
    model("vae-ft-mse-840000", "sd-1", "vae"),
    model("sdxl-vae-fp16-fix", "sdxl", "vae"),
    model("FLUX.1 dev", "flux", "main", variant="dev"),
    model("FLUX.1 schnell (quantized)", "flux", "main", variant="schnell", format="bnb_quantized_nf4b"),
    model("FLUX.1 Krea dev", "flux", "main", variant="dev"),
    model("own flux", "flux", "main", variant="dev", path="flux/own-900001.safetensors"),
    model("FLUX.1-schnell_ae", "flux", "vae"),
    model("t5_base_encoder", "any", "t5_encoder", format="t5_encoder"),
    model("clip-vit-large-patch14", "any", "clip_embed", variant="large", format="diffusers"),
    model("FLUX.2 [dev] Q4", "flux2", "main", variant="dev", format="gguf_quantized"),
    model("FLUX.2 Klein 4B", "flux2", "main", variant="klein_4b"),
    model("FLUX.2 Klein 4B base", "flux2", "main", variant="klein_4b_base"),
    model("FLUX.2 Klein 9B", "flux2", "main", variant="klein_9b", format="diffusers"),
    model("FLUX.2 VAE", "flux2", "vae"),
    model("Mistral Encoder", "any", "mistral_encoder", variant="cow_mistral3_small"),
    model("Qwen3 4B", "any", "qwen3_encoder", variant="qwen3_4b"),
    model("Z-Image Turbo", "z-image", "main", variant="turbo", format="gguf_quantized"),
    model("Z-Image", "z-image", "main", variant="zbase", format="diffusers"),
    model("Qwen Image 2512", "qwen-image", "main", variant="generate", format="diffusers"),
    model("Qwen Image Edit 2511", "qwen-image", "main", variant="edit", format="gguf_quantized"),
    model("Qwen Image VAE", "qwen-image", "vae"),
    model("Qwen2.5-VL Encoder", "any", "qwen_vl_encoder"),
    *(model(f"robots-776656 {base}", base, "lora", format="lycoris") for base in ("sd-1", "sdxl", "flux", "flux2")),
    *(model(f"robots-776656 {base}", base, "lora", format="lycoris") for base in ("z-image", "qwen-image")),
    {"key": "unreadable", "name": "unreadable"},
]


@dataclass
class Item:
    """A graph in the queue."""

    id: int
    batch: dict[str, Any]
    polls: int = 0
    fails: tuple[str, str] | None = None
    is_canceled: bool = False

    @property
    def graph(self) -> dict[str, Any]:
        graph: dict[str, Any] = self.batch["graph"]
        return graph


@dataclass
class InvokeAI(StandIn):
    """A server. `queued` and `running` are how many questions an item is in that state for."""

    queued: int = 0
    running: int = 0
    is_full: bool = False
    fails: tuple[str, str] | None = None
    """The type of the error that runs end with, and its message."""
    items: dict[int, Item] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=lambda: list(MODELS))

    def __post_init__(self) -> None:
        super().__init__()

    def phase(self, call: Call) -> str:
        path = call.path
        starts = {
            "/api/v2/models/": "info",
            "/api/v1/images/upload": "upload",
            "/api/v1/images/i/": "download",
            "/api/v1/queue/default/enqueue_batch": "submit",
            "/api/v1/queue/default/list_all": "find",
        }
        if found := next((phase for start, phase in starts.items() if path.startswith(start)), None):
            return found
        if path.startswith("/api/v1/queue/default/i/"):
            return "cancel" if path.endswith("/cancel") else "poll"
        return path

    def answer(self, phase: str, call: Call) -> Says:
        match phase:
            case "submit":
                return self._enqueue(call)
            case "poll":
                return self._item(call.path.split("/")[-1])
            case "find":
                wanted = call.query["destination"][0]
                found = [item for item in self.items.values() if item.batch["destination"] == wanted]
                return Says(200, [self._shown(item) for item in found])
            case "cancel":
                return self._cancel(call.path.split("/")[-2])
            case "upload":
                return self._upload(call)
            case "/api/v1/queue/default/status":
                return Says(200, {"queue": {"queue_id": "default", "pending": 0}, "processor": {"is_started": True}})
            case "info":
                return Says(200, {"models": self.models})
            case "download":
                return self._image(call.path.split("/")[-2])
        return Says(404, {"detail": "Not Found"})

    def _enqueue(self, call: Call) -> Says:
        batch = call.json["batch"]
        if wrong := self._wrong_with(batch["graph"]):
            where, what = wrong
            return Says(422, {"detail": [{"type": "value_error", "loc": ["body", "batch", where], "msg": what}]})
        if self.is_full:
            return Says(200, {"queue_id": "default", "enqueued": 0, "requested": 1, "batch": batch, "item_ids": []})
        item = Item(len(self.items) + 1, batch, fails=self.fails)
        self.items[item.id] = item
        self.started.append(item)
        answer = {"queue_id": "default", "enqueued": 1, "requested": 1, "batch": batch, "priority": 0}
        return Says(200, {**answer, "item_ids": [item.id]})

    def _wrong_with(self, graph: dict[str, Any]) -> tuple[str, str] | None:
        """Where a graph is wrong, and how."""
        edges = graph["edges"]
        for id_, node in graph["nodes"].items():
            fed = {edge["destination"]["field"]: edge for edge in edges if edge["destination"]["node_id"] == id_}
            own = {name: value for name, value in node.items() if name not in ("id", "type", "is_intermediate")}
            if node["id"] != id_ or node["type"] not in NODES:
                return id_, f"no node {node['type']}"
            inputs, _ = NODES[node["type"]]
            known = {name.removesuffix("?") for name in inputs}
            if unknown := (own.keys() | fed.keys()) - known:
                return id_, f"unknown fields {unknown}"
            for name, kind in inputs.items():
                place = name.removesuffix("?")
                if place in fed:
                    wrong = self._wrong_edge(graph, fed[place], kind)
                elif place in own:
                    wrong = self._wrong_value(own[place], kind)
                else:
                    wrong = None if name.endswith("?") else "Field required"
                if wrong:
                    return f"{id_}.{place}", wrong
        return None

    def _wrong_edge(self, graph: dict[str, Any], edge: dict[str, Any], kind: Any) -> str | None:
        source = graph["nodes"].get(edge["source"]["node_id"])
        if source is None:
            return "Edge source node does not exist"
        given = NODES[source["type"]][1].get(edge["source"]["field"])
        if given == "LIST":
            items = [other for other in graph["edges"] if other["destination"]["node_id"] == source["id"]]
            return next((wrong for other in items if (wrong := self._wrong_edge(graph, other, kind))), None)
        return None if given == kind or (kind == "ITEMS" and given) else f"{given} is no {kind}"

    def _wrong_value(self, value: Any, kind: Any) -> str | None:
        if isinstance(kind, list):
            return None if value in kind else f"Input should be one of {kind}"
        if isinstance(kind, tuple):
            is_number = isinstance(value, int) or (kind[0] == "FLOAT" and isinstance(value, float))
            if not is_number or not kind[1] <= value <= kind[2]:
                return f"Input should be {kind[0]} from {kind[1]} to {kind[2]}"
            return "Input should be a multiple" if len(kind) > 3 and value % kind[3] else None
        if kind.startswith("MODEL:"):
            return self._wrong_model(value, kind.removeprefix("MODEL:"))
        match kind:
            case "STRING":
                return None if isinstance(value, str) else "Input should be a valid string"
            case "BOOL":
                return None if isinstance(value, bool) else "Input should be a valid boolean"
            case "IMAGE":
                return None if value["image_name"] in self.uploads else "image not found"
            case "IMAGES":
                return next((wrong for one in value if (wrong := self._wrong_value(one, "IMAGE"))), None)
        return f"{kind} must come by an edge"

    def _wrong_model(self, value: Any, kind: str) -> str | None:
        type_, base, variant = (*kind.split("/"), "", "")[:3]
        known = next((one for one in self.models if one["key"] == value.get("key")), None)
        if known is None or any(known[name] != value.get(name) for name in ("hash", "name", "base", "type")):
            return "Unknown model"
        fits = known["type"] == type_ and base in ("", known["base"])
        return None if fits and known.get("variant", "").startswith(variant) else f"{known['name']} is no {kind}"

    def _item(self, id_: str) -> Says:
        item = self.items.get(int(id_))
        if item is None:
            return Says(404, {"detail": f"Queue item with id {id_} not found in queue default"})
        item.polls += 1
        return Says(200, self._shown(item))

    def _shown(self, item: Item) -> dict[str, Any]:
        shown = {
            "item_id": item.id,
            "status": self._status(item),
            "batch_id": item.batch["batch_id"],
            "origin": item.batch["origin"],
            "destination": item.batch["destination"],
            "session": {"id": "s", "graph": item.graph, "results": {}},
        }
        if shown["status"] == "failed" and item.fails:
            shown |= {"error_type": item.fails[0], "error_message": item.fails[1], "error_traceback": "Traceback ..."}
        if shown["status"] == "completed":
            width, height = self._size(item.graph)
            image = {"type": "image_output", "image": {"image_name": f"{width}x{height}.png"}}
            latents = {"type": "latents_output", "latents": {"latents_name": "l"}}
            shown["session"]["results"] = {"a": latents, "b": {**image, "width": width, "height": height}}
        return shown

    def _status(self, item: Item) -> str:
        if item.is_canceled:
            return "canceled"
        if item.polls <= self.queued:
            return "pending"
        if item.polls <= self.queued + self.running:
            return "in_progress"
        return "failed" if item.fails else "completed"

    def _size(self, graph: dict[str, Any]) -> tuple[int, int]:
        """Of what a graph makes: that of its latents, which have to be those of the picture that it starts from."""
        nodes = graph["nodes"].values()
        sized = next(node for node in nodes if node["type"].endswith("denoise") or node["type"] == "noise")
        size = (sized["width"], sized["height"])
        into = {edge["destination"]["field"]: edge["source"]["node_id"] for edge in graph["edges"]}
        if "latents" in into and "denoising_start" in sized and sized["denoising_start"] > 0:
            encode = next(node for node in nodes if "image" in node and node["type"] != "flux_kontext")
            with Image.open(BytesIO(self.uploads[encode["image"]["image_name"]])) as image:
                assert image.size == size
        return size

    def _cancel(self, id_: str) -> Says:
        item = self.items.get(int(id_))
        if item is None:
            return Says(404, {"detail": f"Queue item with id {id_} not found in queue default"})
        if self._status(item) in ("pending", "in_progress"):
            item.is_canceled = True
        return Says(200, self._shown(item))

    def _upload(self, call: Call) -> Says:
        head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in BytesParser(policy=HTTP).parsebytes(head + call.body).iter_parts()  # type: ignore[attr-defined]
        }
        assert call.query["image_category"] == ["general"]
        if not parts["file"].get_content_type().startswith("image/"):
            return Says(415, {"detail": "Not an image"})
        name = f"{len(self.uploads) + 1:032x}.png"
        self.uploads[name] = parts["file"].get_payload(decode=True)
        return Says(201, {"image_name": name, "image_category": "general", "is_intermediate": True})

    def _image(self, name: str) -> Says:
        try:
            width, height = (int(side) for side in name.removesuffix(".png").split("x"))
        except ValueError:
            return Says(404, {"detail": "Not Found"})
        return Says(200, png(width, height), {"Content-Type": "image/png"})
