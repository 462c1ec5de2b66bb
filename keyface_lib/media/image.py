"""Pictures of any kind as one kind of tensor."""

import io
import os
import warnings
from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line
from .colours import to_srgb
from .cut_pictures import MAX_BYTES, MAX_MISSING, completed, missing_rows

FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF", "JPEG2000")
"""What a picture may be, decided by its content. Pillow hands some others to programs."""
MAX_PIXELS = 100_000_000
"""Larger pictures are refused."""
MAX_EXACT_PIXELS = 25_000_000
"""Larger pictures are halved: as they are, these take 800 MB on their way and 300 MB as a tensor."""
MAX_ASPECT = 2.0
"""Of a longer picture the central square shows less than half, which is said."""

_OTHERS = (
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xd7\xcd\xc6\x9a", "a WMF drawing"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an SVG drawing or other XML"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: fetch it with git lfs pull"),
)
_OURS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\0", b"MM\0*", b"GIF8", b"\0\0\0\x0cjP")
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


def load_image(path: str | os.PathLike) -> torch.Tensor:
    """Reads a picture as a colour-managed viewer shows it.

    Its EXIF rotation and its colour profile are applied; grey, palette, 16-bit and CMYK pictures become RGB;
    of an animation the first frame is taken, with a warning. Transparency is not looked at, with a warning:
    the colours are those that the file stores beneath it, as ComfyUI's Load Image gives them. A picture that
    lacks no more than its last rows is taken, with a warning. One of more than `MAX_EXACT_PIXELS` is halved.

    Args:
        path: a picture file, or a pipe that holds one.

    Returns:
        (3, height, width) float32 in [-1, 1].

    Raises:
        KeyFaceError: the file is missing, not a picture, damaged, or has more than `MAX_PIXELS`.
    """
    return load_scaled_image(path)[0]


def load_scaled_image(path: str | os.PathLike) -> tuple[torch.Tensor, int]:
    """A picture as `load_image` gives it, and how many pixels of the file one of it is wide."""
    with open_file(path, "picture", pipes=True) as file:
        try:
            image, halvings = _decoded(file, path)
            return _to_tensor(image), 2**halvings
        except KeyFaceError:
            raise
        except Image.DecompressionBombError as error:
            raise _too_large(path) from error
        except Image.UnidentifiedImageError as error:
            raise _not_a_picture(file, path) from error
        except Exception as error:  # a damaged file can make a decoder raise nearly anything
            reason = " ".join(str(error).split())[:200]
            raise KeyFaceError(
                f"{one_line(path)}: cannot be read ({reason}); save it anew from a viewer"
            ) from error


def looks_like_picture(file: BinaryIO) -> bool:
    """Whether a file begins as a picture does, also one that is damaged or needs a plugin."""
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    return head[8:] == b"WEBP" if head.startswith(b"RIFF") else head.startswith(_OURS) or _is_heic(file)


def from_pil(image: Image.Image) -> torch.Tensor:
    """A PIL image as `load_image` gives it, (3, height, width) in [-1, 1]; raises as that does."""
    if image.width * image.height > MAX_PIXELS:
        raise _too_large("the picture")
    try:
        return _to_tensor(to_srgb(ImageOps.exif_transpose(image), "the picture"))
    except Exception as error:  # a file that PIL reads only now can make it raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise KeyFaceError(f"the picture cannot be read ({reason}); give another, in RGB") from error


def square(image: torch.Tensor, size: int) -> torch.Tensor:
    """The central square of a picture (3, h, w) in [-1, 1], resized without aliasing: (3, size, size).

    Warns where the square is less than half of the picture.
    """
    height, width = image.shape[-2:]
    side = min(height, width)
    if max(height, width) > MAX_ASPECT * side:
        shape = "wide as it is high" if width > height else "high as it is wide"
        warnings.warn(
            f"the picture is {max(height, width) / side:.1f} times as {shape}, and only its central square "
            "is animated; crop it around the face if that lies elsewhere",
            stacklevel=2,
        )
    top, left = (height - side) // 2, (width - side) // 2
    crop = image[None, :, top : top + side, left : left + side]
    return F.interpolate(crop, (size, size), mode="bicubic", antialias=True)[0].clamp(-1, 1)


def _decoded(file: BinaryIO, path: str | os.PathLike) -> tuple[Image.Image, int]:
    """The first frame, upright, in sRGB, of at most `MAX_EXACT_PIXELS`, and how often it was halved."""
    try:
        image = _loaded(file, path)
    except (KeyFaceError, Image.DecompressionBombError):
        raise
    except Exception as error:  # perhaps the file only ends too early
        image = _completed(file, path, error)
    if getattr(image, "is_animated", False) and image.format != "MPO":  # a photo with its preview
        warnings.warn(f"{one_line(path)}: has several frames; the first is taken", stacklevel=3)
    if image.has_transparency_data:
        warnings.warn(
            f"{one_line(path)}: has transparent parts; shown are the colours that the file stores there. "
            "Lay it on a background if they are not meant to be seen",
            stacklevel=3,
        )
    halvings = 0
    while image.width * image.height > MAX_EXACT_PIXELS:
        image = _halved(image)
        halvings += 1
    return to_srgb(ImageOps.exif_transpose(image), one_line(path)), halvings


def _loaded(file: BinaryIO, path: str | os.PathLike) -> Image.Image:
    Image.init()
    if _is_heic(file):
        _register_heic()
    image = Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(path)
    image.load()
    return image


def _completed(file: BinaryIO, path: str | os.PathLike, error: Exception) -> Image.Image:
    """A picture that ends too early, with what is missing filled up; `error` for any other damage."""
    file.seek(0)
    data = file.read(MAX_BYTES + 1)
    found = completed(data) if len(data) <= MAX_BYTES else None
    if found is None:
        raise error
    whole, missing = found
    try:
        image = _loaded(io.BytesIO(whole), path)
    except KeyFaceError:
        raise
    except Exception:
        raise error from None
    if missing > MAX_MISSING or missing_rows(image) > MAX_MISSING * image.height:
        raise KeyFaceError(
            f"{one_line(path)}: is truncated: too much of it is missing; copy or download it again"
        ) from error
    warnings.warn(
        f"{one_line(path)}: ends too early; its last rows are missing. Copy or download it again",
        stacklevel=4,
    )
    return image


def _halved(image: Image.Image) -> Image.Image:
    """Half as wide and high, every pixel the mean of four; where values are no amounts, one of four."""
    info, exif = image.info, image.getexif()
    if image.mode in ("1", "P", "PA") or image.mode.startswith("I"):
        small = image.resize((image.width // 2, image.height // 2), Image.Resampling.NEAREST)
    else:
        small = image.reduce(2)
    small.info = {**info, "exif": exif.tobytes()} if exif else dict(info)
    return small


def _to_tensor(image: Image.Image) -> torch.Tensor:
    if image.mode.startswith("I;16") or image.mode == "I":
        levels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 65535)
        if levels.max() > 1:
            raise ValueError("it has more than 16 bits a channel")
        return (levels * 2 - 1).expand(3, -1, -1).contiguous()
    if image.mode == "F":
        raise ValueError("its values are floating point, without a defined white")
    pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    return pixels.float().div_(127.5).sub_(1)


def _is_heic(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if head[4:8] != b"ftyp":
        return False
    brands = {head[i : i + 4] for i in range(8, min(len(head), int.from_bytes(head[:4], "big")), 4)}
    return bool(brands & _HEIC_BRANDS) and not brands & {b"avif", b"avis"}


def _register_heic() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()


def _not_a_picture(file: BinaryIO, path: str | os.PathLike) -> KeyFaceError:
    if _is_heic(file):
        return KeyFaceError(
            f"{one_line(path)}: is HEIC, as phones write it; pip install pillow-heif, or save it as "
            "JPEG or PNG"
        )
    file.seek(0)
    head = file.read(64).lstrip()
    if head.startswith(_OURS):
        return KeyFaceError(f"{one_line(path)}: is cut off or damaged; copy or download it again")
    kind = next((f"is {kind}" for magic, kind in _OTHERS if head.startswith(magic)), "is not a picture")
    return KeyFaceError(f"{one_line(path)}: {kind}; give a PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF file")


def _too_large(path: str | os.PathLike) -> KeyFaceError:
    return KeyFaceError(
        f"{one_line(path)}: has more than {MAX_PIXELS // 10**6} million pixels; make it smaller"
    )
