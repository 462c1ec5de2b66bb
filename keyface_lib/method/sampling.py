"""The walk from noise to a clean sample down the noise levels."""

from collections.abc import Callable
from itertools import pairwise

import torch

from .tensors import check_steps

Denoiser = Callable[[torch.Tensor, float], torch.Tensor]
"""D(x, sigma) -> denoised x, for scaled latents x."""


def sample_euler(
    denoise: Denoiser, noise: torch.Tensor, sigmas: torch.Tensor, stage: str = "the sampling"
) -> torch.Tensor:
    """Euler's method (Karras et al. 2022, Algorithm 1 without churn) over the given noise levels.

    Raises:
        KeyFaceError: the result is not a number; the message names `stage` and the step that was the first.
    """
    # SVD's sampler starts from the standard deviation of data plus noise, not of the noise alone.
    x = noise * float((1 + sigmas[0] ** 2) ** 0.5)
    finite = []
    for sigma, sigma_next in pairwise(sigmas.float().tolist()):
        d = (x - denoise(x, sigma)) / sigma
        x = x + d * (sigma_next - sigma)
        finite.append(x.isfinite().all())
    check_steps(finite, stage)
    return x
