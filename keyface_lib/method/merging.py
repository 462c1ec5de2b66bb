"""Joining decoded segments into one run of frames, and frames into bytes."""

from collections.abc import Iterable, Iterator

import torch
from einops import rearrange

from .tensors import check_finite


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
    """Frames (n, 3, H, W) in [-1, 1] as (n, H, W, 3) uint8 on the CPU, rounded.

    Raises:
        KeyFaceError: some are not a number: what is no picture never becomes a black one.
    """
    check_finite(
        frames, "the decoded frames", "decode in fp32; if that is so already, the VAE's weights are broken"
    )
    levels = frames.clamp(-1, 1).add(1).mul(127.5).round()
    return rearrange(levels.to(torch.uint8), "n c h w -> n h w c").contiguous().cpu()
