"""KeyFace's training loss (eq. 3): latents on every frame, pixels on a few, the mouth's half weighted up."""

from collections.abc import Callable

import torch
from einops import rearrange, reduce

from ..method.denoiser import LATENT_SCALE
from .config import Loss

Perceptual = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Distances (n,) of pictures (n, 3, H, W), given the weights (H, 1) of their rows."""


def lambda_t(sigma: torch.Tensor) -> torch.Tensor:
    """lambda(t) of eq. 3: the weight at a noise level that makes eq. 1's v-prediction a plain L2 loss."""
    return (sigma**2 + 1) / sigma**2


def row_weights(height: int, lambda_lower: float, like: torch.Tensor) -> torch.Tensor:
    """lambda_lower of eq. 3 for every row of a picture or latent: (height, 1), 1 above the middle."""
    rows = torch.ones(height, 1, device=like.device, dtype=like.dtype)
    rows[height // 2 :] = lambda_lower
    return rows


def latent_losses(
    denoised: torch.Tensor, target: torch.Tensor, sigma: torch.Tensor, lambda_lower: float, kind: str = "l2"
) -> torch.Tensor:
    """The first term of eq. 3 for every frame.

    Args:
        denoised, target: (sequences, 14, 4, h, w) scaled latents.
        sigma: (sequences,)
        kind: "l2" or "l1".

    Returns:
        (sequences, 14)
    """
    distance = _distance(denoised - target, kind)
    weighted = distance * row_weights(target.shape[-2], lambda_lower, target)
    return lambda_t(sigma)[:, None] * reduce(weighted, "sequence slot c h w -> sequence slot", "mean")


def pixel_losses(
    decoded: torch.Tensor,
    pixels: torch.Tensor,
    sigma: torch.Tensor,
    settings: Loss,
    perceptual: Perceptual | None = None,
) -> dict[str, torch.Tensor]:
    """The other terms of eq. 3, averaged over the batch, each times its weight.

    Args:
        decoded, pixels: (sequences, k, 3, H, W) frames in [-1, 1].
        sigma: (sequences,)
        perceptual: L_p; needed where `settings` weights it.

    Returns:
        {"pixel_l2", "pixel_l1", "pixel_lpips": scalar}, those of weight 0 left out.
    """
    lower = settings.lambda_lower if settings.lower_on_pixels else 1.0
    rows = row_weights(pixels.shape[-2], lower, pixels)
    level = lambda_t(sigma)[:, None]
    losses = {}
    for kind, weight in (("l2", settings.pixel_l2), ("l1", settings.pixel_l1)):
        if weight:
            distance = _distance(decoded - pixels, kind) * rows
            distance = reduce(distance, "sequence frame c h w -> sequence frame", "mean")
            losses[f"pixel_{kind}"] = weight * (level * distance).mean()
    if settings.pixel_lpips:
        flat = [rearrange(x, "sequence frame c h w -> (sequence frame) c h w") for x in (decoded, pixels)]
        distance = rearrange(
            perceptual(*flat, rows), "(sequence frame) -> sequence frame", frame=decoded.shape[1]
        )
        losses["pixel_lpips"] = settings.pixel_lpips * (level * distance).mean()
    return losses


def decoded_slots(
    decode: Callable[[torch.Tensor], torch.Tensor], latents: torch.Tensor, slots: torch.Tensor
) -> torch.Tensor:
    """Decodes a few frames of every sequence.

    Args:
        decode: from unscaled latents (n, 4, h, w) to pictures (n, 3, H, W).
        latents: (sequences, 14, 4, h, w) scaled latents.
        slots: (sequences, k) int64, the frames.

    Returns:
        (sequences, k, 3, H, W) in [-1, 1]
    """
    chosen = latents[torch.arange(len(latents), device=slots.device)[:, None], slots]
    latents = rearrange(chosen, "sequence frame c h w -> (sequence frame) c h w") / LATENT_SCALE
    frames = rearrange(
        decode(latents), "(sequence frame) c h w -> sequence frame c h w", frame=slots.shape[1]
    )
    return frames.clamp(-1, 1)


def _distance(difference: torch.Tensor, kind: str) -> torch.Tensor:
    return difference**2 if kind == "l2" else difference.abs()
