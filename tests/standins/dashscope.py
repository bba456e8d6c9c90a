"""DashScope, after its documentation: one endpoint answers with where the picture is, another takes tasks."""

import re
from dataclasses import dataclass
from typing import Any

from tests.standins.server import KEY, Call, Says, StandIn, png

CALLS = "/services/aigc/multimodal-generation/generation"
TASKS = "/services/aigc/text2image/image-synthesis"

_PLAIN = {"n", "negative_prompt", "seed", "watermark"}
_QWEN = _PLAIN | {"size", "prompt_extend"}
FIXED = {"1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664"}


@dataclass(frozen=True)
class Model:
    """What a model takes: its parameters, its sizes if they are few, how many pictures, and whether as a task."""

    parameters: set[str]
    pictures: range
    sizes: set[str] | None = None
    is_task: bool = False


MODELS = {
    "qwen-image-3.0-pro": Model(_QWEN, range(4)),
    "qwen-image-2.0-pro": Model(_QWEN, range(4)),
    "qwen-image-2.0": Model(_QWEN, range(4)),
    "qwen-image-max": Model(_QWEN, range(1), FIXED),
    "qwen-image-plus": Model(_QWEN, range(1), FIXED, is_task=True),
    "qwen-image-edit-max": Model(_QWEN, range(1, 4)),
    "qwen-image-edit-plus": Model(_QWEN, range(1, 4)),
    "qwen-image-edit": Model(_PLAIN, range(1, 4)),
    "z-image-turbo": Model({"size", "seed", "prompt_extend"}, range(1)),
}


@dataclass
class Task:
    """A task under way."""

    id: str
    size: str
    polls: int = 0
    is_canceled: bool = False


class DashScope(StandIn):
    """Both endpoints, tasks, and where pictures are downloaded from."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[str, Task] = {}
        self.pending, self.running = 0, 0

    def phase(self, call: Call) -> str:
        if call.path.startswith("/results/"):
            return "download"
        if call.path.rstrip("/") == "/tasks":
            return "enquiry"
        if call.path.startswith("/tasks/"):
            return "cancel" if call.path.endswith("/cancel") else "poll"
        return "submit"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            sides = re.search(r"(\d+)x(\d+)", call.path)
            assert sides is not None
            return Says(200, png(int(sides[1]), int(sides[2])), {"Content-Type": "image/png"})
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return error(401, "InvalidApiKey", "Invalid API-key provided.")
        if phase == "enquiry":
            listed = [{"task_id": id_, "model_name": "qwen-image-plus"} for id_ in self.tasks]
            return Says(200, {"request_id": "r", "data": listed, "total": len(listed), "page_no": 1, "page_size": 10})
        if phase == "submit":
            return self._submit(call)
        task = self.tasks.get(call.path.split("/")[2])
        if phase == "cancel":
            return self._cancel(task)
        return self._poll(task)

    def _submit(self, call: Call) -> Says:
        asked = call.json
        model = MODELS.get(asked["model"])
        if model is None:
            return error(404, "ModelNotFound", "Model can not be found.")
        is_async = call.headers.get("x-dashscope-async") == "enable"
        if call.path != (TASKS if is_async else CALLS):
            return error(400, "InvalidParameter", "url error, please check url!")
        if is_async and not model.is_task:
            return error(403, "AccessDenied", "current user api does not support asynchronous calls")
        if complaint := _complaint(model, asked, is_async):
            return error(400, "InvalidParameter", complaint)
        self.started.append(asked)
        size = asked["parameters"].get("size", "96*64").replace("*", "x")
        if is_async:
            task = Task(f"0385dc79-{len(self.tasks):04d}", size)
            self.tasks[task.id] = task
            return told({"task_status": "PENDING", "task_id": task.id})
        content: list[dict[str, str]] = [{"image": self._url(len(self.started), size)}]
        if asked["parameters"].get("prompt_extend"):
            content.insert(0, {"text": "what it made of the prompt"})
        choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        return told({"choices": [choice]})

    def _poll(self, task: Task | None) -> Says:
        if task is None:
            return told({"task_id": "x", "task_status": "UNKNOWN"})
        task.polls += 1
        if task.is_canceled:
            return told({"task_id": task.id, "task_status": "CANCELED"})
        if task.polls <= self.pending:
            return told({"task_id": task.id, "task_status": "PENDING"})
        if task.polls <= self.pending + self.running:
            return told({"task_id": task.id, "task_status": "RUNNING"})
        result = {"orig_prompt": "x", "actual_prompt": "y", "url": self._url(len(self.started), task.size)}
        return told({"task_id": task.id, "task_status": "SUCCEEDED", "results": [result]})

    def _cancel(self, task: Task | None) -> Says:
        if task is None or task.is_canceled or task.polls > self.pending:
            return error(400, "UnsupportedOperation", "Failed to cancel the task, please confirm its status.")
        task.is_canceled = True
        return Says(200, {"request_id": "r"})

    def _url(self, nth: int, size: str) -> str:
        return f"{self.url}/results/{nth}-{size}.png?Expires=1795086400"


def error(status: int, code: str, message: str) -> Says:
    """A failure as DashScope tells it."""
    return Says(status, {"code": code, "message": message, "request_id": "r"})


def told(output: dict[str, Any]) -> Says:
    """An answer with an output."""
    return Says(200, {"request_id": "r", "output": output, "usage": {"image_count": 1}})


def _complaint(model: Model, asked: dict[str, Any], is_async: bool) -> str | None:
    if extra := set(asked) - {"model", "input", "parameters"}:
        return f"unknown members {sorted(extra)}"
    parameters = asked["parameters"]
    if unknown := set(parameters) - model.parameters:
        return f"unknown parameters {sorted(unknown)}"
    if size := parameters.get("size"):
        width, height = map(int, size.split("*"))
        if model.sizes is not None and size not in model.sizes:
            return f"size must be one of {sorted(model.sizes)}"
        if not 512 * 512 <= width * height <= 2048 * 2048:
            return "size is out of range"
    if is_async:
        return None if set(asked["input"]) <= {"prompt", "negative_prompt"} else "unknown inputs"
    (message,) = asked["input"]["messages"]
    texts = [part for part in message["content"] if set(part) == {"text"}]
    pictures = [part for part in message["content"] if set(part) == {"image"}]
    if message["role"] != "user" or len(texts) != 1 or len(pictures) not in model.pictures:
        return "content must be one text, and as many images as the model takes"
    return None
