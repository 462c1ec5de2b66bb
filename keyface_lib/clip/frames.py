"""From latents to the frames of the video: a few at a time."""

import torch

from ..method.batching import BatchSize
from ..networks.vae import KeyFaceVAE

DECODE_PIXELS = 4 * 512 * 512
"""Pixels decoded in one call on a card: four frames of the released size, about 1.5 GB in half precision."""
CPU_DECODE_PIXELS = 256 * 256
"""On the CPU, where larger tensors outgrow its caches: one such frame a call is 1.6 times as fast as four."""


def decode_batch(vae: KeyFaceVAE, height: int, width: int, device: torch.device) -> BatchSize:
    """How many latents (4, height, width) a device decodes in one call, to be used for all of a clip."""
    pixels = CPU_DECODE_PIXELS if device.type == "cpu" else DECODE_PIXELS
    return BatchSize(pixels // (height * width * vae.factor**2))


@torch.inference_mode()
def decode_segments(vae: KeyFaceVAE, segments: torch.Tensor, batch: BatchSize | None = None) -> torch.Tensor:
    """Decodes segments of unscaled latents (s, 14, 4, h, w) a few frames at a time: (s, 14, 3, H, W).

    Args:
        batch: from `decode_batch`, where former segments of the clip were decoded with it.

    Raises:
        DoesNotFitError: not even one frame fits into memory.
    """
    frames = segments.flatten(0, 1)
    height, width = frames.shape[-2:]
    batch = batch or decode_batch(vae, height, width, vae.device)
    decode = lambda part: vae.decode_frames(frames[part.start : part.stop])  # noqa: E731
    decoded = batch.run(decode, range(len(frames)), "one frame to decode")
    return torch.cat(list(decoded)).unflatten(0, segments.shape[:2])
