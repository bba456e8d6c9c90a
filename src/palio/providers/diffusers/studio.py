"""Where orders become pictures. Runs in the child; this and what it imports below are all that know torch.

order -> pipeline, loaded or resident -> LoRAs -> scheduler -> words, noise, pictures -> steps -> PNG
"""

import gc
import inspect
import io
import os
import traceback
import warnings
from collections.abc import Callable
from time import monotonic
from typing import Any

import diffusers
import torch
from PIL import Image

from palio.contract.image.job import Operation
from palio.providers.diffusers.cache import Cache, TooLarge
from palio.providers.diffusers.loading import CannotLoad, Loaded, expected_bytes, load, measured
from palio.providers.diffusers.pipelines import RECIPES, arguments
from palio.providers.diffusers.protocol import Fault, Loading, Order, Picture, Report, Setup, Step
from palio.providers.diffusers.protocol import Loaded as IsLoaded
from palio.providers.diffusers.words import TooLong, words_of

SHARE = 0.8
"""The share of a device's memory that pipelines may fill, unless the operator says how much."""
MAX_MESSAGE = 500
RESET = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
"""Of a spacing that the model's own scheduler has and that was not asked for."""

# What was computed is no picture: it would be saved as a black one.
warnings.filterwarnings("error", message="invalid value encountered in cast")

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Stopped(Exception):
    """The order is no longer wanted."""


class Studio:
    """One device, and what is loaded there. `say` tells the server, `is_stopped` whether the order is still wanted."""

    def __init__(self, setup: Setup, say: Callable[[Report], None], is_stopped: Callable[[], bool]) -> None:
        self._device = _device(setup.device)
        self._dtype = setup.dtype
        self._pickles = setup.pickles
        self._say = say
        self._is_stopped = is_stopped
        self._is_broken = False
        bound = _allowed(self._device) if setup.memory is None else setup.memory
        self._cache: Cache[Loaded] = Cache(bound, measured, self._let_go)

    def carry_out(self, order: Order) -> None:
        """Make the picture, or say why there is none. Raises SystemExit where this process can make none any more."""
        self._say(self._end(order))
        if self._is_broken:
            raise SystemExit(f"{self._device} answers nothing any more in this process")

    def _end(self, order: Order) -> Report:
        try:
            return Picture(order.id, self._made(order))
        except Stopped:
            return Fault(order.id, "it was stopped", was_stopped=True)
        except (CannotLoad, TooLarge, TooLong) as error:
            return Fault(order.id, _told(str(error)), is_incapable=True)
        except Exception as error:
            # After an error of the device itself, every call to it fails for as long as the process lives.
            self._is_broken = isinstance(error, torch.AcceleratorError)
            traceback.print_exc()
            what, ran_out = f"{type(error).__name__}: {error}", _is_out_of_memory(error)
        # Only here, where the traceback no longer holds what was being computed.
        if ran_out:
            self._cache.clear()
            return Fault(order.id, f"{self._device} ran out of memory at {order.width} x {order.height}")
        return Fault(order.id, _told(what))

    def _made(self, order: Order) -> bytes:
        self._go_on()
        recipe = RECIPES[order.pipeline.recipe]
        loaded = self._loaded(order)
        self._go_on()
        pipe = loaded.pipeline(order.operation)
        if loaded.wear(order.adapters, self._pickles):
            self._cache.measure_anew(order.pipeline.key)
        pipe.scheduler = _scheduler(loaded, order)
        given: dict[str, Any] = {**arguments(recipe, order), **words_of(pipe, recipe, order)}
        if pictures := [Image.open(io.BytesIO(data)).convert("RGB") for data in order.images]:
            given["image"] = pictures[0] if order.operation is Operation.variant else pictures
        made = pipe(
            **given,
            # On the processor, so that a seed means the same picture on every device.
            generator=torch.Generator("cpu").manual_seed(order.seed),
            callback_on_step_end=self._after_step(order),
        ).images[0]
        if made.size != (order.width, order.height):
            raise CannotLoad(f"the pipeline made {made.size[0]} x {made.size[1]} pixels, which nobody asked for")
        file = io.BytesIO()
        # What is kept is encoded again, as the job wants it.
        made.save(file, "PNG", compress_level=1)
        return file.getvalue()

    def _loaded(self, order: Order) -> Loaded:
        key = order.pipeline.key
        if (found := self._cache.find(key)) is not None:
            return found
        self._say(Loading(order.id))
        began = monotonic()
        recipe = RECIPES[order.pipeline.recipe]
        dtype = _dtype(self._dtype, recipe.half, self._device)
        loaded = self._cache.load(
            key,
            expected_bytes(order.pipeline, dtype.itemsize),
            lambda: load(order.pipeline, self._device, dtype, self._pickles),
        )
        self._say(IsLoaded(order.id, monotonic() - began, self._cache.resident))
        return loaded

    def _after_step(self, order: Order) -> Callable[[Any, int, int, dict[str, Any]], dict[str, Any]]:
        def after(pipe: Any, index: int, timestep: int, tensors: dict[str, Any]) -> dict[str, Any]:
            self._go_on()
            self._say(Step(order.id, index + 1, max(pipe.num_timesteps, index + 1)))
            return {}

        return after

    def _go_on(self) -> None:
        if self._is_stopped():
            raise Stopped

    def _let_go(self) -> None:
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        elif self._device.type == "mps":
            torch.mps.empty_cache()


def _scheduler(loaded: Loaded, order: Order) -> Any:
    """A new one for each order, since a scheduler remembers its last."""
    own = loaded.scheduler
    if order.sampler is None and order.spacing is None:
        return type(own).from_config(own.config)
    sampler = RECIPES[order.pipeline.recipe].samplers[order.sampler or "euler"]
    kind = getattr(diffusers, sampler.name)
    spacing = sampler.spacings[order.spacing] if order.spacing is not None else {}
    known = inspect.signature(kind.__init__).parameters
    reset = {name: value for name, value in RESET.items() if name in known} if spacing else {}
    return kind.from_config(own.config, **{**reset, **sampler.settings, **spacing})


def _device(chosen: str) -> torch.device:
    if chosen != "auto":
        return torch.device(chosen)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _dtype(chosen: str, half: str, device: torch.device) -> torch.dtype:
    if chosen == "auto":
        chosen = "float32" if device.type == "cpu" else half
    return DTYPES[chosen]


def _allowed(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory * SHARE)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * SHARE)


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # On the processor, and at some devices, it is told by the text alone.
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "t allocate memory" in text)


def _told(text: str) -> str:
    return " ".join(text.split())[:MAX_MESSAGE]
