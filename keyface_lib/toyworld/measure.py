"""The inverse of `face`: what a face does and who it is, read from pixels alone, frame by frame.

The face is found by its nose and levelled by its brows; every feature is then looked at in head coordinates
and weighed by how far its reserved colour stands out from the skin around it. Most steps are linear in the
colours, so that blur and noise disturb little.
"""

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F

from ..errors import KeyFaceError
from .canvas import Pose
from .face import (
    BROW,
    BROW_HALF_WIDTH,
    BROW_LIFT,
    BROW_Y,
    EYE_HALF_WIDTH,
    EYE_HEIGHT,
    EYE_WHITE,
    EYE_X,
    EYE_Y,
    INSIDE,
    LASH,
    LIP,
    LIP_POUT,
    LIP_THICKNESS,
    MOUTH_HALF_WIDTH,
    MOUTH_HEIGHT,
    MOUTH_STRETCH,
    MOUTH_Y,
    NECK_LIGHT,
    RIM,
    SEAM,
    SMILE_HEIGHT,
    UPPER_SHARE,
    nose_colour,
)
from .identity import NOSE_Y
from .looking import PITCH, colour_axis, look

FRAMES_AT_ONCE = 64
POSE_STEPS = 5
BROW_BEND = 1.8 * BROW_HALF_WIDTH**2 / 3
"""How much lower the middle of a brow's arch lies than its top."""


@dataclass(frozen=True)
class Measurements:
    """What the frames show; curves are (frames,) float32 with the units of `face.Motion`.

    Attributes:
        opening, width, smile: of the mouth.
        brow, eye: how raised and how open.
        x, y, tilt: of the head.
        skin, hair, background: mean colours (frames, 3) in [0, 1].
        face_width: visible width of the face at the nose, in frame heights.
        head_height: from crown to chin, in frame heights, judged by the chin.
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
    parts = [_measure(_pixels(part)) for part in frames.split(FRAMES_AT_ONCE)]
    names = [field.name for field in fields(Measurements)]
    return Measurements(**{name: torch.cat([getattr(part, name) for part in parts]).cpu() for name in names})


def _pixels(frames: torch.Tensor) -> torch.Tensor:
    """(n, 3, h, w) float32 in [0, 1], shrunk to at most one pixel per `PITCH`."""
    pixels = frames.permute(0, 3, 1, 2).float() / 255
    size = round(1 / PITCH)
    return pixels if pixels.shape[-1] <= size else F.interpolate(pixels, (size, size), mode="area")


def _measure(pixels: torch.Tensor) -> Measurements:
    pose, skin, brow = _find_head(pixels)
    opening, width, smile = _mouth(pixels, pose, skin)
    return Measurements(
        opening=opening,
        width=width,
        smile=smile,
        brow=brow,
        eye=_eye(pixels, pose, skin),
        **vars(pose),
        skin=skin,
        hair=_hair(pixels, pose),
        background=_corners(pixels),
        face_width=_face_width(pixels, pose, skin),
        head_height=_head_height(pixels, pose, skin),
    )


def _mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean (n,) over rows and columns."""
    return (values * weights).sum(dim=(1, 2)) / weights.sum(dim=(1, 2)).clamp(min=1e-6)


def _skin(pixels: torch.Tensor, pose: Pose) -> torch.Tensor:
    """The colour (n, 3) of the skin on both sides of the nose."""
    sides = ((-0.095, -0.05), (0.05, 0.095))
    colours = [look(pixels, pose, side, (0.06, 0.115)).colours.flatten(2) for side in sides]
    return torch.cat(colours, dim=2).median(dim=2).values


def _hair(pixels: torch.Tensor, pose: Pose) -> torch.Tensor:
    """The colour (n, 3) of the hair at the crown."""
    return look(pixels, pose, (-0.07, 0.07), (-0.35, -0.32)).colours.mean(dim=(2, 3))


def _find_head(pixels: torch.Tensor) -> tuple[Pose, torch.Tensor, torch.Tensor]:
    """Pose, skin (n, 3) and how far the brows are raised (n,)."""
    zero = pixels.new_zeros(len(pixels))
    pose = Pose(zero, zero, zero)
    for _ in range(POSE_STEPS):
        skin, hair = _skin(pixels, pose), _hair(pixels, pose)
        nose = _nose(pixels, pose, skin)
        brows = torch.stack([_brow(pixels, pose, skin, hair, side) for side in (-1, 1)], dim=1)
        apart, lower = (brows[:, 1] - brows[:, 0]).unbind(dim=-1)
        turn = torch.where(apart > EYE_X, lower / apart.clamp(min=EYE_X), 0)
        pose = Pose(
            x=pose.x + nose[:, 0] + turn * NOSE_Y,
            y=pose.y + nose[:, 1] - NOSE_Y,
            tilt=(pose.tilt + turn).clamp(-0.2, 0.2),
        )
    height = brows[:, :, 1].mean(dim=1)
    return pose, _skin(pixels, pose), (BROW_Y + BROW_BEND - height) / BROW_LIFT


def _nose(pixels: torch.Tensor, pose: Pose, skin: torch.Tensor) -> torch.Tensor:
    """Centre (n, 2) of the nose as the pose has it."""
    view = look(pixels, pose, (-0.06, 0.06), (NOSE_Y - 0.042, NOSE_Y + 0.042))
    weight = colour_axis(skin, [nose_colour(skin)], []).coverage(view)
    return torch.stack([_mean(view.x, weight), _mean(view.y, weight)], dim=1)


def _brow(
    pixels: torch.Tensor, pose: Pose, skin: torch.Tensor, hair: torch.Tensor, side: int
) -> torch.Tensor:
    """Centre (n, 2) of the brow on one side."""
    inner, outer = EYE_X - 0.085, EYE_X + 0.085
    x = (inner, outer) if side > 0 else (-outer, -inner)
    view = look(pixels, pose, x, (BROW_Y - 0.066, BROW_Y + 0.06))
    weight = colour_axis(skin, [BROW], [hair, RIM]).coverage(view)
    return torch.stack([_mean(view.x, weight), _mean(view.y, weight)], dim=1)


def _eye(pixels: torch.Tensor, pose: Pose, skin: torch.Tensor) -> torch.Tensor:
    """Opening of the lids (n,): the height of the white beside both irises."""
    axis = colour_axis(skin, [EYE_WHITE], [LASH, RIM])
    heights = []
    for side in (-1, 1):
        view = look(
            pixels, pose, (side * EYE_X - 0.078, side * EYE_X + 0.078), (EYE_Y - 0.066, EYE_Y + 0.036)
        )
        white = axis.share(view)
        u = (view.x - side * EYE_X).abs() / EYE_HALF_WIDTH
        beside = ((u > 0.62) & (u < 0.95)).float()
        arch = (beside * (1 - u * u)).sum()
        heights.append((white * beside).sum(dim=(1, 2)) * PITCH / arch)
    return torch.stack(heights).mean(dim=0) / EYE_HEIGHT


def _mouth(
    pixels: torch.Tensor, pose: Pose, skin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Opening, width and smile, each (n,), from the area of the lips and all they enclose."""
    view = look(pixels, pose, (-0.156, 0.156), (MOUTH_Y - 0.08, MOUTH_Y + 0.14))
    mouth = colour_axis(skin, [LIP, INSIDE], [NECK_LIGHT * skin]).coverage(view)
    x, y = view.x, view.y - MOUTH_Y
    mouth = mouth * (y < 0.04 + 0.115 * (1 - (x / 0.155) ** 2))

    columns = mouth.sum(dim=1) * PITCH
    middle = x.abs() < 0.03
    spread = _mean(x**2, mouth)
    half_width, corner = spread.new_tensor(MOUTH_HALF_WIDTH), 1.2 * LIP_THICKNESS
    for _ in range(4):
        # The mouth is `corner` high everywhere and `bulge` more in its middle, along a parabola.
        arch = 1 - (x[middle] ** 2).mean() / half_width**2
        bulge = (columns[:, middle].mean(dim=1) - corner) / arch
        relative = (corner / 3 + bulge * 2 / 15) / (corner + bulge * 2 / 3)
        half_width = (spread / relative).sqrt().clamp(0.05, 0.15)
    width = (half_width - corner / 4 - MOUTH_HALF_WIDTH) / MOUTH_STRETCH
    lips = 0.8 * LIP_THICKNESS + 2 * LIP_POUT * (-width).clamp(min=0)
    height = (bulge - lips).clamp(min=0)
    opening = ((height - SEAM) / MOUTH_HEIGHT).clamp(min=0)

    bow, centre_y = x**2 - _mean(x**2, mouth)[:, None, None], y - _mean(y, mouth)[:, None, None]
    bend = _mean(bow * centre_y, mouth) / _mean(bow**2, mouth).clamp(min=1e-9)
    smile = (-bend * half_width**2 - (0.5 - UPPER_SHARE) * height) / SMILE_HEIGHT
    return opening, width, smile


def _corners(pixels: torch.Tensor) -> torch.Tensor:
    """The colour (n, 3) of the wall in the upper corners."""
    edge = max(2, pixels.shape[-1] // 16)
    top = pixels[:, :, :edge]
    return torch.cat([top[..., :edge], top[..., -edge:]], dim=3).mean(dim=(2, 3))


def _face_width(pixels: torch.Tensor, pose: Pose, skin: torch.Tensor) -> torch.Tensor:
    """Width (n,) of the face: on both sides the first place where the skin ends."""
    width = 0
    for side in (-1, 1):
        x = (0.2, 0.4) if side > 0 else (-0.4, -0.2)
        row = look(pixels, pose, x, (NOSE_Y - 0.008, NOSE_Y + 0.008)).colours.mean(dim=2)
        row = row if side > 0 else row.flip(-1)
        away = (row - skin[:, :, None]).norm(dim=1)
        first = (away > 0.12).float().argmax(dim=1, keepdim=True)
        beyond = away.gather(1, (first + 2).clamp(max=away.shape[1] - 1))
        half = (beyond / 2).clamp(min=0.1)
        after = (away > half).float().argmax(dim=1, keepdim=True).clamp(min=1)
        low, high = away.gather(1, after - 1), away.gather(1, after)
        part = ((half - low) / (high - low).clamp(min=1e-3)).clamp(0, 1)
        width = width + 0.2 + (after - 1 + part)[:, 0] * PITCH
    return width


def _head_height(pixels: torch.Tensor, pose: Pose, skin: torch.Tensor) -> torch.Tensor:
    """Height (n,) of the head: where the shadow of the neck begins below the chin."""
    start, stop = 0.342, 0.396
    neck = colour_axis(skin, [NECK_LIGHT * skin], [])
    shadow = neck.share(look(pixels, pose, (-0.04, 0.04), (start, stop))).mean(dim=(1, 2))
    return 2 * (stop - shadow * (stop - start))
