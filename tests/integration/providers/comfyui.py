"""ComfyUI's rows as they look on the wire."""

from tests.integration.providers.vendors import PROMPT, Sample, Vendor, job
from tests.standins.comfyui import ComfyUI
from tests.standins.server import Says

from palio.providers.base import Incapable, Lost, RunFailed
from palio.providers.hosted.signals import Phase


def entry(prompt_id: str) -> list[object]:
    return [0, prompt_id, {}, {}, []]


def history(*messages: list[object]) -> Says:
    status = {"status_str": "error", "completed": False, "messages": list(messages)}
    return Says(200, {PROMPT: {"outputs": {}, "status": status}})


OUT_OF_MEMORY = {"node_type": "KSampler", "exception_type": "torch.OutOfMemoryError", "exception_message": "out of it"}
NO_FILE = {"errors": [{"type": "value_not_in_list", "details": "unet_name: 'x'"}], "class_type": "UNETLoader"}

COMFYUI = Vendor(
    kind="comfyui",
    stand_in=ComfyUI,
    job=job(engine="z-image"),
    seen_in_passing=("prompt_id", "not in the queue", "success"),
    samples=(
        Sample(
            "invalid graph", Phase.submit, Says(400, {"error": {"type": "x"}, "node_errors": {"1": NO_FILE}}), Incapable
        ),
        Sample("queue_running", Phase.poll, Says(200, {"queue_running": [entry(PROMPT)], "queue_pending": []})),
        Sample(
            "queue_pending", Phase.poll, Says(200, {"queue_running": [entry("x")], "queue_pending": [entry(PROMPT)]})
        ),
        Sample("interrupted", Phase.result, history(["execution_interrupted", {}]), RunFailed),
        Sample("execution_error", Phase.result, history(["execution_error", OUT_OF_MEMORY]), RunFailed),
        Sample("not in the history", Phase.result, Says(200, {}), Lost),
        Sample("no longer running", Phase.cancel, Says(200, {})),
    ),
)
