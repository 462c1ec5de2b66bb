"""Whether an autoencoder knows a picture: it does where that comes back as well as those of its own kind.

A small one knows pictures like those of its training and no others. Whoever shows it another one is told so,
by every door in the same words; nothing is refused.
"""

from collections.abc import Mapping
from typing import Any

import torch

from ..messages import one_line
from .released import RELEASED_AT

_BEST = 100.0
"""Where two pictures are the same, in dB."""


def psnr(pictures: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    """How well pictures (n, 3, H, W) in [-1, 1] come back, (n,) in dB, at most 100."""
    error = (again.to(pictures).clamp(-1, 1) - pictures).square().mean(dim=(1, 2, 3))
    return (10 * torch.log10(4 / error.clamp(min=1e-30))).clamp(max=_BEST)


def said_of_strange(knows: Mapping[str, Any], picture: torch.Tensor, again: torch.Tensor) -> str | None:
    """What is said of a portrait that an autoencoder does not know; None where it does.

    Args:
        knows: the entry of its metadata.
        picture, again: (1, 3, H, W) in [-1, 1], the portrait, and what it comes back as.
    """
    if float(psnr(picture, again)) >= knows["at_least_db"]:
        return None
    return (
        f"this model is a demonstration for {one_line(knows['pictures'])}, and the portrait is none of them: "
        "the video will not show that face. For others (1) get the released weights from "
        f"https://huggingface.co/{RELEASED_AT['keyframe']} and put them into models/keyface (by 'keyface "
        "convert', or as they are in ComfyUI), and (2) name that folder with --model, or choose them in Load "
        "KeyFace Models"
    )
