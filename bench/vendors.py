"""Two vendors on loopback that take a while: the queue of fal.ai and the tasks of Black Forest Labs.

    python bench/vendors.py PORT SECONDS

Every run takes SECONDS. `GET /counts` tells how many were begun, how often one was asked about, and how many are done.
"""

import sys
import time
from collections import Counter
from io import BytesIO

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PORT, SECONDS = int(sys.argv[1]), float(sys.argv[2])
HERE = f"http://127.0.0.1:{PORT}"
counts: Counter[str] = Counter()
began: list[float] = []


def _begin() -> int:
    counts["begun"] += 1
    began.append(time.monotonic())
    return len(began) - 1


def _is_over(run: int) -> bool:
    return time.monotonic() - began[run] >= SECONDS


async def _fal_submit(request: Request) -> Response:
    place = f"{HERE}/requests/{_begin()}"
    urls = {"response_url": place, "status_url": f"{place}/status", "cancel_url": f"{place}/cancel"}
    return JSONResponse({"request_id": place.rpartition("/")[2], "status": "IN_QUEUE", "queue_position": 0, **urls})


async def _fal_status(request: Request) -> Response:
    counts["asked"] += 1
    is_over = _is_over(request.path_params["run"])
    return JSONResponse({"status": "COMPLETED" if is_over else "IN_PROGRESS"}, 200 if is_over else 202)


async def _fal_result(request: Request) -> Response:
    counts["done"] += 1
    return JSONResponse({"images": [{"url": f"{HERE}/picture", "width": 64, "height": 64}], "seed": 1})


async def _bfl_submit(request: Request) -> Response:
    run = _begin()
    return JSONResponse({"id": str(run), "polling_url": f"{HERE}/v1/get_result?id={run}"})


async def _bfl_result(request: Request) -> Response:
    counts["asked"] += 1
    if not _is_over(int(request.query_params["id"])):
        return JSONResponse({"id": request.query_params["id"], "status": "Pending", "result": None})
    counts["done"] += 1
    return JSONResponse({"status": "Ready", "result": {"sample": f"{HERE}/picture"}})


async def _picture(request: Request) -> Response:
    return Response(PICTURE, media_type="image/png")


async def _counts(request: Request) -> Response:
    return JSONResponse({name: counts[name] for name in ("begun", "asked", "done")})


def _drawn() -> bytes:
    out = BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(out, "PNG")
    return out.getvalue()


PICTURE = _drawn()
app = Starlette(
    routes=[
        Route("/counts", _counts),
        Route("/picture", _picture),
        Route("/requests/{run:int}/status", _fal_status),
        Route("/requests/{run:int}", _fal_result),
        Route("/v1/get_result", _bfl_result),
        Route("/v1/{model}", _bfl_submit, methods=["POST"]),
        Route("/{endpoint:path}", _fal_submit, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning")
