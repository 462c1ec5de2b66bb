"""The contracts of AUDIO, IMAGE, LATENT and VIDEO: what arrives over a link, in the one form nodes use."""

from collections.abc import Mapping
from numbers import Real

import torch
from comfy_api.latest import Input
from einops import repeat

from ..keyface_lib.audio.containers import RATES
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.tensors import OVERSHOOT, check_finite, check_range, check_sound
from .node_text import remark

CHANNELS = 4
"""Of KeyFace's latents, as of every Stable Diffusion 1.x and SVD."""


_FULL_SCALE = {torch.int8: 2**7, torch.int16: 2**15, torch.int32: 2**31}


def audio(name: str, value: object) -> dict:
    """An AUDIO of one recording: waveform (1, channels, samples) float32 and sample_rate, an int in Hz.

    Whole numbers are scaled to full scale 1.

    Raises:
        KeyFaceError: nothing arrives, a batch, no samples, samples that are not finite or far beyond full
            scale, a rate out of bounds, or something that is no AUDIO.
    """
    if value is None:
        raise KeyFaceError(f"{name} is empty: this video has no sound; connect a recording")
    waveform = value.get("waveform") if isinstance(value, Mapping) else None
    if not isinstance(waveform, torch.Tensor) or waveform.ndim != 3 or waveform.shape[1] == 0:
        raise KeyFaceError(
            f"{name} is no AUDIO, whose waveform is (1, channels, samples): it holds {_kind(waveform)}; "
            "connect Load Audio or another recording"
        )
    if len(waveform) != 1:
        raise KeyFaceError(
            f"the audio is a batch of {len(waveform)} recordings; a clip has one: split the batch"
        )
    if waveform.shape[-1] == 0:
        raise KeyFaceError("the audio is empty; load a recording with at least one sample")
    rate = value.get("sample_rate")
    if not isinstance(rate, Real) or not RATES[0] <= rate <= RATES[1]:
        raise KeyFaceError(
            f"{name} has a sample rate of {rate}; it must lie between {RATES[0]} and {RATES[1]} Hz: load the "
            "recording anew"
        )
    waveform = _samples(name, waveform)
    check_sound(waveform, f"the sound at {name}", "(1, channels, samples)")
    return {**value, "waveform": waveform, "sample_rate": int(rate)}


def picture(name: str, value: object) -> torch.Tensor:
    """An IMAGE of one picture: (1, height, width, 3) float32 in [0, 1].

    Grey is spread to three channels, bytes are scaled, and what lies a little outside of the range is cut
    off. Transparency is not looked at, as in `keyface_lib.media.image` and in ComfyUI's Load Image; the node
    says so.

    Raises:
        KeyFaceError: nothing arrives, a batch, a picture without pixels, with another number of channels or
            with values that are not finite or of another range, or something that is no IMAGE.
    """
    pixels = pictures(name, value)
    if len(pixels) != 1:
        raise KeyFaceError(
            f"the {name} is a batch of {len(pixels)} pictures; one face is animated: choose one of them"
        )
    return pixels


def pictures(name: str, value: object) -> torch.Tensor:
    """An IMAGE of one picture or several: (n, height, width, 3) float32 in [0, 1]; otherwise as `picture`."""
    if value is None:
        raise KeyFaceError(f"{name} is empty; connect Load Image or another picture")
    if not isinstance(value, torch.Tensor) or value.ndim != 4 or value.dtype.is_complex:
        raise KeyFaceError(
            f"{name} is no IMAGE, which is (pictures, height, width, channels): it is {_kind(value)}; "
            "connect Load Image or another picture (a mask goes through Convert Mask to Image)"
        )
    if len(value) == 0:
        raise KeyFaceError(f"{name} is a batch of 0 pictures; connect Load Image or another picture")
    if 0 in value.shape[1:3]:
        raise KeyFaceError(
            f"the {name} has {value.shape[2]} x {value.shape[1]} pixels; connect a picture with some"
        )
    if value.shape[-1] not in (1, 2, 3, 4):
        raise KeyFaceError(
            f"the {name} has {value.shape[-1]} channels; convert it to 1 (grey), 3 (RGB) or 4 (RGBA)"
        )
    pixels = value.float() / 255 if value.dtype == torch.uint8 else value.float()
    check_range(pixels, f"the picture at {name}", 0, 1, OVERSHOOT)
    pixels = pixels.clamp(0, 1)
    if pixels.shape[-1] in (2, 4) and pixels[..., -1].min() < 1:
        remark(f"the {name} has transparent parts; shown are the colours that are stored there")
    if pixels.shape[-1] < 3:
        return repeat(pixels[..., 0], "n h w -> n h w rgb", rgb=3)
    return pixels[..., :3]


def video(name: str, value: object) -> Input.Video:
    """A VIDEO, unread.

    Raises:
        KeyFaceError: nothing arrives, or something that is no VIDEO.
    """
    if value is None:
        raise KeyFaceError(f"{name} is empty; connect Load Video")
    if not isinstance(value, Input.Video):
        raise KeyFaceError(
            f"{name} is no VIDEO: it is {_kind(value)}; connect Load Video (frames go in as pictures)"
        )
    return value


def latent(name: str, value: object) -> dict:
    """A LATENT of pictures of Stable Diffusion 1.x's kind: samples (n, 4, h, w), finite floating point.

    Raises:
        KeyFaceError: nothing arrives, no samples, another kind of latent, or values that are not finite.
    """
    if value is None:
        raise KeyFaceError(f"{name} is empty; connect the latents that the input's tooltip names")
    samples = value.get("samples") if isinstance(value, Mapping) else None
    if not isinstance(samples, torch.Tensor) or samples.ndim != 4 or not samples.is_floating_point():
        raise KeyFaceError(
            f"{name} is no LATENT of pictures, whose samples are (n, {CHANNELS}, h, w): it holds "
            f"{_kind(samples)}; connect latents of KeyFace's samplers or its VAE"
        )
    if samples.shape[1] != CHANNELS or samples.numel() == 0:
        raise KeyFaceError(
            f"{name} has latents of the shape {tuple(samples.shape)} and KeyFace's are (n, {CHANNELS}, h, w);"
            " connect latents of KeyFace's samplers or its VAE"
        )
    check_finite(samples, f"the latents at {name}", "make them anew")
    return dict(value)


def mask(name: str, value: object) -> torch.Tensor:
    """A MASK of one picture: (height, width) float32 in [0, 1].

    Raises:
        KeyFaceError: something that is no MASK arrives, several, or values that are not finite.
    """
    if isinstance(value, torch.Tensor) and value.ndim == 2:
        value = value[None]
    if not isinstance(value, torch.Tensor) or value.ndim != 3 or value.dtype.is_complex:
        raise KeyFaceError(
            f"{name} is no MASK, which is (masks, height, width): it is {_kind(value)}; connect Load Image's "
            "mask or another"
        )
    if len(value) != 1:
        raise KeyFaceError(f"{name} is a batch of {len(value)} masks; connect one of them")
    check_finite(value.float(), f"the mask at {name}", "make it anew")
    return value[0].float().clamp(0, 1)


def _samples(name: str, waveform: torch.Tensor) -> torch.Tensor:
    """Samples as float32, full scale being 1."""
    if waveform.is_floating_point():
        return waveform.float()
    if waveform.dtype == torch.uint8:
        return (waveform.float() - 128) / 128
    if waveform.dtype in _FULL_SCALE:
        return waveform.float() / _FULL_SCALE[waveform.dtype]
    raise KeyFaceError(
        f"{name}'s samples are {str(waveform.dtype).removeprefix('torch.')}; AUDIO holds floating point in "
        "[-1, 1]: convert them"
    )


def _kind(value: object) -> str:
    if value is None:
        return "nothing of the kind"
    if isinstance(value, torch.Tensor):
        return f"a tensor {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    return f"a {type(value).__name__}"
