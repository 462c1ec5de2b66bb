"""The initial noise, the same for every batch size, device and machine."""

import hashlib

import torch

from .timeline import SLOTS


def unit_noise(seed: int, stage: str, indices: range, channels: int, height: int, width: int) -> torch.Tensor:
    """Standard normal noise for the windows or segments with the given indices.

    Each draws from its own generator, seeded by (seed, stage, index), so that batching, resuming and
    distributing never change it.

    Returns:
        (len(indices), 14, channels, height, width) float32 on the CPU.
    """
    return torch.stack(
        [
            torch.randn((SLOTS, channels, height, width), generator=_generator(seed, stage, index))
            for index in indices
        ]
    )


def _generator(seed: int, stage: str, index: int) -> torch.Generator:
    digest = hashlib.sha256(f"keyface {seed} {stage} {index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
