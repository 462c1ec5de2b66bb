"""Seeded random numbers, the same for every batch size, device and machine."""

import hashlib

import torch

from .timeline import SLOTS
from .values import seed as checked_seed


def unit_noise(seed: int, stage: str, indices: range, channels: int, height: int, width: int) -> torch.Tensor:
    """Standard normal noise for the windows or segments with the given indices.

    Each draws from its own generator, seeded by (seed, stage, index), so that batching, resuming and
    distributing never change it.

    Returns:
        (len(indices), 14, channels, height, width) float32 on the CPU.

    Raises:
        KeyFaceError: the seed is no whole number of 64 bits.
    """
    seed = checked_seed("seed", seed)
    return torch.stack(
        [
            torch.randn((SLOTS, channels, height, width), generator=generator(seed, stage, index))
            for index in indices
        ]
    )


def generator(*place: int | str) -> torch.Generator:
    """The random numbers that belong to a place, named by a seed and what is drawn: always the same ones."""
    text = " ".join(map(str, ("keyface", *place)))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
