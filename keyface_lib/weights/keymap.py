"""Names of the tensors: diffusers' Stable Video Diffusion classes <-> the released checkpoints.

The released names are the ones on disk, whatever the file; diffusers' names exist only inside the loaded
modules. Sizes are the dictionaries of `architecture.unet_sizes` and `architecture.vae_sizes`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import torch

from ..errors import KeyFaceError
from .architecture import BLOCKS, LEVELS, decoder_blocks

_UNET_RESNET = {
    "spatial_res_block.norm1": "in_layers.0",
    "spatial_res_block.conv1": "in_layers.2",
    "spatial_res_block.time_emb_proj": "emb_layers.1",
    "spatial_res_block.norm2": "out_layers.0",
    "spatial_res_block.conv2": "out_layers.3",
    "spatial_res_block.conv_shortcut": "skip_connection",
    "temporal_res_block.norm1": "time_stack.in_layers.0",
    "temporal_res_block.conv1": "time_stack.in_layers.2",
    "temporal_res_block.time_emb_proj": "time_stack.emb_layers.1",
    "temporal_res_block.norm2": "time_stack.out_layers.0",
    "temporal_res_block.conv2": "time_stack.out_layers.3",
}
_TRANSFORMER = {
    "temporal_transformer_blocks": "time_stack",
    "time_pos_embed.linear_1": "time_pos_embed.0",
    "time_pos_embed.linear_2": "time_pos_embed.2",
}
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_RESNET = {
    "spatial_res_block.conv_shortcut": "nin_shortcut",
    "spatial_res_block.": "",
    "conv_shortcut": "nin_shortcut",
    "temporal_res_block.norm1": "time_stack.in_layers.0",
    "temporal_res_block.conv1": "time_stack.in_layers.2",
    "temporal_res_block.norm2": "time_stack.out_layers.0",
    "temporal_res_block.conv2": "time_stack.out_layers.3",
    "time_mixer.mix_factor": "mix_factor",
}
_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    # as older versions of diffusers call them
    "query": "q",
    "key": "k",
    "value": "v",
    "proj_attn": "proj_out",
}
_VAE_ENDS = {
    "encoder.conv_norm_out": "encoder.norm_out",
    "decoder.conv_norm_out": "decoder.norm_out",
    "decoder.time_conv_out": "decoder.conv_out.time_mix_conv",
}

_Block = tuple[str, str, dict[str, str]]


def unet_key_map(diffusers_keys: list[str], sizes: dict) -> dict[str, str]:
    """{diffusers key: released key below `model.diffusion_model.`} of a UNet of the given sizes."""
    return _key_map(diffusers_keys, [*_unet_blocks(sizes)], _UNET_ENDS)


def vae_key_map(diffusers_keys: list[str], sizes: dict) -> dict[str, str]:
    """{diffusers key: released key below `first_stage_model.`} of a VAE of the given sizes."""
    return _key_map(diffusers_keys, [*_vae_blocks(sizes)], _VAE_ENDS)


def from_diffusers_vae(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A VAE file in diffusers' names, SVD's or Stable Diffusion 1.x's, under the released names.

    Raises:
        KeyFaceError: it has more blocks than any VAE.
    """
    levels = _captured(r"encoder\.down_blocks\.(\d+)\.", tensors)
    layers = _captured(r"encoder\.down_blocks\.0\.resnets\.(\d+)\.norm1\.weight", tensors)
    if len(levels) > LEVELS or len(layers) > BLOCKS:
        raise KeyFaceError(
            f"the VAE has {len(levels)} levels and {len(layers)} blocks in each; there are at most {LEVELS} "
            f"and {BLOCKS}: this is a checkpoint of another architecture"
        )
    sizes = {"ch_mult": [1] * len(levels), "num_res_blocks": len(layers)}
    names = vae_key_map(list(tensors), sizes)
    return {names[name]: tensor for name, tensor in tensors.items()}


def _captured(pattern: str, names: Iterable[str]) -> set[str]:
    return {match[1] for match in map(re.compile(pattern).match, names) if match}


def _key_map(keys: list[str], blocks: list[_Block], ends: dict[str, str]) -> dict[str, str]:
    return {key: _released_key(key, blocks, ends) for key in keys}


def _released_key(key: str, blocks: list[_Block], ends: dict[str, str]) -> str:
    for ours, released, leaves in blocks:
        if key.startswith(ours + "."):
            return f"{released}.{_rename(key[len(ours) + 1 :], leaves)}"
    return _rename(key, ends)


def _rename(key: str, names: dict[str, str]) -> str:
    for ours, released in names.items():
        if key.startswith(ours):
            return released + key[len(ours) :]
    return key


def _unet_blocks(sizes: dict) -> Iterator[_Block]:
    """Every block of the UNet with its two prefixes; the released names number them in one sequence."""
    levels, layers = len(sizes["channel_mult"]), sizes["num_res_blocks"]
    index = 0
    for level in range(levels):
        for layer in range(layers):
            index += 1
            yield f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{index}.0", _UNET_RESNET
            yield f"down_blocks.{level}.attentions.{layer}", f"input_blocks.{index}.1", _TRANSFORMER
        if level < levels - 1:
            index += 1
            yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{index}.0.op", {}
    yield "mid_block.resnets.0", "middle_block.0", _UNET_RESNET
    yield "mid_block.attentions.0", "middle_block.1", _TRANSFORMER
    yield "mid_block.resnets.1", "middle_block.2", _UNET_RESNET
    for level in range(levels):
        attends = 2 ** (levels - 1 - level) in sizes["attention_resolutions"]
        for layer in range(layers + 1):
            index = level * (layers + 1) + layer
            yield f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{index}.0", _UNET_RESNET
            yield f"up_blocks.{level}.attentions.{layer}", f"output_blocks.{index}.1", _TRANSFORMER
        upsampler = f"output_blocks.{index}.{2 if attends else 1}.conv"
        yield f"up_blocks.{level}.upsamplers.0.conv", upsampler, {}


def _vae_blocks(sizes: dict) -> Iterator[_Block]:
    levels, layers, in_decoder = len(sizes["ch_mult"]), sizes["num_res_blocks"], decoder_blocks(sizes)
    for side in ("encoder", "decoder"):
        for block in range(2):
            yield f"{side}.mid_block.resnets.{block}", f"{side}.mid.block_{block + 1}", _VAE_RESNET
        yield f"{side}.mid_block.attentions.0", f"{side}.mid.attn_1", _VAE_ATTENTION
    for level in range(levels):
        down, up = f"encoder.down.{level}", f"decoder.up.{levels - 1 - level}"
        yield f"encoder.down_blocks.{level}.downsamplers.0.conv", f"{down}.downsample.conv", {}
        yield f"decoder.up_blocks.{level}.upsamplers.0.conv", f"{up}.upsample.conv", {}
        for layer in range(layers):
            yield f"encoder.down_blocks.{level}.resnets.{layer}", f"{down}.block.{layer}", _VAE_RESNET
        for layer in range(in_decoder):
            yield f"decoder.up_blocks.{level}.resnets.{layer}", f"{up}.block.{layer}", _VAE_RESNET
