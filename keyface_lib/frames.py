"""From latents to the frames of the video: decoding and joining segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch

from .batching import BatchSize

if TYPE_CHECKING:  # joining frames needs no diffusers
    from .vae import KeyFaceVAE

DECODE_PIXELS = 4 * 512 * 512
"""Pixels decoded in one call: four frames of the released size, about 1.5 GB in half precision."""


@torch.inference_mode()
def decode_segments(vae: KeyFaceVAE, segments: torch.Tensor) -> torch.Tensor:
    """Decodes segments of unscaled latents (s, 14, 4, h, w) a few frames at a time: (s, 14, 3, H, W)."""
    frames = segments.flatten(0, 1)
    pixels = frames.shape[-2] * frames.shape[-1] * vae.factor**2
    batch = BatchSize(DECODE_PIXELS // pixels)
    decoded = batch.run(lambda part: vae.decode_frames(frames[part.start : part.stop]), range(len(frames)))
    return torch.cat(list(decoded)).unflatten(0, segments.shape[:2])


def merge_segments(segments: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Joins segments into one run of frames, averaging the two versions of each shared keyframe.

    Args:
        segments: consecutive groups (s, 14, 3, H, W) of decoded segments.

    Yields:
        (n, 3, H, W) as soon as these frames are final; the very last frame comes alone.
    """
    last = None
    for group in segments:
        for segment in group:
            if last is not None:
                segment = torch.cat([(last + segment[:1]) / 2, segment[1:]])
            last = segment[-1:]
            yield segment[:-1]
    if last is not None:
        yield last


def to_bytes(frames: torch.Tensor) -> torch.Tensor:
    """Frames (n, 3, H, W) in [-1, 1] as (n, H, W, 3) uint8 on the CPU, rounded."""
    levels = frames.clamp(-1, 1).add(1).mul(127.5).round()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()
