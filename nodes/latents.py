"""What a LATENT of KeyFace's holds, written on it: other nodes hand the entries on."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.timeline import FPS, KEYFRAME_STEP, Timeline

LENGTH = "keyface_frames"
"""Entry of a LATENT of frames, or of all keyframes: how many frames the clip has; its end may lie before that
of the last segment, and its last keyframe with it."""
MASK = "noise_mask"
"""ComfyUI's entry for what is sampled (1) and what is kept (0)."""
ROLL = "keyface_seed"
"""Entry of keyframes that are sampled again: the seed to do it with."""
KEYFRAMES, WINDOWS, FRAMES = "keyframes", "windows of keyframes", "frames"
COLOURS = "keyface_colours"
"""Entry of keyframes: the colours of their latents (`network.latent_format`), lost where encoded anew."""
_HOLDS = "keyface_holds"
_WAYS_OUT = {
    KEYFRAMES: "the Interpolation Sampler makes frames of them, VAE Decode pictures",
    WINDOWS: "put Select Keyframes in between",
    FRAMES: "Decode Frames and Render Video take them",
}


def keyframes(
    samples: torch.Tensor, colours: Mapping[str, Any] | None = None, n_frames: int | None = None
) -> dict:
    """A LATENT of all keyframes of a clip (k, 4, h, w), of `n_frames` if that is known."""
    length = {} if n_frames is None else {LENGTH: n_frames}
    return {"samples": samples, _HOLDS: KEYFRAMES, COLOURS: colours, **length}


def with_kept(latent: dict, kept: Iterable[int], seed: int | None = None) -> dict:
    """A LATENT of keyframes whose noise mask keeps some; `seed` is what the others are to be sampled with."""
    samples = latent["samples"]
    mask = torch.ones(len(samples), 1, *samples.shape[-2:])
    mask[sorted(kept)] = 0
    others = {key: value for key, value in latent.items() if key not in (MASK, ROLL)}
    return {**others, MASK: mask} | ({} if seed is None else {ROLL: seed})


def kept_whole(latent: dict) -> set[int]:
    """The keyframes of which a LATENT's noise mask, if it has one for each, keeps every pixel."""
    mask = latent.get(MASK)
    if not isinstance(mask, torch.Tensor) or len(mask) != len(latent["samples"]):
        return set()
    return {number for number, part in enumerate(mask) if not part.any()}


def seconds(latent: dict) -> list[float]:
    """The second of the clip that each keyframe of a LATENT shows."""
    n_keyframes = len(latent["samples"])
    timeline = Timeline(latent.get(LENGTH) or KEYFRAME_STEP * (n_keyframes - 1) + 1)
    if timeline.n_keyframes != n_keyframes:  # some of a clip's, or one alone
        timeline = Timeline(KEYFRAME_STEP * (n_keyframes - 1) + 1)
    return [frame / FPS for frame in timeline.keyframe_frames()[:n_keyframes].tolist()]


def windows(samples: torch.Tensor, colours: Mapping[str, Any] | None = None) -> dict:
    """A LATENT of whole windows (14 * windows, 4, h, w), with their anchors."""
    return {"samples": samples, _HOLDS: WINDOWS, COLOURS: colours}


def frames(samples: torch.Tensor, n_frames: int) -> dict:
    """A LATENT of whole segments (14 * segments, 4, h, w) of a clip of `n_frames`."""
    return {"samples": samples, _HOLDS: FRAMES, LENGTH: n_frames}


def require(latent: dict, name: str, wanted: str) -> None:
    """Raises KeyFaceError for a LATENT that says it holds something else than the input `name` takes."""
    holds = latent.get(_HOLDS, wanted)
    if holds != wanted:
        way_out = _WAYS_OUT.get(holds, "connect those instead")
        raise KeyFaceError(f"{name} gets {holds} and needs {wanted}; {way_out}")
