"""What was read, as a picture: the curve over time, and under it the faces that it was read off."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ..media.timeline_picture import draw_timeline, thumbnails_shown
from ..method.emotion import EmotionCurve
from ..method.timeline import Timeline

SIDE = 96
"""Of a small picture, in pixels: more than it has in a timeline."""
MOST = 96
"""Small pictures that are held, of a video of any length."""


class Glimpses:
    """Small pictures of the faces that are read, evenly spread over what was read so far.

    Hand it to `observing.observe` as `watch`.
    """

    def __init__(self) -> None:
        self._held: dict[int, torch.Tensor] = {}
        self._apart = 1

    def __call__(self, first: int, frames: int, face: torch.Tensor | None) -> None:
        """Takes a face (3, size, size) in [-1, 1], shown for so many frames from one on; None is a gap."""
        number = -(-first // self._apart) * self._apart
        if number >= first + frames:
            return
        self._held[number] = _small(face)
        while len(self._held) > MOST:
            self._apart *= 2
            self._held = {frame: held for frame, held in self._held.items() if frame % self._apart == 0}

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)

    def drawn(self, n_frames: int, curve: EmotionCurve, width: int = 1200) -> Image.Image:
        """A timeline of the curve, with a face at each keyframe that has room for it; black is a gap.

        Args:
            n_frames: at 25 fps, all that were read.
            width: of the picture, in pixels.

        Raises:
            KeyFaceError: the picture has no room.
        """
        frames = Timeline(n_frames).keyframe_frames().tolist()
        # Those that have no room are never written to, so that they take no memory.
        pictures = torch.from_numpy(np.zeros((len(frames), SIDE, SIDE, 3), np.uint8))
        for number in thumbnails_shown(n_frames, width):
            pictures[number] = self._held[min(self._held, key=lambda held: abs(held - frames[number]))]
        return draw_timeline(n_frames, curve=curve, keyframes=pictures, width=width)


def _small(face: torch.Tensor | None) -> torch.Tensor:
    """(SIDE, SIDE, 3) uint8."""
    if face is None:
        return torch.zeros(SIDE, SIDE, 3, dtype=torch.uint8)
    small = F.interpolate(face[None], (SIDE, SIDE), mode="bilinear", antialias=True)[0]
    return small.add(1).mul(127.5).round().clamp(0, 255).byte().permute(1, 2, 0)
