"""Pipelines from files on this machine, and from nowhere else. Runs in the child."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import safe_open

from palio.contract.image.job import Operation
from palio.providers.diffusers.pipelines import RECIPES, Recipe
from palio.providers.diffusers.protocol import Adapter, Pipeline

diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]

HEAD_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
"""The bound that the format itself sets."""
DOWN = (
    ".lora_down.weight",
    ".lora_A.weight",
    ".lora.down.weight",
    "_lora.down.weight",
    ".lora_linear_layer.down.weight",
)
"""How the first half of a LoRA's layer is called, in the forms that there are."""
UNLOADABLE = (
    *(OSError, ValueError, KeyError, AttributeError, ImportError, SingleFileComponentError),
    # For layers that are not in the file.
    NotImplementedError,
)
"""What libraries raise for folders that lack a part, or files of another model."""
PICKLED = (".bin", ".ckpt", ".pt", ".pth")


class CannotLoad(Exception):
    """Files that are no such pipeline or LoRA."""


@dataclass(slots=True)
class Loaded:
    """A pipeline that is there, and what it wears. All its variants share their parts."""

    recipe: Recipe
    first: Any
    scheduler: Any
    """The model's own, never run."""
    _others: dict[str, Any] = field(default_factory=dict)
    _worn: tuple[tuple[str, int], ...] = ()
    """Paths, and when the files were changed: who trains a LoRA writes it again and again."""

    def pipeline(self, operation: Operation) -> Any:
        """The pipeline that does what is asked for."""
        name = self.recipe.classes[operation]
        if name == type(self.first).__name__:
            return self.first
        if name not in self._others:
            # Not by `from_pipe`, which would cast parts that have a dtype of their own.
            other = getattr(diffusers, name)(**{**self.first.components, **(self.recipe.loaded_with or {})})
            other.set_progress_bar_config(disable=True)
            self._others[name] = other
        return self._others[name]

    def wear(self, adapters: Sequence[Adapter], pickles: bool) -> bool:
        """These LoRAs and no others; whether it wore others before. Raises CannotLoad."""
        files = tuple((adapter.path, _changed_at(Path(adapter.path))) for adapter in adapters)
        names = [f"lora{nth}" for nth in range(len(files))]
        if is_changed := files != self._worn:
            self._take_off()
            try:
                for name, file in zip(names, files, strict=True):
                    self._put_on(name, file, pickles)
            except BaseException:
                self._take_off()
                raise
        if files:
            self.first.set_adapters(names, [adapter.strength for adapter in adapters])
        return is_changed

    def _put_on(self, name: str, file: tuple[str, int], pickles: bool) -> None:
        path = Path(file[0])
        _check_kind(path, pickles)
        keys = _keys(path)
        if any("dora_scale" in key for key in keys):
            raise CannotLoad(f"{path.name} is a DoRA, of which diffusers would leave out a part")
        self._worn = (*self._worn, file)
        try:
            self.first.load_lora_weights(
                str(path.parent),
                weight_name=path.name,
                adapter_name=name,
                local_files_only=True,
                use_safetensors=path.suffix not in PICKLED,
            )
        except Exception as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise CannotLoad(f"the LoRA {path.name} does not fit the model: {error}") from error
        # The library leaves out what it does not know, and says so to nobody who could hear it.
        if (applied := self._layers_with(name)) == 0:
            raise CannotLoad(f"the LoRA {path.name} has nothing for this kind of model")
        if applied < (held := sum(key.endswith(DOWN) for key in keys)):
            raise CannotLoad(f"of the LoRA {path.name} only {applied} of {held} layers fit the model")

    def _layers_with(self, name: str) -> int:
        modules = [part for part in self.first.components.values() if isinstance(part, torch.nn.Module)]
        return sum(name in getattr(layer, "lora_A", {}) for module in modules for layer in module.modules())

    def _take_off(self) -> None:
        if self._worn:
            self.first.unload_lora_weights()
            self._worn = ()


def load(pipeline: Pipeline, device: torch.device, dtype: torch.dtype, pickles: bool) -> Loaded:
    """Load a pipeline onto a device. Raises CannotLoad."""
    recipe = RECIPES[pipeline.recipe]
    try:
        pipe = _read(recipe, pipeline, dtype, pickles)
    except UNLOADABLE as error:
        where = Path(pipeline.files.get("transformer") or pipeline.files["pipeline"])
        # Whose job it is does not see where files lie.
        why = str(error).replace(f"{where.parent}/", "")
        raise CannotLoad(f"{where.name} cannot be loaded: {why}") from error
    if loaded_with := recipe.loaded_with:
        # A file cannot say otherwise.
        pipe.register_to_config(**{name: value for name, value in loaded_with.items() if value is not None})
    pipe.set_progress_bar_config(disable=True)
    return Loaded(recipe, pipe.to(device), pipe.scheduler)


def measured(loaded: Loaded) -> int:
    """The bytes of its weights."""
    modules = [part for part in loaded.first.components.values() if isinstance(part, torch.nn.Module)]
    return sum(
        tensor.numel() * tensor.element_size()
        for module in modules
        for tensors in (module.parameters(), module.buffers())
        for tensor in tensors
    )


def expected_bytes(pipeline: Pipeline, itemsize: int) -> int:
    """How many bytes a pipeline's weights will have at so many bytes a number, from the heads of its files.

    Raises CannotLoad.
    """
    for path in pipeline.files.values():
        if not Path(path).exists():
            raise CannotLoad(f"{Path(path).name} is not there")
    return sum(_numbers(file) * itemsize for file in set(_weights(pipeline)))


def _read(recipe: Recipe, pipeline: Pipeline, dtype: torch.dtype, pickles: bool) -> Any:
    whole = Path(pipeline.files["pipeline"])
    kind = getattr(diffusers, next(iter(recipe.classes.values())))
    given: dict[str, Any] = {"dtype": dtype, "local_files_only": True, **(recipe.loaded_with or {})}
    if whole.is_file():
        _check_kind(whole, pickles)
        if not hasattr(kind, "from_single_file"):
            raise CannotLoad(f"{whole.name} is one file; a pipeline of this family has to be a folder")
        if (config := pipeline.files.get("config")) is None:
            raise CannotLoad(f"{whole.name} is one file; `config` has to name the folder that describes its parts")
        return kind.from_single_file(str(whole), config=config, **given)
    if (file := pipeline.files.get("transformer")) is not None and recipe.transformer is not None:
        _check_kind(Path(file), pickles)
        part = getattr(diffusers, recipe.transformer)
        given["transformer"] = part.from_single_file(
            file, config=str(whole), subfolder="transformer", dtype=dtype, local_files_only=True
        )
    # None lets the library choose, and take pickles where there is nothing else.
    return kind.from_pretrained(str(whole), use_safetensors=None if pickles else True, **given)


def _check_kind(path: Path, pickles: bool) -> None:
    if path.suffix == ".safetensors" or (pickles and path.suffix in PICKLED):
        return
    if path.suffix in PICKLED:
        raise CannotLoad(f"{path.name} may hold a program; `pickles = true` allows such files")
    raise CannotLoad(f"{path.name} is no safetensors file")


def _weights(pipeline: Pipeline) -> Iterator[Path]:
    whole = Path(pipeline.files["pipeline"])
    if whole.is_file():
        yield whole
        return
    file = pipeline.files.get("transformer")
    for folder in whole.iterdir():
        if not folder.is_dir() or folder.name == "safety_checker" or (file and folder.name == "transformer"):
            continue
        # Variants such as `model.fp16.safetensors` stand beside what is loaded.
        yield from (path for path in folder.glob("*.safetensors") if path.stem.count(".") == 0)
    if file:
        yield Path(file)


def _numbers(file: Path) -> int:
    if file.suffix != ".safetensors":
        return file.stat().st_size // 4
    return sum(prod(tensor["shape"]) for name, tensor in _header(file).items() if name != "__metadata__")


def _header(file: Path) -> dict[str, dict[str, Any]]:
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(HEAD_BYTES), "little")
        if size > MAX_HEADER_BYTES:
            raise CannotLoad(f"{file.name} is no safetensors file")
        try:
            header = json.loads(stream.read(size))
        except ValueError:
            raise CannotLoad(f"{file.name} is no safetensors file") from None
    if not isinstance(header, dict):
        raise CannotLoad(f"{file.name} is no safetensors file")
    return header


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        raise CannotLoad(f"the LoRA {path.name} is not there") from None


def _keys(path: Path) -> list[str]:
    try:
        if path.suffix != ".safetensors":
            # Without their numbers, and nothing in it is run.
            layers = torch.load(path, map_location="meta", weights_only=True)
            return list(layers.get("state_dict", layers))
        with safe_open(str(path), framework="pt") as file:
            return list(file.keys())
    except Exception as error:
        raise CannotLoad(f"the LoRA {path.name} cannot be read: {error}") from error
