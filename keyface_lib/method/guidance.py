"""Guidance: eq. 4 (split classifier-free, keyframes) and eq. 5 (autoguidance, interpolation).

Both are weighted sums of denoised branches. Written as weights, a branch that a scale makes redundant has
weight 0 and its network is never called.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from .conditioning import Conditioning
from .denoiser import denoise

ALWAYS = (0.0, float("inf"))
"""The interval of noise levels in which guidance acts by default."""


def split_weights(audio_scale: float, identity_scale: float) -> tuple[float, float, float]:
    """Eq. 4, z_0 + w_id (z_id - z_0) + w_aud (z_id&aud - z_id), as weights of (z_0, z_id, z_id&aud)."""
    return 1 - identity_scale, identity_scale - audio_scale, audio_scale


def auto_weights(auto_scale: float) -> tuple[float, float]:
    """Eq. 5, D_r + w_auto (D_m - D_r), as weights of (D_r, D_m)."""
    return 1 - auto_scale, auto_scale


def scale_at(scale: float, sigma: float, interval: tuple[float, float] = ALWAYS) -> float:
    """`scale` where lo < sigma <= hi; 1, no guidance, elsewhere (Kynkäänniemi et al. 2024)."""
    low, high = interval
    return scale if low < sigma <= high else 1.0


def guided_denoiser(
    branches: Sequence[tuple[nn.Module, Conditioning]],
    weights: Callable[[float], Sequence[float]],
    on_call: Callable[[int], None] | None = None,
) -> Callable[[torch.Tensor, float], torch.Tensor]:
    """The weighted sum of denoised branches, as a denoiser of (x, sigma).

    Args:
        branches: a UNet and what it sees, per branch.
        weights: the branches' weights at a noise level; a branch of weight 0 is not evaluated.
        on_call: called with the number of sequences after every network call; may raise to interrupt.
    """

    def guided(x: torch.Tensor, sigma: float) -> torch.Tensor:
        sigmas = torch.full((len(x),), sigma, device=x.device)
        total = torch.zeros_like(x)
        for weight, (unet, conditioning) in zip(weights(sigma), branches, strict=True):
            if weight != 0:
                total += weight * denoise(unet, x, sigmas, conditioning)
                if on_call is not None:
                    on_call(len(x))
        return total

    return guided
