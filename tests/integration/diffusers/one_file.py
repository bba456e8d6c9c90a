"""A checkpoint of SD 1.x as one file, with the names that its layers had at first, as model sites have them."""

import re
from pathlib import Path

from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

RESNET = {
    **{"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3"},
    **{"time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"},
}
OUTER = {
    **{"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"},
    **{"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2"},
    **{"mid_block.resnets.0": "middle_block.0", "mid_block.resnets.1": "middle_block.2"},
    "mid_block.attentions.0": "middle_block.1",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def save_as_one_file(pipe: StableDiffusionPipeline, file: Path) -> None:
    """Save a pipeline with one layer to a block."""
    parts = [
        {f"model.diffusion_model.{of_unet(name)}": tensor for name, tensor in pipe.unet.state_dict().items()},
        {f"first_stage_model.{of_vae(name)}": tensor for name, tensor in pipe.vae.state_dict().items()},
        {
            f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}": tensor
            for name, tensor in pipe.text_encoder.state_dict().items()
        },
    ]
    save_file({name: tensor.contiguous() for part in parts for name, tensor in part.items()}, file)


def of_unet(name: str) -> str:
    """What a layer of the UNet was called."""

    def moved(found: re.Match[str]) -> str:
        side, block, kind, nth = found[1], int(found[2]), found[3], int(found[4])
        first = 2 * block + (1 if side == "down" else 0)
        if kind == "downsamplers":
            return f"input_blocks.{first + 1}.0.op"
        if kind == "upsamplers":
            return f"output_blocks.{first + 1}.{2 if block == 0 else 1}.conv"
        return f"{'input' if side == 'down' else 'output'}_blocks.{first + nth}.{0 if kind == 'resnets' else 1}"

    is_resnet = ".resnets." in name
    name = re.sub(r"^(down|up)_blocks\.(\d)\.(\w+)\.(\d)(\.conv)?(?=\.)", moved, name)
    name = replaced(name, OUTER)
    return replaced(name, RESNET) if is_resnet else name


def of_vae(name: str) -> str:
    """What a layer of the VAE was called."""
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{LAST_UP - int(found[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{LAST_UP - int(found[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        name = replaced(name.replace("mid_block.attentions.0", "mid.attn_1"), ATTENTION)
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


LAST_UP = 3
"""The VAE's blocks are counted from the other end."""


def replaced(name: str, words: dict[str, str]) -> str:
    """A name with one part of it replaced."""
    for word, other in words.items():
        if re.search(rf"(^|\.){re.escape(word)}(?=\.)", name):
            return re.sub(rf"(^|\.){re.escape(word)}(?=\.)", rf"\g<1>{other}", name)
    return name
