"""The colours of a face that follow from its skin and hair.

Colours are (..., 3) in [0, 1]; functions of them work on one person's or on every frame's.
"""

from dataclasses import dataclass

import torch

INSIDE = (0.27, 0.07, 0.08)
"""Of an open mouth."""
TONGUE = (0.74, 0.36, 0.37)
TEETH = (0.93, 0.91, 0.87)
EYE_WHITE = (0.94, 0.94, 0.93)
PUPIL = (0.06, 0.05, 0.06)
RIM = (0.13, 0.11, 0.12)
"""Of glasses."""


@dataclass(frozen=True)
class Palette:
    """The colours that a person's features are made of, each (3,) or (frames, 3)."""

    skin: torch.Tensor
    hair: torch.Tensor
    eyes: torch.Tensor

    @property
    def lips(self) -> torch.Tensor:
        return self.skin * self.skin.new_tensor([0.88, 0.57, 0.58]) + self.skin.new_tensor([0.03, 0.0, 0.01])

    @property
    def upper_lip(self) -> torch.Tensor:
        return 0.86 * self.lips

    @property
    def brows(self) -> torch.Tensor:
        """Of the hair, but darker, and never lost on the skin."""
        return torch.minimum(0.55 * self.hair, 0.46 * self.skin)

    @property
    def lashes(self) -> torch.Tensor:
        return 0.35 * self.brows

    @property
    def shadow(self) -> torch.Tensor:
        """Of the skin, where no light falls."""
        return self.skin * self.skin.new_tensor([0.62, 0.5, 0.46])

    @property
    def gleam(self) -> torch.Tensor:
        """Of the skin, where most light falls."""
        return self.skin + 0.55 * (1 - self.skin)

    @property
    def blush(self) -> torch.Tensor:
        return self.skin * self.skin.new_tensor([1.0, 0.76, 0.74])
