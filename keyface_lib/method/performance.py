"""How a face performs, chosen while its keyframes are sampled: how much heads move, how far feelings show.

Neither KeyFace nor the released code has such choices; docs/taste.md says what they do and what was measured.
A strength of 1 is the method as it was trained, bit for bit.

**Head motion.** What sound and emotion determine, every sample of the network shows: mouths above all. What
they leave open, pose, gaze and blinks, is decided by noise. So

- below 1 keyframes share a part of their noise (`shared_noise`): what is left to chance turns out alike in
  all of them, and what they hear still differs;
- above 1 what a keyframe has by chance is led away from what the others have by chance (`livelier`).

**Expression.** Below 1 the curve of valence and arousal is scaled (`felt`); above 1 the prediction is led
away from what it is with a neutral face (`expressive_weights`), as classifier-free guidance leads away from
what it is without a condition (Ho and Salimans 2022).
"""

from collections.abc import Callable, Sequence

import torch

from .conditioning import Conditioning, keyframe_branches, keyframe_conditioning
from .noise import generator
from .sampling import Denoiser

BLIND = 50.0
"""Noise level from which on a prediction shows its conditions alone: nothing is seen through the noise."""
SETTLED = 0.3 / 8
"""Noise level, for each row of a latent, at and below which `livelier` leaves the prediction alone: poses are
decided by then, details are not. It was measured on the small model's 8 rows, and grows with them because
what covers a picture stands out of more noise where more values show it (Hoogeboom et al. 2023, "Simple
diffusion", section 3.1)."""

Change = Callable[[torch.Tensor, float], torch.Tensor]
"""A prediction (windows, 14, 4, h, w) and its noise level, to another prediction."""


def shared_noise(noise: torch.Tensor, seed: int, head_motion: float) -> torch.Tensor:
    """Noise of which a part is the same in every keyframe of a clip: sqrt(1 - m^2) z_shared + m z_own.

    It is the mixed noise model of PYoCo (Ge et al. 2023, "Preserve your own correlation"), there for
    training; its alpha^2 is (1 - m^2) / m^2. Unit noise stays unit noise, and what chance makes different
    between two keyframes shrinks to m. With m = 0 all keyframes start alike: a still head.

    Args:
        noise: (windows, 14, 4, h, w) z_own, unit noise.
        seed: of the clip, from which z_shared is drawn.
        head_motion: m; from 1 on nothing is shared.
    """
    if head_motion >= 1:
        return noise
    shared = torch.randn(noise.shape[2:], generator=generator(seed, "keyframes", "shared"))
    return (1 - head_motion**2) ** 0.5 * shared.to(noise) + head_motion * noise


def livelier(head_motion: float) -> Change:
    """Scales what differs by chance between the keyframes of a window, for one walk from noise to samples.

    By chance is what a prediction D(x; sigma) has beyond the first one D_0, which is made under noise so high
    (`BLIND`) that it knows the conditions alone. With d = D - D_0 and its mean over the window's keyframes,
    d is replaced by mean + m (d - mean) down to `SETTLED`. What sound and emotion determine lies in D_0 and
    is not scaled. Where the walk begins lower, so that there is no D_0, nothing is changed.

    Args:
        head_motion: m; up to 1 nothing is changed.
    """
    first: torch.Tensor | None = None

    def change(denoised: torch.Tensor, sigma: float) -> torch.Tensor:
        nonlocal first
        if sigma >= BLIND and first is None:
            first = denoised
        if first is None or sigma <= SETTLED * denoised.shape[-2] or head_motion <= 1:
            return denoised
        chance = denoised - first
        mean = chance[:, 1:].mean(dim=1, keepdim=True)  # slot 0 is the anchor, which is thrown away
        return denoised + (head_motion - 1) * (chance - mean)

    return change


def changed(denoise: Denoiser, change: Change) -> Denoiser:
    """A denoiser whose predictions are changed."""
    return lambda x, sigma: change(denoise(x, sigma), sigma)


def felt(emotion: torch.Tensor, expression: float) -> torch.Tensor:
    """A curve of valence or arousal as the network is told it: scaled where less is to show."""
    return emotion if expression >= 1 else emotion * expression


def expressive_branches(
    identity: torch.Tensor,
    tokens: torch.Tensor,
    valence: torch.Tensor,
    arousal: torch.Tensor,
    expression: float,
) -> list[Conditioning]:
    """`keyframe_branches` of what is felt; above 1 with that of a neutral face before the last one."""
    branches = keyframe_branches(identity, tokens, felt(valence, expression), felt(arousal, expression))
    if expression > 1:
        still = torch.zeros_like(valence)
        branches.insert(-1, keyframe_conditioning(identity, tokens, still, still))
    return branches


def expressive_weights(weights: Sequence[float], expression: float) -> tuple[float, ...]:
    """Weights of `expressive_branches` for the guidance in `weights` and, above 1, (w - 1) (z - z_neutral).

    Args:
        weights: of `keyframe_branches`; the last is that of z, which hears and feels everything.
        expression: w.
    """
    if expression <= 1:
        return tuple(weights)
    *others, full = weights
    return (*others, 1 - expression, full + expression - 1)
