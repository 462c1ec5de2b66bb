"""The inverse of `face`: what a face does and who it is, read from pixels alone, frame by frame.

Frames are compared with pictures of a face in all its states: first the upper face in small, which finds the
head, the light's side and glasses; then eyes and brows, and the mouth. Hair, wall and the edges of the face
are looked at in the coordinates of the head that was found.
"""

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F

from ..errors import KeyFaceError
from .looks import face_width, hair_colour, head_height, skin_colour, wall_colour
from .matching import Known, match
from .templates import DRAWN_AT, FINELY_DRAWN_AT, KINDS, LOWER, SMALL, UPPER, Area, softened, templates_of

FRAMES_AT_ONCE = 64
LARGEST = 128
"""Larger frames are shrunk to this size; it is enough for every edge."""
GUESSING, FINDING, EYES, MOUTH = 2 * (SMALL,), 2 * (SMALL,), 2 * (UPPER,), 2 * (LOWER,)
"""What is compared, round after round: for every kind of picture, and then for the kind that is right."""


@dataclass(frozen=True)
class Measurements:
    """What the frames show; curves are (frames,) float32 with the units of `motion.Motion`.

    Attributes:
        opening, width, smile: of the mouth.
        brow, eye: how raised and how open.
        x, y, tilt: of the head.
        skin, hair, background: mean colours (frames, 3) in [0, 1].
        face_width: visible width of the face at the nose, in frame heights.
        head_height: from crown to chin, in frame heights, judged by the chin.
        frown: of the brows.
    """

    opening: torch.Tensor
    width: torch.Tensor
    smile: torch.Tensor
    brow: torch.Tensor
    eye: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    tilt: torch.Tensor
    skin: torch.Tensor
    hair: torch.Tensor
    background: torch.Tensor
    face_width: torch.Tensor
    head_height: torch.Tensor
    frown: torch.Tensor

    def identity(self) -> torch.Tensor:
        """Who it is as numbers: (frames, 11), nine colour channels, face width and head height."""
        shape = torch.stack([self.face_width, self.head_height], dim=1)
        return torch.cat([self.skin, self.hair, self.background, shape], dim=1)


@torch.inference_mode()
def measure(frames: torch.Tensor) -> Measurements:
    """Reads every quantity from frames (n, size, size, 3) uint8; fit for sizes from 64 up.

    Where there is no face the numbers mean nothing, but they are numbers.

    Raises:
        KeyFaceError: these are no frames.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.shape[1] != frames.shape[2] or not len(frames):
        raise KeyFaceError(
            f"frames of shape {tuple(frames.shape)} cannot be measured; give (frames, size, size, 3) uint8"
        )
    parts = [_measure(part.cpu().movedim(3, 1).float() / 255) for part in frames.split(FRAMES_AT_ONCE)]
    return _joined(parts)


def _joined(parts: list[Measurements]) -> Measurements:
    names = [field.name for field in fields(Measurements)]
    return Measurements(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def _measure(pixels: torch.Tensor) -> Measurements:
    """Measures frames (n, 3, size, size) of any people."""
    pixels = _shrunk(pixels, LARGEST)
    small = softened(_shrunk(pixels, SMALL.size))
    guesses = [_rounds(small, _nothing_known(pixels), GUESSING, kind) for kind in KINDS]
    kinds = torch.stack([guess.cost for guess in guesses]).argmin(dim=0)
    found, order = [], []
    for i, (kind, guess) in enumerate(zip(KINDS, guesses, strict=True)):
        chosen = (kinds == i).nonzero()[:, 0]
        if len(chosen):
            known = _rounds(small[chosen], guess[chosen], FINDING, kind)
            found.append(_measure_kind(pixels[chosen], known, kind))
            order.append(chosen)
    back = torch.cat(order).argsort()
    return Measurements(**{name: values[back] for name, values in vars(_joined(found)).items()})


def _measure_kind(pixels: torch.Tensor, known: Known, kind: tuple[int, bool]) -> Measurements:
    """Measures frames that are lit from the same side and all or none of which show glasses."""
    soft = softened(_shrunk(pixels, UPPER.size))
    known = _rounds(soft, known, EYES, kind)
    light, _ = kind
    drawn_at = FINELY_DRAWN_AT if pixels.shape[-1] >= FINELY_DRAWN_AT else DRAWN_AT
    mouth = _rounds(soft, known, MOUTH, (light, False, drawn_at), moving=False)
    pose, skin = known.pose, known.colours[:, 1]
    return Measurements(
        **mouth.curves,
        skin=skin,
        hair=hair_colour(pixels, pose),
        background=wall_colour(pixels),
        face_width=face_width(pixels, pose, skin),
        head_height=head_height(pixels, pose, skin),
    )


def _rounds(
    pixels: torch.Tensor, known: Known, areas: tuple[Area, ...], kind: tuple, moving: bool = True
) -> Known:
    """Compares frames with pictures of areas, one after the other; `kind` is for `templates_of`."""
    for area in areas:
        known = match(pixels, known, templates_of(area, *kind), moving)
    return known


def _shrunk(pixels: torch.Tensor, size: int) -> torch.Tensor:
    return pixels if pixels.shape[-1] <= size else F.interpolate(pixels, (size, size), mode="area")


def _nothing_known(pixels: torch.Tensor) -> Known:
    """Heads in their places, and colours from where skin and hair are likely to be."""
    zero = pixels.new_zeros(len(pixels))
    known = Known({"x": zero, "y": zero, "tilt": zero}, zero, zero)
    skin, hair = skin_colour(pixels, known.pose), hair_colour(pixels, known.pose)
    colours = [
        torch.ones_like(skin),
        skin,
        torch.full_like(skin, 0.35),
        torch.minimum(0.55 * hair, 0.46 * skin),
    ]
    return Known(known.curves, torch.stack(colours, dim=1), zero)
