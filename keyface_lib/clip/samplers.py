"""The samplers a clip can be made with: KeyFace's own and those of diffusers."""

import torch

from ..method.sampling import Denoiser, sample_euler
from ..method.schedule import align_your_steps
from ..method.tensors import check_steps
from .inputs import DIFFUSERS_SCHEDULERS, SAMPLERS, option

__all__ = ["DIFFUSERS_SCHEDULERS", "SAMPLERS", "noise_levels", "sample"]


def noise_levels(sampler: str = "euler", steps: int = 10) -> torch.Tensor:
    """The noise levels at which `sample` evaluates its denoiser, and the final 0: (evaluations + 1,).

    Raises:
        KeyFaceError: no such sampler, or steps out of their range.
    """
    if option("sampler", sampler) == "euler":
        return align_your_steps(steps)
    return _diffusers_scheduler(sampler, steps).sigmas.cpu()


def sample(
    denoise: Denoiser,
    noise: torch.Tensor,
    sampler: str = "euler",
    steps: int = 10,
    stage: str = "the sampling",
) -> torch.Tensor:
    """Samples scaled latents.

    Args:
        denoise: the guided denoiser.
        noise: unit noise of any shape, float32.
        sampler: "euler" (the released one) or one of `DIFFUSERS_SCHEDULERS`.
        steps: see `schedule.align_your_steps`.
        stage: what is sampled, for messages.

    Raises:
        KeyFaceError: no such sampler, steps out of their range, or a result that is not a number.
    """
    if option("sampler", sampler) == "euler":
        return sample_euler(denoise, noise, noise_levels(sampler, steps), stage)
    return _sample_with_diffusers(denoise, noise, _diffusers_scheduler(sampler, steps), stage)


def _diffusers_scheduler(sampler: str, steps: int):
    import diffusers

    sigmas = align_your_steps(steps)
    own = {"timestep_type": "continuous"} if sampler == "euler_discrete" else {"sigma_data": 1.0}
    scheduler = getattr(diffusers, DIFFUSERS_SCHEDULERS[sampler])(
        prediction_type="v_prediction", sigma_min=float(sigmas[-2]), sigma_max=float(sigmas[0]), **own
    )
    if sampler == "euler_discrete":
        scheduler.set_timesteps(sigmas=sigmas.tolist())  # with the 0 that it ends at
    else:  # the EDM classes know only Karras' levels between the two extremes
        scheduler.set_timesteps(steps)
    return scheduler


def _sample_with_diffusers(denoise: Denoiser, noise: torch.Tensor, scheduler, stage: str) -> torch.Tensor:
    finite = []
    x = noise * float(scheduler.init_noise_sigma)
    for step, t in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[step])
        scheduler.scale_model_input(x, t)  # only to tell it the step: our denoiser scales its input itself
        # The class expects the raw v-prediction F of eq. 1: solve D = c_skip x + c_out F for it.
        f = (x / (sigma**2 + 1) - denoise(x, sigma)) * (sigma**2 + 1) ** 0.5 / sigma
        x = scheduler.step(f, t, x).prev_sample
        finite.append(x.isfinite().all())
    check_steps(finite, stage)
    return x
