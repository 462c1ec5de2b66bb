"""What a state dict with released names is, read off its tensors: its role and the sizes of its networks.

Nothing is read but names and shapes, so tensors on the meta device will do. Files may come from anybody:
names and shapes of any kind end in sizes, a role or a `KeyFaceError`, and no number in them decides how long
that takes.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch

from ..errors import KeyFaceError
from ..messages import one_line, shown

NETWORKS = ("keyframe", "interpolation", "reduced")
ENCODERS = ("wavlm", "beats", "wav2vec2")
"""The audio encoders that come in files; their names are roles of files and what networks say they hear."""
ROLES = (*NETWORKS, "vae", *ENCODERS, "svd")
LATENT_CHANNELS = 4
IN_CHANNELS = {"keyframe": 2 * LATENT_CHANNELS, "interpolation": 2 * LATENT_CHANNELS + 1}
IN_CHANNELS["reduced"] = IN_CHANNELS["interpolation"]
"""Of the UNets: the noised latent, the condition, and in the interpolation whether a frame is given."""
GROUPS = 32
"""Of every group norm: widths are multiples of it."""
LEVELS, BLOCKS, WIDEST = 8, 16, 2**16
"""What no network has more of: levels, residual blocks in one, and channels."""

UNET = "model.diffusion_model."
VAE = "first_stage_model."
LEARNED_MASK = "model.learned_mask"
PROJECTION = {"keyframe": "conditioner.embedders.3.linear", "interpolation": "conditioner.embedders.1.linear"}
"""Where the audio layer stands among the released code's conditioners."""
EMOTION_DIM = 512
"""Width of the vector input's emotion part: sinusoidal embeddings of valence and of arousal, 256 each."""
RELEASED_HEAD_CHANNELS = 64
RELEASED_LATENT_SIZE = 64
RELEASED_VAE_FACTOR = 8

StateDict = Mapping[str, torch.Tensor]

_INPUT = UNET + "input_blocks.0.0.weight"
_LABEL = UNET + "label_emb.0.0.weight"
_CONTEXT = UNET + "middle_block.1.transformer_blocks.0.attn2.to_k.weight"
_PROJECTION = re.compile(r"conditioner\.embedders\.\d+\.linear\.weight")
_NOT_LOADED = re.compile(r"conditioner\.embedders\.\d+\.encoder\.|model_ema\.|(first_stage_model\.)?loss\.")
_ENCODERS = {
    "beats": "patch_embedding.weight",
    "wavlm": "encoder.layers.0.self_attn.grep_linear.weight",
    "wav2vec2": "wav2vec2.feature_projection.projection.weight",
}
"""A tensor only this audio encoder has; BEATs has WavLM's as well."""


def role_of(state_dict: StateDict) -> str | None:
    """What the tensors make up, whatever their file is called.

    Returns:
        "keyframe", "interpolation", "reduced", "vae", "wavlm", "beats", "wav2vec2", "svd" (Stable Video
        Diffusion itself, where training starts) or None.
    """
    if any(name.startswith(UNET) for name in state_dict):
        return _network_role(state_dict)
    if any(name.startswith((VAE, "encoder.down.", "decoder.up.")) for name in state_dict):
        return "vae"
    return next((role for role, name in _ENCODERS.items() if name in state_dict), None)


def unet_sizes(state_dict: StateDict, num_head_channels: int = RELEASED_HEAD_CHANNELS) -> dict:
    """The UNet's sizes, as its metadata holds them.

    Args:
        num_head_channels: width of an attention head, which no tensor shows.

    Returns:
        model_channels, channel_mult (one per level), num_res_blocks (per level), attention_resolutions (the
        downsampling factors, largest first, at which it attends), num_head_channels, context_dim,
        audio_dim, in_channels and vector_dim.

    Raises:
        KeyFaceError: a tensor that shows a size is missing, or the levels differ in their blocks.
    """
    blocks = _blocks(state_dict, UNET + "input_blocks.", LEVELS * (BLOCKS + 1))
    model_channels = _width(state_dict, UNET + "time_embed.0.weight")
    channels, counts, attention = [0], [0], [False]
    for index in range(1, max(blocks, default=0) + 1):
        block = UNET + f"input_blocks.{index}."
        if "0.op.weight" in blocks[index]:
            channels.append(0)
            counts.append(0)
            attention.append(False)
            continue
        channels[-1] = _width(state_dict, block + "0.out_layers.3.weight", 0)
        counts[-1] += 1
        attention[-1] |= any(name.startswith("1.") for name in blocks[index])
    if len(counts) > LEVELS or max(counts) > BLOCKS:
        raise KeyFaceError(
            f"the UNet has {len(counts)} levels and up to {max(counts)} blocks in each: too many"
        )
    if len(set(counts)) != 1:
        raise KeyFaceError(
            f"the UNet has {counts} residual blocks in its levels; KeyFace's has equally many in each: "
            "this is a checkpoint of another architecture"
        )
    if any(width % model_channels for width in channels):
        raise KeyFaceError(
            f"the UNet's levels have {channels} channels, which {model_channels} does not divide"
        )
    context_dim = _width(state_dict, _CONTEXT)
    projection = next(filter(_PROJECTION.fullmatch, state_dict), None)
    return {
        "model_channels": model_channels,
        "channel_mult": [width // model_channels for width in channels],
        "num_res_blocks": counts[0],
        "attention_resolutions": [2**level for level, attends in enumerate(attention) if attends][::-1],
        "num_head_channels": num_head_channels,
        "context_dim": context_dim,
        "audio_dim": _width(state_dict, projection, 0) if projection else context_dim,
        "in_channels": _width(state_dict, _INPUT),
        "vector_dim": _width(state_dict, _LABEL),
    }


def vae_sizes(state_dict: StateDict) -> dict:
    """The VAE's sizes, from names with or without `first_stage_model.`.

    Returns:
        ch, ch_mult (one per level), num_res_blocks (per level of the encoder), z_channels, has_encoder,
        has_decoder, temporal: whether the decoder is SVD's, and decoder_blocks, only where these are not one
        more in each level than the encoder's. Of a decoder alone only the products ch * ch_mult
        show; ch_mult then starts with 1, which is the same network.

    Raises:
        KeyFaceError: a tensor that shows a size is missing, or encoder and decoder do not fit each other.
    """
    prefix = VAE if any(name.startswith(VAE) for name in state_dict) else ""
    down = _blocks(state_dict, prefix + "encoder.down.", LEVELS)
    up = _blocks(state_dict, prefix + "decoder.up.", LEVELS)
    sides, blocks = {}, {}
    if down:
        blocks["encoder"] = _residual_blocks(down[0])
        sides["encoder"] = (
            _level_widths(state_dict, prefix + "encoder.down.", down),
            _width(state_dict, prefix + "encoder.conv_out.weight", 0) // 2,
        )
    if up:
        blocks["decoder"] = _residual_blocks(up[0])
        sides["decoder"] = (
            _level_widths(state_dict, prefix + "decoder.up.", up),
            _width(state_dict, prefix + "decoder.conv_in.weight"),
        )
    if len(set(sides.values())) != 1:
        raise KeyFaceError(
            f"the VAE needs an encoder or a decoder, or both of the same sizes; it has {shown(sides, 200)}"
        )
    widths, z_channels = next(iter(sides.values()))
    num_res_blocks = blocks.get("encoder", max(blocks.get("decoder", 0) - 1, 1))
    in_decoder = blocks.get("decoder", num_res_blocks + 1)
    ch = _width(state_dict, prefix + "encoder.conv_in.weight", 0) if down else widths[0]
    few = num_res_blocks in range(1, BLOCKS + 1) and in_decoder in range(1, BLOCKS + 2)
    if not few or any(width % ch or width % GROUPS for width in widths):
        raise KeyFaceError(
            f"the VAE has {num_res_blocks} blocks in each level ({in_decoder} in the decoder's), of {widths} "
            f"channels; it needs 1 to {BLOCKS} and multiples of {ch} and {GROUPS}: this is a checkpoint of "
            "another architecture"
        )
    sizes = {
        "ch": ch,
        "ch_mult": [width // ch for width in widths],
        "num_res_blocks": num_res_blocks,
        "z_channels": z_channels,
        "has_encoder": bool(down),
        "has_decoder": bool(up),
        "temporal": any(".time_stack." in name for names in up.values() for name in names),
    }
    return sizes if in_decoder == num_res_blocks + 1 else {**sizes, "decoder_blocks": in_decoder}


def decoder_blocks(sizes: Mapping[str, Any]) -> int:
    """Residual blocks in each level of the decoder of a VAE of the given sizes."""
    return sizes.get("decoder_blocks", sizes["num_res_blocks"] + 1)


def image_size_of(state_dict: StateDict) -> int:
    """Side in pixels of the images a KeyFace network was trained on: its mask's; the released one without."""
    latent_size = _width(state_dict, LEARNED_MASK, -1) if LEARNED_MASK in state_dict else RELEASED_LATENT_SIZE
    has_vae = any(name.startswith(VAE) for name in state_dict)
    factor = 2 ** (len(vae_sizes(state_dict)["ch_mult"]) - 1) if has_vae else RELEASED_VAE_FACTOR
    return latent_size * factor


def standard_name(name: str, role: str) -> str:
    """A tensor's released name: the audio layer's number depends on how many conditioners a training had."""
    return re.sub(r"^conditioner\.embedders\.\d+\.linear", PROJECTION.get(role, r"\g<0>"), name)


def is_loaded(name: str) -> bool:
    """Whether a tensor is part of a network as it runs.

    Not so are conditioners' own VAEs, which the released configuration creates but never uses or trains,
    moving averages, which it does not use either, and the losses that VAEs were trained with.
    """
    return _NOT_LOADED.match(name) is None


def _network_role(state_dict: StateDict) -> str | None:
    has_projection = any(map(_PROJECTION.fullmatch, state_dict))
    shapes = {name: state_dict[name].shape for name in (_INPUT, _LABEL, _CONTEXT) if name in state_dict}
    widths = {name: shape[1] for name, shape in shapes.items() if len(shape) > 1}
    if LEARNED_MASK in state_dict or widths.get(_INPUT) == IN_CHANNELS["interpolation"]:
        return "interpolation" if has_projection else "reduced"
    if has_projection or widths.get(_LABEL, 0) - widths.get(_CONTEXT, 0) == EMOTION_DIM:
        return "keyframe"
    return "svd" if any(".time_stack." in name for name in state_dict) else None


def _blocks(state_dict: StateDict, prefix: str, most: int) -> dict[int, list[str]]:
    """{n: names below `prefix` n "."} of the blocks below `prefix`, numbered from 0 without a gap.

    Raises:
        KeyFaceError: they are not, or there are more than `most`.
    """
    blocks: dict[int, list[str]] = defaultdict(list)
    for name in state_dict:
        if name.startswith(prefix):
            number, _, rest = name.removeprefix(prefix).partition(".")
            if not re.fullmatch("[0-9]{1,4}", number):
                raise KeyFaceError(
                    f"the tensor {one_line(name)} has no number: it is of another architecture"
                )
            blocks[int(number)].append(rest)
    if set(blocks) != set(range(len(blocks))) or len(blocks) > most:
        raise KeyFaceError(
            f"{prefix} has {len(blocks)} up to {max(blocks)}; KeyFace's are at most {most}, without a gap: "
            "the file is incomplete or of another architecture"
        )
    return blocks


def _level_widths(state_dict: StateDict, prefix: str, levels: dict[int, list[str]]) -> tuple[int, ...]:
    names = (f"{prefix}{level}.block.0.conv1.weight" for level in range(max(levels) + 1))
    return tuple(_width(state_dict, name, 0) for name in names)


def _residual_blocks(names: list[str]) -> int:
    return len({name.split(".")[1] for name in names if name.startswith("block.")})


def _width(state_dict: StateDict, name: str, axis: int = 1) -> int:
    """How wide a tensor is that shows a size."""
    if name not in state_dict:
        raise KeyFaceError(f"the tensor {name} is missing: the file is incomplete or of another architecture")
    shape = state_dict[name].shape
    if len(shape) < 2 or not 1 <= shape[axis] <= WIDEST:
        raise KeyFaceError(f"the tensor {name} is {tuple(shape)}, which is no layer of KeyFace's")
    return shape[axis]
