"""Runware's API, after its documentation and its Python client: tasks in an array, over HTTP or a websocket.

A parameter that a model does not declare is refused, as is an id that was used before.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.standins.server import KEY, Call, Says, StandIn, png

_TASK = {"taskType", "taskUUID", "deliveryMethod", "numberResults", "outputType", "outputFormat", "includeCost"}
_TASK |= {"model", "positivePrompt"}
_SIDES = {"width", "height"}
_OWN = _TASK | _SIDES | {"seed", "steps", "CFGScale"}
_REFERENCES = {"inputs.referenceImages"}
CHECKPOINT = "civitai:MODEL@VERSION"
INPUTS = {
    CHECKPOINT: _OWN | {"negativePrompt", "scheduler", "clipSkip", "seedImage", "strength", "lora"},
    "runware:100@1": _OWN | {"lora"},
    "runware:101@1": _OWN | {"lora", "seedImage", "strength"},
    "runware:106@1": _OWN | _REFERENCES | {"negativePrompt"},
    "bfl:3@1": _TASK | _SIDES | _REFERENCES,
    "bfl:4@1": _TASK | _SIDES | _REFERENCES,
    "runware:400@1": _OWN | _REFERENCES,
    **{f"runware:400@{nth}": _OWN | _REFERENCES | {"negativePrompt"} for nth in (2, 3, 4, 5)},
    "bfl:5@1": _TASK | _SIDES | _REFERENCES,
    "bfl:6@1": _TASK | _SIDES | _REFERENCES | {"steps", "CFGScale"},
    "bfl:7@1": _TASK | _SIDES | _REFERENCES,
    "runware:z-image@turbo": _OWN,
    "runware:z-image@0": _OWN | {"negativePrompt"},
    "alibaba:qwen-image@2512": _OWN | {"negativePrompt"},
    "runware:108@22": _OWN | _REFERENCES | {"negativePrompt"},
    "alibaba:qwen-image@2.0": _TASK | _SIDES | _REFERENCES | {"settings.promptExtend"},
    "alibaba:qwen-image@2.0-pro": _TASK | _SIDES | _REFERENCES | {"settings.promptExtend"},
    "bytedance:5@0": _TASK | _SIDES | _REFERENCES,
    "bytedance:seedream@4.5": _TASK | _SIDES | _REFERENCES,
    "bytedance:seedream@5.0-lite": _TASK | _SIDES | _REFERENCES,
    "bytedance:seedream@5.0-pro": _TASK | _SIDES | _REFERENCES,
    "xai:grok-imagine@image": _TASK | _SIDES | _REFERENCES | {"resolution"},
}
"""What each model declares."""
KONTEXT = {(1568, 672), (1392, 752), (1248, 832), (1184, 880), (1024, 1024)}
SIZES = dict.fromkeys(("runware:106@1", "bfl:3@1", "bfl:4@1"), KONTEXT | {(height, width) for width, height in KONTEXT})
PIXELS = {
    "bytedance:5@0": (921_600, 16_777_216),
    "bytedance:seedream@4.5": (3_686_400, 16_777_216),
    "bytedance:seedream@5.0-lite": (3_686_400, 9_437_184),
    "bytedance:seedream@5.0-pro": (921_600, 4_624_220),
}
SCHEDULERS = {"Euler", "Euler Karras", "Euler a", "Heun", "Heun Karras", "DDIM", "DDPMScheduler", "LCM", "LMS", "UniPC"}
SCHEDULERS |= {"DPM++ 2M", "DPM++ 2M Karras", "DPM++ 2M SDE", "DPM++ 2M SDE Karras", "DPM++ SDE", "DPM++ SDE Karras"}
SCHEDULERS |= {"KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DEISMultistepScheduler", "TCDScheduler"}
_CIVITAI = re.compile(r"civitai:\d+@\d+")


@dataclass
class Task:
    """A task under way; `fails` is the error that it ends with, if not well."""

    id: str
    model: str
    input: dict[str, Any]
    polls: int = 0
    fails: dict[str, Any] | None = None


@dataclass
class Runware(StandIn):
    """The one address, and where pictures are downloaded from."""

    queued: int = 0
    running: int = 0
    """How many times a task is said to be queued, and then processing."""
    fails: dict[str, Any] | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    """Tasks that polling no longer knows."""

    def __post_init__(self) -> None:
        super().__init__()

    def phase(self, call: Call) -> str:
        if call.path.startswith("/image/"):
            return "download"
        names = {"imageInference": "submit", "getResponse": "poll", "getTaskDetails": "details"}
        return names[call.json[0]["taskType"]]

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            sides = re.search(r"(\d+)x(\d+)\.png", call.path)
            assert sides is not None
            return Says(200, png(int(sides[1]), int(sides[2])), {"Content-Type": "image/png"})
        assert (call.method, call.path) == ("POST", "/v1")
        if call.headers.get("authorization") != f"Bearer {KEY}":
            error = _error("invalidApiKey", "Invalid API key", {"taskType": "authentication"}, "apiKey")
            return Says(401, {"errors": [error]})
        told = self.told(call.json)
        return Says(400 if told["errors"] else 200, told)

    def told(self, tasks: list[dict[str, Any]]) -> dict[str, Any]:
        """What is said to an array of tasks, however it came."""
        data: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for task in tasks:
            about = {"taskType": task["taskType"], "taskUUID": task["taskUUID"]}
            said = {
                "imageInference": self._submitted,
                "getResponse": self._response,
                "getTaskDetails": self._details,
            }[task["taskType"]](task)
            (errors if "code" in said else data).append(about | said)
        return {"data": data, "errors": errors}

    def _submitted(self, input_: dict[str, Any]) -> dict[str, Any]:
        id_ = input_["taskUUID"]
        if id_ in self.tasks:
            return _error("conflictTaskUUID", "This id was used before", input_, "taskUUID")
        if complaint := _complaint(input_):
            return complaint
        task = Task(id_, input_["model"], input_, fails=self.fails)
        self.tasks[id_] = task
        self.started.append(task)
        return {}

    def _response(self, asked: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks.get(asked["taskUUID"])
        if task is None or task.id in self.forgotten:
            return _error("taskNotFound", "There is no such task", asked, "taskUUID")
        task.polls += 1
        if task.polls <= self.queued:
            return {"taskType": "imageInference", "status": "queued"}
        if task.polls <= self.queued + self.running:
            return {"taskType": "imageInference", "status": "processing"}
        if task.fails is not None:
            return {**_error("", "", task.input), **task.fails}
        width, height = task.input.get("width", 1024), task.input.get("height", 1024)
        return {
            "taskType": "imageInference",
            "status": "success",
            "imageUUID": task.id,
            "imageURL": f"{self.url}/image/{task.id}-{width}x{height}.png",
            "seed": task.input.get("seed", 1),
            "cost": 0.0026,
        }

    def _details(self, asked: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks.get(asked["taskUUID"])
        if task is None:
            return _error("taskNotFound", "There is no such task", asked, "taskUUID")
        return {"request": [task.input], "response": {}}


def _error(code: str, message: str, task: dict[str, Any], parameter: str = "") -> dict[str, Any]:
    about = {name: task[name] for name in ("taskType", "taskUUID") if name in task}
    return {**about, "code": code, "message": message, "parameter": parameter}


def _complaint(task: dict[str, Any]) -> dict[str, Any] | None:
    model, sides = task["model"], (task.get("width"), task.get("height"))
    is_checkpoint = _CIVITAI.fullmatch(model) is not None
    if not is_checkpoint and model not in INPUTS:
        return _error("modelNotFound", f"There is no {model}", task, "model")
    if UUID(task["taskUUID"]).version != 4:
        return _error("invalidTaskUUID", "A task's id is a UUID v4", task, "taskUUID")
    if unknown := set(_paths(task)) - INPUTS[CHECKPOINT if is_checkpoint else model]:
        return _error("unsupportedParameter", f"{model} takes no {sorted(unknown)}", task)
    if model in SIZES and sides not in SIZES[model]:
        return _error("invalidWidth", f"{model} makes no {sides}", task, "width")
    least, most = PIXELS.get(model, (1, 16_777_216))
    if not ("resolution" in task or least <= sides[0] * sides[1] <= most):
        return _error("invalidPixels", f"{sides} is not {least} to {most} pixels", task)
    if "resolution" in task and "width" in task:
        return _error("incompatibleParameters", "either a resolution or a size", task)
    if "scheduler" in task and task["scheduler"] not in SCHEDULERS:
        return _error("invalidScheduler", f"there is no {task['scheduler']}", task, "scheduler")
    if any(
        lora.keys() != {"model", "weight"} or not _CIVITAI.fullmatch(lora["model"]) for lora in task.get("lora", [])
    ):
        return _error("invalidLora", "a LoRA is an AIR and a weight", task, "lora")
    return None


def _paths(task: dict[str, Any]) -> list[str]:
    """The names of the parameters, those of objects as `inputs.referenceImages`."""
    return [
        path
        for name, value in task.items()
        for path in ([f"{name}.{below}" for below in value] if isinstance(value, dict) else [name])
    ]
