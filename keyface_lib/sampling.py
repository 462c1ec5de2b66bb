"""Walks from noise to a clean sample along a schedule of noise levels."""

from collections.abc import Callable
from itertools import pairwise

import torch

from .errors import KeyFaceError
from .schedule import align_your_steps

Denoiser = Callable[[torch.Tensor, float], torch.Tensor]
"""D(x, sigma) -> denoised x, for scaled latents x."""

DIFFUSERS_SCHEDULERS = {
    "euler_discrete": "EulerDiscreteScheduler",
    "edm_euler": "EDMEulerScheduler",
    "edm_dpmsolver": "EDMDPMSolverMultistepScheduler",
}
"""Schedulers of diffusers that work on continuous noise levels up to 700, by our short name."""
SAMPLERS = ("euler", *DIFFUSERS_SCHEDULERS)


def noise_levels(sampler: str = "euler", steps: int = 10) -> torch.Tensor:
    """The noise levels at which `sample` evaluates its denoiser, and the final 0: (evaluations + 1,).

    Raises:
        KeyFaceError: no such sampler.
    """
    if sampler == "euler":
        return align_your_steps(steps)
    return _diffusers_scheduler(sampler, steps).sigmas.cpu()


def sample(denoise: Denoiser, noise: torch.Tensor, sampler: str = "euler", steps: int = 10) -> torch.Tensor:
    """Samples scaled latents.

    Args:
        denoise: the guided denoiser.
        noise: unit noise of any shape, float32.
        sampler: "euler" (the released one) or one of `DIFFUSERS_SCHEDULERS`.
        steps: see `schedule.align_your_steps`.

    Raises:
        KeyFaceError: no such sampler.
    """
    if sampler == "euler":
        return sample_euler(denoise, noise, noise_levels(sampler, steps))
    return _sample_with_diffusers(denoise, noise, _diffusers_scheduler(sampler, steps))


def sample_euler(denoise: Denoiser, noise: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Euler's method (Karras et al. 2022, Algorithm 1 without churn) over the given noise levels."""
    # SVD's sampler starts from the standard deviation of data plus noise, not of the noise alone.
    x = noise * float((1 + sigmas[0] ** 2) ** 0.5)
    for sigma, sigma_next in pairwise(sigmas.float().tolist()):
        d = (x - denoise(x, sigma)) / sigma
        x = x + d * (sigma_next - sigma)
    return x


def _diffusers_scheduler(sampler: str, steps: int):
    import diffusers

    if sampler not in DIFFUSERS_SCHEDULERS:
        raise KeyFaceError(f"no sampler is called '{sampler}'; choose one of: {', '.join(SAMPLERS)}")
    sigmas = align_your_steps(steps)
    own = {"timestep_type": "continuous"} if sampler == "euler_discrete" else {"sigma_data": 1.0}
    scheduler = getattr(diffusers, DIFFUSERS_SCHEDULERS[sampler])(
        prediction_type="v_prediction", sigma_min=float(sigmas[-2]), sigma_max=float(sigmas[0]), **own
    )
    if sampler == "euler_discrete":
        scheduler.set_timesteps(sigmas=sigmas[:-1].tolist())
    else:  # the EDM classes know only Karras' levels between the two extremes
        scheduler.set_timesteps(steps)
    return scheduler


def _sample_with_diffusers(denoise: Denoiser, noise: torch.Tensor, scheduler) -> torch.Tensor:
    x = noise * float(scheduler.init_noise_sigma)
    for step, t in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[step])
        scheduler.scale_model_input(x, t)  # only to tell it the step: our denoiser scales its input itself
        # The class expects the raw v-prediction F of eq. 1: solve D = c_skip x + c_out F for it.
        f = (x / (sigma**2 + 1) - denoise(x, sigma)) * (sigma**2 + 1) ** 0.5 / sigma
        x = scheduler.step(f, t, x).prev_sample
    return x
