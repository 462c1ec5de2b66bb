"""Sampling a whole clip group by group, with one progress bar and live previews."""

from collections.abc import Iterator

import comfy.model_management as mm
import comfy.samplers
import comfy.utils
import latent_preview
import torch

from ..keyface_lib.method.noise import unit_noise
from ..keyface_lib.method.schedule import align_your_steps
from ..keyface_lib.method.timeline import SLOTS
from .guiders import LARGEST_BATCH, SequenceGuider

ALIGN_YOUR_STEPS = "align_your_steps"
SAMPLERS = comfy.samplers.SAMPLER_NAMES
SCHEDULERS = [ALIGN_YOUR_STEPS, *comfy.samplers.SCHEDULER_NAMES]
MAX_SEED = 0xFFFFFFFFFFFFFFFF


def sigmas_of(model, scheduler: str, steps: int) -> torch.Tensor:
    """Noise levels, ending in 0, of our schedule or any of ComfyUI's: (levels + 1,) float32."""
    if scheduler == ALIGN_YOUR_STEPS:
        return align_your_steps(steps).float()
    return comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), scheduler, steps)


class UnitNoise:
    """KeyFace's noise as ComfyUI's NOISE: that of each window or segment depends on its number alone."""

    def __init__(self, seed: int, stage: str):
        self.seed = seed
        self.stage = stage

    def generate_noise(self, latent: dict) -> torch.Tensor:
        frames, *shape = latent["samples"].shape
        return unit_noise(self.seed, self.stage, range(frames // SLOTS), *shape).flatten(0, 1)


class Progress:
    """One progress bar over several groups of sequences, each taking `steps` steps."""

    def __init__(self, sequences: int):
        self._sequences = sequences
        self._done = 0.0
        self._bar = comfy.utils.ProgressBar(1000)
        self._previewer = None

    def group(self, model, sequences: int):
        """The callback for sampling the next group."""
        if self._previewer is None:
            self._previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)
        start = self._done

        def on_step(step: int, x0: torch.Tensor, _x: torch.Tensor, steps: int) -> None:
            self._done = start + sequences * (step + 1) / steps
            preview = None
            if self._previewer is not None:  # a frame from the middle: it is no anchor and no known end
                preview = self._previewer.decode_latent_to_preview_image("JPEG", x0[SLOTS // 2][None])
            self._bar.update_absolute(round(1000 * self._done / self._sequences), 1000, preview)

        return on_step


def sample_groups(
    guider: SequenceGuider,
    stage: str,
    seed: int,
    sampler: str,
    sigmas: torch.Tensor,
    latent_shape: tuple[int, int, int],
    progress: Progress,
) -> Iterator[torch.Tensor]:
    """Samples the sequences of a clip in order, so many at a time that memory does not grow with it.

    Args:
        stage: "keyframes" or "interpolation", for the noise.
        latent_shape: (4, h, w).

    Yields:
        (sequences, 14, 4, h, w) unscaled latents, float32 on the CPU.
    """
    for first in range(0, guider.n_sequences, LARGEST_BATCH):
        group = range(first, min(first + LARGEST_BATCH, guider.n_sequences))
        noise = unit_noise(seed, stage, group, *latent_shape).flatten(0, 1)
        guider.first = first
        mm.throw_exception_if_processing_interrupted()
        latents = guider.sample(
            noise,
            torch.zeros_like(noise),
            comfy.samplers.sampler_object(sampler),
            sigmas,
            callback=progress.group(guider.model_patcher, len(group)),
            disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
            seed=seed,
        )
        yield latents.unflatten(0, (-1, SLOTS)).cpu()
