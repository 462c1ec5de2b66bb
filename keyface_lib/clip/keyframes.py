"""Stage one: windows of keyframes from identity, audio and emotion (section 3.2, guidance eq. 4)."""

from dataclasses import dataclass

import torch

from ..method.denoiser import LATENT_SCALE
from ..method.guidance import ALWAYS, guided_denoiser, scale_at, split_weights
from ..method.holding import Held, holding, put_back
from ..method.performance import changed, expressive_branches, expressive_weights, livelier
from ..method.sampling import Denoiser
from ..method.timeline import KEYFRAMES_PER_WINDOW
from ..networks.network import Network
from .inputs import check_fields
from .samplers import sample


@dataclass(frozen=True)
class KeyframeSettings:
    """How windows are sampled; the defaults are the released ones.

    Attributes:
        head_motion: how much the head moves, from 0 (still) over 1 (as trained) to 2.
        expression: how strongly feelings show, from 0 (not at all) over 1 (as trained) to 2.
        keyframes_per_window: of the 13 of a window, those that are used; see `Timeline.per_window`.
    """

    audio_scale: float = 5.0
    identity_scale: float = 2.0
    interval: tuple[float, float] = ALWAYS
    steps: int = 10
    sampler: str = "euler"
    head_motion: float = 1.0
    expression: float = 1.0
    keyframes_per_window: int = KEYFRAMES_PER_WINDOW

    def __post_init__(self):
        check_fields(self)

    def weights(self, sigma: float) -> tuple[float, ...]:
        """Weights of `expressive_branches` at a noise level."""
        scales = (scale_at(s, sigma, self.interval) for s in (self.audio_scale, self.identity_scale))
        return expressive_weights(split_weights(*scales), self.expression)


@torch.inference_mode()
def sample_windows(
    network: Network,
    identity: torch.Tensor,
    audio: torch.Tensor,
    valence: torch.Tensor,
    arousal: torch.Tensor,
    noise: torch.Tensor,
    settings: KeyframeSettings,
    on_call=None,
    held: Held | None = None,
) -> torch.Tensor:
    """Samples whole windows, anchors and padding included.

    Args:
        network: the keyframe network.
        identity: (windows, 4, h, w) unscaled latents of the portrait.
        audio: (windows, 14, 2, c) features of the network's encoders.
        valence, arousal: (windows, 14), each in [-1, 1].
        noise: (windows, 14, 4, h, w) unit noise, of which a part may be shared
            (`method.performance.shared_noise`).
        on_call: called with the number of sequences after every network call; may raise to interrupt.
        held: what is known of the windows, which is given back bit for bit (`method.holding`).

    Returns:
        (windows, 14, 4, h, w) unscaled latents, float32, on the network's device.
    """
    device = network.device
    identity, valence, arousal = identity.to(device), valence.to(device), arousal.to(device)
    branches = expressive_branches(identity, network.tokens(audio), valence, arousal, settings.expression)
    guided = guided_denoiser([(network.unet, seen) for seen in branches], settings.weights, on_call)
    if settings.head_motion > 1:
        guided = changed(guided, livelier(settings.head_motion))
    noise = noise.to(device)
    if held is None:
        return _sample(guided, noise, settings)
    latents, free = held.latents.to(device), held.free.to(device)
    guided = holding(guided, LATENT_SCALE * latents, free, noise)
    return put_back(_sample(guided, noise, settings), latents, free)


def _sample(denoise: Denoiser, noise: torch.Tensor, settings: KeyframeSettings) -> torch.Tensor:
    return sample(denoise, noise, settings.sampler, settings.steps, "the keyframes") / LATENT_SCALE
