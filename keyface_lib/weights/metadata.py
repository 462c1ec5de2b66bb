"""The entry our weight files carry beside their tensors: what the tensors are, so that nothing is guessed.

Files may come from anybody, so the entry decides nothing by itself: every part has its type and range, what a
role needs is there, and what the tensors show agrees with it. All of this is known before anything is built.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import KeyFaceError
from ..messages import one_line, shown
from ..strict_json import json_from
from .architecture import (
    BLOCKS,
    ENCODERS,
    GROUPS,
    IN_CHANNELS,
    LATENT_CHANNELS,
    LEARNED_MASK,
    LEVELS,
    NETWORKS,
    RELEASED_HEAD_CHANNELS,
    ROLES,
    WIDEST,
    decoder_blocks,
    role_of,
    unet_sizes,
    vae_sizes,
)
from .schema import Rule, check, flag, listed, number, one_of, optional, table, text, whole

KEY = "keyface"
FORMAT = 1
GUIDANCE = ("audio", "identity", "auto")
LORA = " lora"
"""What a file of additions adds to the role of its network."""
_REMEDY = "use the file as its author made it, or convert the released one again"

UNET_RULES: dict[str, Rule] = {
    "model_channels": whole(GROUPS, 4096, GROUPS),
    "channel_mult": listed(whole(1, 64), 1, LEVELS),
    "num_res_blocks": whole(1, BLOCKS),
    "attention_resolutions": listed(whole(1, 2**LEVELS), 0, LEVELS),
    "num_head_channels": whole(1, 4096),
    "context_dim": whole(1, WIDEST),
    "audio_dim": whole(1, WIDEST),
    "in_channels": whole(1, 64),
    "vector_dim": whole(1, WIDEST),
}
VAE_RULES: dict[str, Rule] = {
    "ch": whole(1, 4096),
    "ch_mult": listed(whole(1, 64), 1, LEVELS),
    "num_res_blocks": whole(1, BLOCKS),
    "z_channels": whole(1, 64),
    "has_encoder": flag,
    "has_decoder": flag,
    "temporal": flag,
}
_FACTOR = number(-1000, 1000)
PREVIEW_RULES: dict[str, Rule] = {
    "factors": listed(listed(_FACTOR, 3, 3), LATENT_CHANNELS, LATENT_CHANNELS),
    "bias": listed(_FACTOR, 3, 3),
}
KNOWS_RULES: dict[str, Rule] = {"pictures": text(100, 1), "at_least_db": number(0, 100)}
VAE_OPTIONAL: dict[str, Rule] = {"decoder_blocks": whole(1, BLOCKS + 1)}
IMAGE_SIZE = whole(8, 8192)
_NAMES: Rule = text(64, 1)
_RULES: dict[str, Rule] = {
    "role": one_of(*ROLES, *(role + LORA for role in NETWORKS)),
    "unet": optional(table),
    "image_size": optional(IMAGE_SIZE),
    "encoders": listed(_NAMES, 0, 16),
    "guidance": table,
    "training": table,
    "config": optional(table),
    "labels": optional(listed(text(64, 1), 0, 10_000)),
    "preview": optional(table),
    "knows": optional(table),
}


@dataclass(frozen=True)
class Metadata:
    """What the tensors of a file are.

    Attributes:
        role: "keyframe", "interpolation", "reduced", "vae", "wavlm", "beats", "wav2vec2", or "svd", the
            checkpoint that training starts from.
        unet: the sizes of a network, see `architecture.unet_sizes`.
        image_size: side in pixels of the images a network was trained on.
        encoders: the audio encoders a network hears, in the order their features are joined.
        guidance: default scales: "audio" and "identity" of a keyframe network (eq. 4), "auto" of an
            interpolation network (eq. 5).
        training: whatever its training wants to say.
        config: architecture of a VAE (see `architecture.vae_sizes`) or of an audio encoder (in its authors'
            terms).
        labels: AudioSet ids of the classes that BEATs tells apart, in the order of its outputs.
        preview: of a VAE, the colours of its scaled latents for rough pictures, as ComfyUI's latent formats
            have them: "factors", red, green and blue of each of the 4 channels, and "bias", for RGB
            in [-1, 1].
        knows: of a VAE that knows one kind of pictures only: "pictures", which these are, in words, and
            "at_least_db", the PSNR at which it gives them back (see `knowing`).
        extra: entries this version does not know, kept as they are.
    """

    role: str
    unet: dict | None = None
    image_size: int | None = None
    encoders: list[str] = field(default_factory=list)
    guidance: dict[str, float] = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    config: dict | None = None
    labels: list[str] | None = None
    preview: dict | None = None
    knows: dict | None = None
    extra: dict = field(default_factory=dict)

    def to_json(self) -> str:
        entries = asdict(self)
        return json.dumps({"format": FORMAT, **entries.pop("extra"), **entries})


def metadata_from_json(text: str, path: str | Path) -> Metadata:
    """Reads the entry of the file `path`.

    Raises:
        KeyFaceError: it was written by a newer version, or is not what any version writes.
    """
    what = f"{one_line(path)}: its '{KEY}' entry"
    entries = json_from(text, what)
    check(entries, {"format": whole(0, 2**31)}, what, _REMEDY)
    version = entries.pop("format")
    if version != FORMAT:
        raise KeyFaceError(
            f"{one_line(path)} has format {version} and this version reads {FORMAT}; update KeyFace"
        )
    check(entries, {"role": _RULES["role"]}, what, _REMEDY)
    check(entries, _RULES, what, _REMEDY, missing_ok=True)
    known = {name: entries.pop(name) for name in _RULES if name in entries}
    metadata = Metadata(**known, extra=entries)
    require_complete(metadata, path)
    return metadata


def require_complete(metadata: Metadata, path: str | Path) -> None:
    """Checks that metadata say what their role needs, all of it within bounds.

    Raises:
        KeyFaceError: they do not; the message names the file and the entry.
    """
    what, role = f"{one_line(path)}: its '{KEY}' entry", metadata.role
    check(metadata.guidance, dict.fromkeys(GUIDANCE, number(-1000, 1000)), f"{what}: guidance", _REMEDY, True)
    if unknown := [name for name in metadata.guidance if name not in GUIDANCE]:
        raise KeyFaceError(
            f"{what}: guidance has {shown(unknown[0])}; there are {', '.join(GUIDANCE)}; {_REMEDY}"
        )
    if len(set(metadata.encoders)) != len(metadata.encoders):
        raise KeyFaceError(f"{what}: encoders names one twice ({shown(metadata.encoders)}); {_REMEDY}")
    if role in NETWORKS:
        check({"image_size": metadata.image_size}, {"image_size": IMAGE_SIZE}, what, _REMEDY)
        check(metadata.unet, UNET_RULES, f"{what}: unet", _REMEDY)
        _check_channels(role, metadata.unet or {}, f"{what}: unet")
        if not metadata.encoders and role != "reduced":
            raise KeyFaceError(f"{what}: encoders is empty; a {role} network hears at least one; {_REMEDY}")
    if role == "vae":
        check(metadata.config, VAE_RULES, f"{what}: config", _REMEDY)
        check(metadata.config, VAE_OPTIONAL, f"{what}: config", _REMEDY, missing_ok=True)
    if metadata.labels is not None and role != "beats":
        raise KeyFaceError(f"{what} has labels, which only beats has; {_REMEDY}")
    for name, rules in (("preview", PREVIEW_RULES), ("knows", KNOWS_RULES)):
        entries = getattr(metadata, name)
        if entries is None:
            continue
        if role != "vae":
            raise KeyFaceError(f"{what} has {name}, which only a VAE has; {_REMEDY}")
        check(entries, rules, f"{what}: {name}", _REMEDY)
        if unknown := [entry for entry in entries if entry not in rules]:
            raise KeyFaceError(
                f"{what}: {name} has {shown(unknown[0])}; there are {', '.join(rules)}; {_REMEDY}"
            )


def require_confirmed(metadata: Metadata, tensors: Mapping[str, torch.Tensor], path: str | Path) -> None:
    """Checks that the tensors are what the metadata say.

    Raises:
        KeyFaceError: they are not; the message names the file and what differs.
    """
    role = metadata.role
    if role.endswith(LORA):
        return
    what, found_role = f"{one_line(path)}: its '{KEY}' entry", role_of(tensors)
    if found_role != role:
        found = f"make up a {found_role} model" if found_role else "make up nothing KeyFace knows"
        raise KeyFaceError(f"{what} calls it a {role} model, and its tensors {found}; {_REMEDY}")
    try:
        if role in NETWORKS:
            said = dict(metadata.unet or {})
            shows = unet_sizes(tensors, said["num_head_channels"])
            levels = {2**level for level in range(len(shows["channel_mult"]))}
            said["attention_resolutions"] = sorted(levels & set(said["attention_resolutions"]), reverse=True)
            _require_same(said, shows, f"{what}: unet")
            _check_mask(tensors, f"{one_line(path)}: {LEARNED_MASK}")
        elif role == "vae":
            _require_same(_widths(metadata.config or {}), _widths(vae_sizes(tensors)), f"{what}: config")
        elif metadata.labels is not None and "predictor.weight" in tensors:
            classes = len(tensors["predictor.weight"]) if tensors["predictor.weight"].ndim else 0
            if len(metadata.labels) != classes:
                raise KeyFaceError(
                    f"{what} has {len(metadata.labels)} labels for {classes} classes; {_REMEDY}"
                )
    except KeyFaceError as error:
        if str(error).startswith(one_line(path)):
            raise
        raise KeyFaceError(f"{one_line(path)}: {error}") from error


def require_known_encoders(
    names: list[str] | tuple[str, ...], others: tuple[str, ...], path: str | Path
) -> None:
    """Checks that a network hears only encoders that there are; trainings may use features of any name.

    Args:
        others: encoders that need no file.

    Raises:
        KeyFaceError: it names another one.
    """
    for name in names:
        if name not in (*ENCODERS, *others):
            raise KeyFaceError(
                f"{one_line(path)}: the network hears {shown(name)}, which is unknown; there are "
                f"{', '.join((*ENCODERS, *others))}; use a network trained with these"
            )


def _check_channels(role: str, unet: Mapping[str, Any], what: str) -> None:
    """What of a UNet's sizes follows from others."""
    if unet["in_channels"] != IN_CHANNELS[role]:
        raise KeyFaceError(
            f"{what}: in_channels is {unet['in_channels']}, not {IN_CHANNELS[role]}; {_REMEDY}"
        )
    if unet["num_head_channels"] != RELEASED_HEAD_CHANNELS:  # which stands for what no tensor shows
        check_heads(unet, what)


def check_heads(unet: Mapping[str, Any], what: str) -> None:
    """Raises a KeyFaceError unless groups of norms and heads of attention divide the levels they are in."""
    widths = [unet["model_channels"] * factor for factor in unet["channel_mult"]]
    heads = unet["num_head_channels"]
    attends = [2**level in unet["attention_resolutions"] for level in range(len(widths) - 1)] + [True]
    if any(width % GROUPS or (at and width % heads) for width, at in zip(widths, attends, strict=True)):
        raise KeyFaceError(
            f"{what}: its levels have {widths} channels; norms need multiples of {GROUPS}, and attention "
            f"those of num_head_channels ({heads}); {_REMEDY}"
        )


def _check_mask(tensors: Mapping[str, torch.Tensor], what: str) -> None:
    mask = tensors.get(LEARNED_MASK)
    if mask is not None and (mask.ndim != 3 or len(mask) != LATENT_CHANNELS):
        raise KeyFaceError(f"{what} is {tuple(mask.shape)}, not ({LATENT_CHANNELS}, h, w); {_REMEDY}")


def _widths(vae: Mapping[str, Any]) -> dict[str, Any]:
    """A VAE's sizes without `ch`: of a decoder alone only the products with `ch_mult` show."""
    rest = {name: vae[name] for name in VAE_RULES if name not in ("ch", "ch_mult")}
    products = [vae["ch"] * factor for factor in vae["ch_mult"]]
    return {"ch * ch_mult": products, "decoder_blocks": decoder_blocks(vae), **rest}


def _require_same(said: Mapping[str, Any], shows: Mapping[str, Any], what: str) -> None:
    for name, value in shows.items():
        if said[name] != value:
            raise KeyFaceError(
                f"{what}: {name} is {shown(said[name])}, and the tensors show {value}; {_REMEDY}"
            )
