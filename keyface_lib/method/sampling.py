"""The walk from noise to a clean sample down the noise levels."""

from collections.abc import Callable
from itertools import pairwise

import torch

Denoiser = Callable[[torch.Tensor, float], torch.Tensor]
"""D(x, sigma) -> denoised x, for scaled latents x."""


def sample_euler(denoise: Denoiser, noise: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Euler's method (Karras et al. 2022, Algorithm 1 without churn) over the given noise levels."""
    # SVD's sampler starts from the standard deviation of data plus noise, not of the noise alone.
    x = noise * float((1 + sigmas[0] ** 2) ** 0.5)
    for sigma, sigma_next in pairwise(sigmas.float().tolist()):
        d = (x - denoise(x, sigma)) / sigma
        x = x + d * (sigma_next - sigma)
    return x
