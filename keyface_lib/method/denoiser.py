"""The preconditioned denoiser of EDM (KeyFace eq. 1), as SVD trains it: v-prediction, sigma_data = 1.

Symbols are those of Karras et al. 2022, Table 1.
"""

import torch
from einops import rearrange

from .conditioning import Conditioning

LATENT_SCALE = 0.18215
"""What SVD's VAE latents are multiplied by to have unit variance. Only sampling uses scaled latents."""


def c_skip(sigma: torch.Tensor) -> torch.Tensor:
    return 1 / (sigma**2 + 1)


def c_out(sigma: torch.Tensor) -> torch.Tensor:
    return -sigma / (sigma**2 + 1).sqrt()


def c_in(sigma: torch.Tensor) -> torch.Tensor:
    return 1 / (sigma**2 + 1).sqrt()


def c_noise(sigma: torch.Tensor) -> torch.Tensor:
    return sigma.log() / 4


def denoise(unet, x: torch.Tensor, sigma: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
    """D(x; sigma) of eq. 1.

    Args:
        unet: called as `unet(x, c_noise, context, vector)`; runs in its own dtype.
        x: (sequences, 14, 4, h, w), noisy scaled latents.
        sigma: (sequences,) noise levels.

    Returns:
        Denoised scaled latents, shaped and typed like `x`.
    """
    dtype = next(unet.parameters()).dtype
    s = rearrange(sigma.to(x), "sequence -> sequence 1 1 1 1")
    network_input = torch.cat([c_in(s) * x, conditioning.concat.to(x)], dim=2)
    f = unet(
        network_input.to(dtype),
        c_noise(sigma.to(x)),
        conditioning.context.to(dtype),
        conditioning.vector.to(dtype),
    )
    return c_skip(s) * x + c_out(s) * f.to(x)
