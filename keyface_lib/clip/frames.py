"""From latents to the frames of the video: a few at a time."""

import torch

from ..method.batching import BatchSize
from ..networks.vae import KeyFaceVAE

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
