"""Black Forest Labs' API, after its documentation. A task is polled where its submission says, and never stops."""

import re
from dataclasses import dataclass
from typing import Any

from tests.standins.server import KEY, Call, Says, StandIn, png

_COMMON = {"prompt", "seed", "output_format", "safety_tolerance", "prompt_upsampling", "webhook_url"}
_PICTURES = {"input_image", *(f"input_image_{nth}" for nth in range(2, 9))}
_SIDES = {"width", "height"}
INPUTS = {
    "flux-dev": _COMMON | _SIDES | {"steps", "guidance", "image_prompt"},
    "flux-kontext-pro": _COMMON | {"aspect_ratio", *sorted(_PICTURES)[:4]},
    "flux-kontext-max": _COMMON | {"aspect_ratio", *sorted(_PICTURES)[:4]},
    "flux-2-pro": _COMMON | _SIDES | _PICTURES,
    "flux-2-max": _COMMON | _SIDES | _PICTURES,
    "flux-2-flex": _COMMON | _SIDES | _PICTURES | {"steps", "guidance"},
    "flux-2-klein-4b": _COMMON | _SIDES | set(sorted(_PICTURES)[:4]),
    "flux-2-klein-9b": _COMMON | _SIDES | set(sorted(_PICTURES)[:4]),
}
GRAIN = {"flux-dev": 32}


@dataclass
class Task:
    """A task under way."""

    id: str
    model: str
    input: dict[str, Any]
    polls: int = 0


class BlackForestLabs(StandIn):
    """Endpoints, polling and delivery."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[str, Task] = {}
        self.running = 0
        self.cost: Any = 3

    def phase(self, call: Call) -> str:
        if call.path == "/get_result":
            return "poll"
        return "download" if call.path.startswith("/delivery/") else "submit"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            sides = re.search(r"(\d+)x(\d+)", call.path)
            assert sides is not None
            return Says(200, png(int(sides[1]), int(sides[2])), {"Content-Type": "image/png"})
        if call.headers.get("x-key") != KEY:
            return Says(403, {"detail": "Not authenticated"})
        return self._submit(call) if phase == "submit" else self._poll(call)

    def _submit(self, call: Call) -> Says:
        model, input_ = call.path.removeprefix("/"), call.json
        if model not in INPUTS:
            return Says(404, {"detail": "Not Found"})
        if error := _complaint(model, input_):
            return Says(422, {"detail": [{"loc": ["body"], "msg": error, "type": "value_error"}]})
        task = Task(f"t{len(self.tasks) + 1:08d}", model, input_)
        self.tasks[task.id] = task
        self.started.append(task)
        # The id may or may not be in the address.
        query = f"?id={task.id}" if len(self.tasks) % 2 else ""
        return Says(200, {"id": task.id, "polling_url": f"{self.url}/get_result{query}", "cost": self.cost})

    def _poll(self, call: Call) -> Says:
        task = self.tasks.get(call.query["id"][0])
        if task is None:
            return Says(404, {"id": call.query["id"][0], "status": "Task not found", "result": None})
        task.polls += 1
        about = {"id": task.id, "progress": None, "details": None}
        if task.polls <= self.running:
            return Says(200, {"status": "Pending", "result": None, **about, "progress": 0.5})
        width, height = task.input.get("width", 1024), task.input.get("height", 1024)
        sample = f"{self.url}/delivery/{task.id}-{width}x{height}.png"
        return Says(200, {"status": "Ready", "result": {"sample": sample, "seed": task.input.get("seed")}, **about})


def _complaint(model: str, input_: dict[str, Any]) -> str | None:
    if unknown := set(input_) - INPUTS[model]:
        return f"extra inputs {unknown}"
    sides = [input_[side] for side in ("width", "height") if side in input_]
    grain = GRAIN.get(model, 16)
    if any(side % grain for side in sides):
        return f"sides are multiples of {grain}"
    return None if isinstance(input_.get("prompt"), str) else "prompt is required"
