"""What a LATENT of KeyFace's holds, written on it: other nodes hand the entries on."""

from collections.abc import Mapping
from typing import Any

import torch

from ..keyface_lib.errors import KeyFaceError

LENGTH = "keyface_frames"
"""Entry of a frames LATENT: how many frames the clip has; the last segment may reach further."""
KEYFRAMES, WINDOWS, FRAMES = "keyframes", "windows of keyframes", "frames"
COLOURS = "keyface_colours"
"""Entry of keyframes: the colours of their latents (`network.latent_format`), lost where encoded anew."""
_HOLDS = "keyface_holds"
_WAYS_OUT = {
    KEYFRAMES: "the Interpolation Sampler makes frames of them, VAE Decode pictures",
    WINDOWS: "put Select Keyframes in between",
    FRAMES: "Decode Frames and Render Video take them",
}


def keyframes(samples: torch.Tensor, colours: Mapping[str, Any] | None = None) -> dict:
    """A LATENT of all keyframes of a clip (k, 4, h, w)."""
    return {"samples": samples, _HOLDS: KEYFRAMES, COLOURS: colours}


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
