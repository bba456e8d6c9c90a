"""ControlNets: which node makes what leads one out of a picture, and the part of a graph that has it lead. Pure.

Nodes are those of github Fannovel16/comfyui_controlnet_aux, and of ComfyUI itself for edges. Types of union models:
github Comfy-Org/ComfyUI v0.3.64, `comfy/cldm/control_types.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from palio.contract.air import is_air
from palio.contract.image.job import ControlNet
from palio.contract.json import Json
from palio.providers.base import Incapable
from palio.providers.comfyui.graph import Graph, Input, Output
from palio.providers.comfyui.parts import Prompts


@dataclass(frozen=True, slots=True)
class Hint:
    """The node that a preprocessor is, and the kind of ControlNet that what it makes leads."""

    node: str
    kind: str


PREPROCESSORS: Mapping[str, Hint] = {
    "canny": Hint("Canny", "canny"),
    "mlsd": Hint("M-LSDPreprocessor", "mlsd"),
    "depthZoe": Hint("Zoe-DepthMapPreprocessor", "depth"),
    "zoeDepth": Hint("Zoe-DepthMapPreprocessor", "depth"),
    "depthAnything": Hint("DepthAnythingPreprocessor", "depth"),
    "depthAnythingV2": Hint("DepthAnythingV2Preprocessor", "depth"),
    "zoeDepthAnything": Hint("Zoe_DepthAnythingPreprocessor", "depth"),
    "midasDepth": Hint("MiDaS-DepthMapPreprocessor", "depth"),
    "leresDepth": Hint("LeReS-DepthMapPreprocessor", "depth"),
    "metric3dDepth": Hint("Metric3D-DepthMapPreprocessor", "depth"),
    "softedgePidinet": Hint("PiDiNetPreprocessor", "softedge"),
    "hed": Hint("HEDPreprocessor", "softedge"),
    "teed": Hint("TEEDPreprocessor", "softedge"),
    "midasNormal": Hint("MiDaS-NormalMapPreprocessor", "normal"),
    "baeNormal": Hint("BAE-NormalMapPreprocessor", "normal"),
    "dsineNormal": Hint("DSINE-NormalMapPreprocessor", "normal"),
    "metric3dNormal": Hint("Metric3D-NormalMapPreprocessor", "normal"),
    "lineartRealistic": Hint("LineArtPreprocessor", "lineart"),
    "lineartStandard": Hint("LineartStandardPreprocessor", "lineart"),
    "lineartAnime": Hint("AnimeLineArtPreprocessor", "lineart_anime"),
    "lineartManga": Hint("Manga2Anime_LineArt_Preprocessor", "lineart_anime"),
    "anyline": Hint("AnyLineArtPreprocessor_aux", "lineart"),
    "scribble": Hint("ScribblePreprocessor", "scribble"),
    "scribbleXdog": Hint("Scribble_XDoG_Preprocessor", "scribble"),
    "scribblePidinet": Hint("Scribble_PiDiNet_Preprocessor", "scribble"),
    "fakeScribble": Hint("FakeScribblePreprocessor", "scribble"),
    "openpose": Hint("OpenposePreprocessor", "pose"),
    "dwpose": Hint("DWPreprocessor", "pose"),
    "oneformerCoco": Hint("OneFormer-COCO-SemSegPreprocessor", "segment"),
    "oneformerAde20k": Hint("OneFormer-ADE20K-SemSegPreprocessor", "segment"),
    "uniformer": Hint("UniFormer-SemSegPreprocessor", "segment"),
    "shuffle": Hint("ShufflePreprocessor", "shuffle"),
    "tile": Hint("TilePreprocessor", "tile"),
}
"""By the contract's words. For the others of these there is no node that does the same."""
UNION_TYPES: Mapping[str, str] = {
    "canny": "canny/lineart/anime_lineart/mlsd",
    "mlsd": "canny/lineart/anime_lineart/mlsd",
    "lineart": "canny/lineart/anime_lineart/mlsd",
    "lineart_anime": "canny/lineart/anime_lineart/mlsd",
    "depth": "depth",
    "softedge": "hed/pidi/scribble/ted",
    "scribble": "hed/pidi/scribble/ted",
    "normal": "normal",
    "pose": "openpose",
    "segment": "segment",
    "tile": "tile",
}
"""What a union model has to be told of what leads it."""
NODES = ("ControlNetLoader", "SetUnionControlNetType", "ControlNetApplyAdvanced")
STRONGEST = 10.0


@dataclass(frozen=True, slots=True)
class Control:
    """A ControlNet as a graph has it: its file, its type where that is a union, and what leads it.

    `given` are inputs of the node besides the picture, which is the `nth` of those that were uploaded for ControlNets.
    """

    net: ControlNet
    file: str
    union: str | None
    node: str
    given: Mapping[str, Input]
    nth: int


def hint_of(net: ControlNet) -> Hint:
    """What leads a ControlNet. Raises Incapable where that cannot be said exactly."""
    if (hint := PREPROCESSORS.get(net.preprocessor)) is None:
        raise Incapable(f"has no node for the preprocessor {net.preprocessor}")
    if net.image is None or is_air(net.image):
        raise Incapable("takes ControlNets with an image only")
    if net.mask is not None:
        raise Incapable("takes ControlNets without a mask only")
    if not 0 <= net.weight <= STRONGEST:
        raise Incapable(f"takes weights of ControlNets from 0 to {STRONGEST:g}, not {net.weight:g}")
    if not 0 <= net.start_step <= net.end_step <= 1:
        raise Incapable("takes ControlNets that start and end between 0 and 1, in this order")
    return hint


def given_inputs(schema: Mapping[str, Json], side: int) -> dict[str, Input]:
    """What a preprocessor's node is given besides the picture: what it suggests itself, and the picture's own size.

    `schema` has the inputs that it needs by name, with what the node suggests for them. `side` is in pixels.
    """
    given: dict[str, Input] = {
        name: suggested
        for name, suggested in schema.items()
        if name != "image" and isinstance(suggested, (bool, int, float, str))
    }
    return {**given, "resolution": side} if "resolution" in schema else given


def with_controls(
    graph: Graph, controls: Sequence[Control], hints: Sequence[str], prompts: Prompts, vae: Output | None = None
) -> Prompts:
    """Prompts that ControlNets lead, one after the other; `hints` are the uploaded pictures."""
    for control in controls:
        picture = graph.add("LoadImage", image=hints[control.nth])
        net = graph.add("ControlNetLoader", control_net_name=control.file)
        if control.union is not None:
            net = graph.add("SetUnionControlNetType", control_net=net, type=control.union)
        of_model: Mapping[str, Input] = {} if vae is None else {"vae": vae}
        led = graph.add(
            "ControlNetApplyAdvanced",
            of_model,
            positive=prompts.positive,
            negative=prompts.negative,
            control_net=net,
            image=graph.add(control.node, control.given, image=picture),
            strength=control.net.weight,
            start_percent=control.net.start_step,
            end_percent=control.net.end_step,
        )
        prompts = Prompts(led[0], led[1])
    return prompts
