"""Stage two: the frames between neighbouring keyframes (section 3.3, autoguidance eq. 5)."""

from dataclasses import dataclass

import torch

from ..method.conditioning import interpolation_conditioning
from ..method.denoiser import LATENT_SCALE
from ..method.guidance import ALWAYS, auto_weights, guided_denoiser, scale_at
from ..networks.network import Network
from .inputs import check_fields
from .samplers import sample


@dataclass(frozen=True)
class InterpolationSettings:
    """How segments are sampled; the defaults are the released ones."""

    auto_scale: float = 2.0
    interval: tuple[float, float] = ALWAYS
    steps: int = 10
    sampler: str = "euler"

    def __post_init__(self):
        check_fields(self)

    def weights(self, sigma: float) -> tuple[float, float]:
        """Weights of the (reduced, main) networks at a noise level."""
        return auto_weights(scale_at(self.auto_scale, sigma, self.interval))


@torch.inference_mode()
def sample_segments(
    network: Network,
    reduced: Network | None,
    ends: torch.Tensor,
    audio: torch.Tensor,
    noise: torch.Tensor,
    settings: InterpolationSettings,
    on_call=None,
) -> torch.Tensor:
    """Samples whole segments, both keyframes included.

    Args:
        network: the interpolation network.
        reduced: the network that guides it; None samples without guidance, whatever the scale.
        ends: (segments, 2, 4, h, w) unscaled latents of the first and last frame.
        audio: (segments, 14, 2, c) features of the network's encoders.
        noise: (segments, 14, 4, h, w) unit noise.
        on_call: called with the number of sequences after every network call; may raise to interrupt.

    Returns:
        (segments, 14, 4, h, w) unscaled latents, float32, on the network's device.
    """
    ends = ends.to(network.device)
    tokens = network.tokens(audio)
    height, width = ends.shape[-2:]
    networks = [network] if reduced is None else [reduced, network]
    branches = [
        (n.unet, interpolation_conditioning(ends, n.mask_for(height, width), tokens)) for n in networks
    ]
    weights = (lambda sigma: (1.0,)) if reduced is None else settings.weights
    guided = guided_denoiser(branches, weights, on_call)
    noise = noise.to(ends.device)
    return sample(guided, noise, settings.sampler, settings.steps, "the interpolation") / LATENT_SCALE
