"""What a drawn face does, frame by frame."""

from dataclasses import dataclass, fields

import torch

from .canvas import Pose


@dataclass(frozen=True)
class Motion:
    """What a face does; each curve is (frames,) float32.

    Attributes:
        opening: of the mouth, from 0 (closed) to 1.
        width: of the mouth, from -1 (rounded) over 0 (at rest) to 1 (spread).
        smile: mouth corners, from -1 (down) to 1 (up).
        brow: from -1 (low) to 1 (raised).
        frown: from -1 (inner ends of the brows up, as in sorrow) to 1 (inner ends down, as in anger).
        eye: opening of the lids, from 0 (closed) over 0.6 (at rest) to 1.
        x, y: how far the head is right of and below its place, in frame heights.
        tilt: of the head to the right, in radians (small).
    """

    opening: torch.Tensor
    width: torch.Tensor
    smile: torch.Tensor
    brow: torch.Tensor
    frown: torch.Tensor
    eye: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    tilt: torch.Tensor

    def __len__(self) -> int:
        return len(self.opening)

    def __getitem__(self, frames: slice) -> "Motion":
        return Motion(*(getattr(self, field.name)[frames] for field in fields(self)))

    @property
    def pose(self) -> Pose:
        return Pose(self.x, self.y, self.tilt)

    def to(self, device: torch.device | str) -> "Motion":
        return Motion(*(getattr(self, field.name).to(device) for field in fields(self)))


def at_rest(n_frames: int = 1) -> Motion:
    """A still, neutral face with its mouth closed."""
    curves = {field.name: torch.zeros(n_frames) for field in fields(Motion)}
    return Motion(**{**curves, "eye": torch.full((n_frames,), 0.6)})
