"""Known keyframes, held as they are while the others of their window are sampled around them.

Wherever a window shows a known keyframe, its slot is replaced twice at every evaluation of the network:

- in the noisy input by z + sigma eps, the known latent z at the current noise level, so that the other slots,
  which attend to it, are denoised into its neighbours;
- in the denoised prediction by z, so that whatever a sampler computes from it leads the slot to z.

At the end the slot is z itself, bit for bit, and not what scaling and arithmetic left of it.

This is the imputation of Song et al. 2021 ("Score-based generative modeling", appendix I.2), which Ho et al.
2022 ("Video diffusion models", section 3.1) call the replacement method for known frames, and equation 8 of
RePaint (Lugmayr et al. 2022) without its resampling. As in ComfyUI's noise_mask, eps is the noise that the
sampling started with instead of new noise at every step: a slot then moves along one line, as
deterministic samplers expect of all others.

Replacement alone leaves a gap: at the high noise levels, where poses are decided, the network sees next to
nothing of z through the noise (Ho et al. say so too), and free neighbours go elsewhere. So the prediction of
free slots is also moved by what the network got wrong of the held ones, `fitted`. That is the conditional
mean under a Gaussian around the prediction, as in moment matching posterior sampling (Rozet et al. 2024,
"Learning diffusion priors from observations by expectation maximization"); its covariance over slots is here
that of a first-order autoregression and not the network's Jacobian, so it costs no call.

KeyFace itself has no such thing; its keyframe network was not trained with known slots.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch

from ..errors import KeyFaceError
from ..messages import shown
from .sampling import Denoiser
from .tensors import check_latents
from .timeline import Timeline
from .values import whole

CORRELATION = 0.75
"""Of neighbouring keyframes that differ in the seed alone: 0.74 measured on the small model."""
DEVIATION = 0.3
"""Standard deviation taken for scaled latents that differ in the seed alone; 0.15 on the small model."""


@dataclass(frozen=True)
class Held:
    """What is known of a batch of windows.

    Attributes:
        latents: (windows, 14, 4, h, w) unscaled, 0 in free slots.
        free: (windows, 14, 1, 1, 1) bool, whether a slot is sampled.
    """

    latents: torch.Tensor
    free: torch.Tensor


def kept_keyframes(
    held: Mapping[int, torch.Tensor] | torch.Tensor | None,
    reroll: Collection[int],
    timeline: Timeline,
    shape: tuple[int, ...],
) -> dict[int, torch.Tensor]:
    """The keyframes to hold, by number: those of `held` without those of `reroll`.

    Args:
        held: unscaled latents (4, h, w) by keyframe number from 0 on, or all of a clip, (keyframes, 4, h, w).
        reroll: numbers of keyframes that are sampled anew though `held` has them.
        shape: (4, h, w) of the clip's latents.

    Returns:
        {number: (4, h, w) float32}

    Raises:
        KeyFaceError: a number that the clip has not, latents of another shape or with values that are not
            finite, or keyframes to sample anew where none is held.
    """
    form, last = str(tuple(shape)), timeline.n_keyframes - 1
    if held is None:
        held = {}
    elif isinstance(held, torch.Tensor):
        check_latents(held, "held", str((timeline.n_keyframes, *shape)))
        held = dict(enumerate(held))
    elif not isinstance(held, Mapping):
        raise KeyFaceError(
            f"held is {shown(held)}; give latents {form} by keyframe number, or those of all keyframes"
        )
    if isinstance(reroll, (str, bytes)) or not isinstance(reroll, Collection):
        raise KeyFaceError(f"reroll is {shown(reroll)}; give a set of keyframe numbers from 0 to {last}")
    again = {whole("a keyframe of reroll", number, 0, last) for number in reroll}
    if again and not held:
        raise KeyFaceError(
            "reroll leaves nothing to keep, as held is empty; give held all keyframes there were"
        )
    kept = {}
    for key, latent in held.items():
        number = whole("a keyframe of held", key, 0, last)
        check_latents(latent, f"held keyframe {number}", form)
        if number not in again:
            kept[number] = latent.detach().float()
    return kept


def hold(kept: Mapping[int, torch.Tensor], keyframes: torch.Tensor, shape: tuple[int, ...]) -> Held | None:
    """What windows hold; None where that is nothing.

    A kept keyframe is held in every slot that shows it, so also in the padding of the last window. Anchors
    are free: they are thrown away, and windows without a kept keyframe must come out as ever.

    Args:
        kept: see `kept_keyframes`.
        keyframes: (windows, 14) the keyframe in each slot (`Timeline.window_keyframes`).
        shape: (4, h, w) of the clip's latents.
    """
    latents = torch.zeros(*keyframes.shape, *shape)
    free = torch.ones(*keyframes.shape, 1, 1, 1, dtype=torch.bool)
    for window, slots in enumerate(keyframes.tolist()):
        for slot, number in enumerate(slots):
            if number in kept:
                latents[window, slot] = kept[number]
                free[window, slot] = False
    return None if free.all() else Held(latents, free)


def noised(latents: torch.Tensor, sigma: float, noise: torch.Tensor) -> torch.Tensor:
    """Known scaled latents at a noise level, as EDM adds noise."""
    return latents + sigma * noise


def fitted(denoised: torch.Tensor, latents: torch.Tensor, free: torch.Tensor, sigma: float) -> torch.Tensor:
    """The prediction of free slots, moved by what was wrongly predicted of held ones.

    With C = (K^-1 + I / sigma^2)^-1, what is still open at a noise level if slots are Gaussian with the
    covariance K, the conditional mean of free slots f given held ones h is D_f + C_fh C_hh^-1 (z_h - D_h):
    neighbours follow by `CORRELATION` while noise hides everything, and not at all in the end.

    Args:
        denoised: (windows, 14, 4, h, w) scaled, D.
        latents: like `denoised`, z in held slots.
        free: (windows, 14, 1, 1, 1) bool.

    Returns:
        Like `denoised`, held slots included; a window of which nothing or all is held as it was.
    """
    moved = denoised.clone()
    for window, slots in enumerate(free.flatten(1).cpu()):
        held = ~slots
        if held.any() and not held.all():
            wrong = (latents[window] - denoised[window])[held]
            gain = _gain(held, sigma).to(denoised.dtype).to(denoised.device)  # Apple's have no float64
            moved[window] += torch.einsum("sh,hcyx->scyx", gain, wrong)
    return moved


def _gain(held: torch.Tensor, sigma: float) -> torch.Tensor:
    """C_sh C_hh^-1 for all slots s: (14, held slots); see `fitted`."""
    slots = torch.arange(len(held), dtype=torch.float64)
    prior = DEVIATION**2 * CORRELATION ** (slots[:, None] - slots).abs()
    noise = sigma**2 * torch.eye(len(held), dtype=torch.float64)
    scaled = torch.linalg.solve(prior + noise, prior)  # C / sigma^2, a factor that cancels
    return torch.linalg.solve(scaled[held][:, held], scaled[:, held], left=False)


def holding(denoise: Denoiser, latents: torch.Tensor, free: torch.Tensor, noise: torch.Tensor) -> Denoiser:
    """A denoiser that sees and says the known latents in held slots, and fits the others to them.

    Args:
        latents: (windows, 14, 4, h, w) known, scaled.
        free: (windows, 14, 1, 1, 1) bool.
        noise: unit noise that the sampling starts with, like `latents`.
    """

    def held(x: torch.Tensor, sigma: float) -> torch.Tensor:
        denoised = denoise(torch.where(free, x, noised(latents, sigma, noise)), sigma)
        return torch.where(free, fitted(denoised, latents, free, sigma), latents)

    return held


def put_back(sampled: torch.Tensor, latents: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Samples in which what was held is what was given, bit for bit; all three broadcast to one shape."""
    return torch.where(free, sampled, latents.to(sampled))
