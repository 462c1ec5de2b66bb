"""Colours of a picture as a colour-managed viewer shows them: embedded ICC profiles become sRGB."""

import io
import warnings

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
"""Modes of Pillow that hold the colours of a profile's colour space."""
_INDISTINCT = 1
"""Levels of 255. A profile that moves no colour further is sRGB by another hand, and rounding is worse."""


def to_srgb(image: Image.Image, name: str) -> Image.Image:
    """A picture whose colours are sRGB; without a profile, the picture itself.

    Alpha is left out of a picture that is converted. A profile that cannot be used is left out, with a
    warning.

    Args:
        image: of any mode.
        name: of the picture, for the warning.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "F":
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES[source.profile.xcolor_space.strip()]
        if not _fits(image, mode):
            raise ValueError(f"it is for {mode}, the picture is {image.mode}")
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode in ("RGB", "L") and _is_srgb(transform, mode):
            return image
        if image.mode.startswith("I"):
            return _deep_grey(image, transform, mode)
        return ImageCms.applyTransform(_in_mode(image, mode), transform)
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        warnings.warn(
            f"{name}: its colour profile cannot be used ({reason}) and is left out; colours may be off",
            stacklevel=5,
        )
        return image


def _fits(image: Image.Image, mode: str) -> bool:
    """Whether a profile for `mode` says anything about the colours of a picture."""
    if image.mode in ("CMYK", "LAB"):
        return image.mode == mode
    grey = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
    return mode == "RGB" or (mode == "L" and grey)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Without alpha, and with a palette or grey spread to what the profile is for."""
    return image if image.mode == mode else image.convert(mode)


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "L":
        probe = np.arange(256, dtype=np.uint8)[None]
        kept = np.repeat(probe[..., None], 3, axis=-1)
    else:
        axis = np.linspace(0, 255, 18).round().astype(np.uint8)
        kept = probe = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(1, -1, 3)
    shown = np.asarray(ImageCms.applyTransform(Image.fromarray(probe), transform))
    return int(np.abs(shown.astype(int) - kept).max()) <= _INDISTINCT


def _deep_grey(image: Image.Image, transform: ImageCms.ImageCmsTransform, mode: str) -> Image.Image:
    """16-bit grey by the profile's curve, which is taken at 256 places and is straight between them."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    curve = np.asarray(ImageCms.applyTransform(_in_mode(ramp, mode), transform)).mean(axis=-1)[0] * 257
    levels = np.asarray(image).astype(np.float32)
    shown = np.interp(levels, np.arange(256) * 257, curve).round().astype(np.uint16)
    return Image.fromarray(shown)
