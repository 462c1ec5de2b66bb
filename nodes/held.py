"""What a noise mask keeps of keyframes, as the sampler of their windows takes it."""

from dataclasses import dataclass
from typing import TypeGuard

import comfy.utils
import torch

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.timeline import Timeline, windows_from_keyframes
from . import latents


@dataclass(frozen=True)
class HeldWindows:
    """What is known of a clip's windows.

    Attributes:
        latents: (windows, 14, 4, h, w) unscaled float32, 0 where everything is sampled.
        mask: (windows, 14, 1, h, w) ComfyUI's noise mask: 0 is kept, 1 is sampled.
        seed: that the rest is to be sampled with; None leaves it to the sampler.
        said: what is kept, in words.
    """

    latents: torch.Tensor
    mask: torch.Tensor
    seed: int | None
    said: str

    def is_known(self, window: int) -> bool:
        """Whether nothing of a window but its anchor is to be sampled."""
        return not self.mask[window, 1:].any()

    def seed_or(self, seed: int) -> int:
        return seed if self.seed is None else self.seed

    def for_sampler(self, windows: range) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Latents (14 * windows, 4, h, w) and noise mask of some windows; no mask where it keeps nothing."""
        part = slice(windows.start, windows.stop)
        mask = self.mask[part].flatten(0, 1)
        return self.latents[part].flatten(0, 1), None if (mask == 1).all() else mask


def held_windows(pinned: dict, timeline: Timeline, shape: torch.Size) -> HeldWindows:
    """What a LATENT of keyframes with a noise mask keeps of a clip.

    Args:
        shape: (4, h, w) of the clip's latents.

    Raises:
        KeyFaceError: it holds no keyframes of such a clip, or its mask is missing or no mask.
    """
    latents.require(pinned, "pinned", latents.KEYFRAMES)
    samples = pinned["samples"].float().cpu()
    if samples.shape != (timeline.n_keyframes, *shape):
        raise KeyFaceError(
            f"pinned has keyframes of the shape {tuple(samples.shape)} and this clip's are "
            f"{(timeline.n_keyframes, *shape)}; connect keyframes of the same sound and model"
        )
    mask = _mask(pinned.get(latents.MASK), samples)
    known = torch.where(mask < 1, samples, 0.0)
    kept = len(latents.kept_whole({"samples": samples, latents.MASK: mask}))
    seed = pinned.get(latents.ROLL)
    with_seed = "" if seed is None else f", the others sampled with seed {seed}"
    return HeldWindows(
        windows_from_keyframes(known, timeline, 0.0),
        windows_from_keyframes(mask, timeline, 1.0),
        seed,
        f"{kept} of {timeline.n_keyframes} keyframes kept{with_seed}",
    )


def _mask(mask: object, samples: torch.Tensor) -> torch.Tensor:
    """A noise mask of any size as one for latents (k, 4, h, w): (k, 1, h, w)."""
    if mask is None:
        raise KeyFaceError(
            "pinned does not say which keyframes stay; put Pin Keyframes or Re-roll Keyframes in between"
        )
    if not _is_mask(mask, len(samples)):
        raise KeyFaceError(
            f"the noise mask of pinned is no mask from 0 to 1 for {len(samples)} keyframes; put Pin "
            "Keyframes in between, or connect one mask, or one for each"
        )
    return comfy.utils.reshape_mask(mask.float().cpu(), (len(samples), 1, *samples.shape[-2:]))


def _is_mask(mask: object, n_keyframes: int) -> TypeGuard[torch.Tensor]:
    if not isinstance(mask, torch.Tensor) or mask.ndim not in (3, 4) or len(mask) not in (1, n_keyframes):
        return False
    values = mask.float()
    one_channel = mask.ndim == 3 or mask.shape[1] == 1
    return bool(one_channel and mask.numel() and ((values >= 0) & (values <= 1)).all())
