"""Sampling a whole clip group by group, with one progress bar and live previews."""

from collections.abc import Callable, Iterator
from itertools import groupby

import comfy.model_management as mm
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from comfy.model_patcher import ModelPatcher
from einops import rearrange

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.noise import unit_noise
from ..keyface_lib.method.schedule import align_your_steps
from ..keyface_lib.method.timeline import SLOTS
from .calls import LARGEST_BATCH
from .guiders import SequenceGuider
from .held import HeldWindows
from .node_text import show

ALIGN_YOUR_STEPS = "align_your_steps"
SAMPLERS = comfy.samplers.SAMPLER_NAMES
SCHEDULERS = [ALIGN_YOUR_STEPS, *comfy.samplers.SCHEDULER_NAMES]
MAX_SEED = 0xFFFFFFFFFFFFFFFF


def sigmas_of(model: ModelPatcher, scheduler: str, steps: int) -> torch.Tensor:
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
        """Noise for a LATENT of whole sequences; raises KeyFaceError for any other."""
        samples = latent["samples"]
        if samples.ndim != 4 or len(samples) == 0 or len(samples) % SLOTS:
            raise KeyFaceError(
                f"the latent has the shape {tuple(samples.shape)} and KeyFace's noise is for sequences of "
                f"{SLOTS} frames; connect the latent output of the same KeyFace guider node to the sampler"
            )
        frames, *shape = samples.shape
        noise = unit_noise(self.seed, self.stage, range(frames // SLOTS), *shape)
        return rearrange(noise, "sequence slot ... -> (sequence slot) ...")


class Progress:
    """One progress bar over several groups of sequences, each taking `steps` steps."""

    def __init__(self, sequences: int):
        self._sequences = sequences
        self._done = 0.0
        self._bar = comfy.utils.ProgressBar(1000)
        self._previewer = None

    def passed(self, sequences: int) -> None:
        """Counts sequences that need no sampling."""
        self._done += sequences
        self._bar.update_absolute(round(1000 * self._done / self._sequences), 1000)

    def group(
        self, model: ModelPatcher, sequences: int, what: str
    ) -> Callable[[int, torch.Tensor, torch.Tensor, int], None]:
        """The callback for sampling the next group, which the node's text calls `what`."""
        if self._previewer is None:
            self._previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)
        start = self._done

        def on_step(step: int, x0: torch.Tensor, _x: torch.Tensor, steps: int) -> None:
            self._done = start + sequences * (step + 1) / steps
            preview = None
            if self._previewer is not None:  # a frame from the middle: it is no anchor and no known end
                preview = self._previewer.decode_latent_to_preview_image("JPEG", x0[SLOTS // 2][None])
            show(f"{what}: step {step + 1} of {steps}")
            self._bar.update_absolute(round(1000 * self._done / self._sequences), 1000, preview)

        return on_step


def _groups(n_sequences: int, held: HeldWindows | None) -> Iterator[range]:
    """Consecutive sequences, so many at a time; none that are known are among those that are not."""
    for _, run in groupby(range(n_sequences), lambda s: held is not None and held.is_known(s)):
        sequences = [*run]
        for first in range(0, len(sequences), LARGEST_BATCH):
            part = sequences[first : first + LARGEST_BATCH]
            yield range(part[0], part[-1] + 1)


def sample_groups(
    guider: SequenceGuider,
    stage: str,
    seed: int,
    sampler: str,
    sigmas: torch.Tensor,
    latent_shape: tuple[int, int, int],
    progress: Progress,
    held: HeldWindows | None = None,
) -> Iterator[torch.Tensor]:
    """Samples the sequences of a clip in order, so many at a time that memory does not grow with it.

    Args:
        stage: "keyframes" or "interpolation", for the noise.
        latent_shape: (4, h, w).
        held: what is known of keyframe windows; those that are known as a whole are not sampled.

    Yields:
        (sequences, 14, 4, h, w) unscaled latents, float32 on the CPU.
    """
    for group in _groups(guider.n_sequences, held):
        if held is not None and held.is_known(group[0]):
            progress.passed(len(group))
            yield held.latents[group.start : group.stop]
            continue
        first = group.start
        several = f", {first + 1} to {group.stop} of {guider.n_sequences}" if guider.n_sequences > 1 else ""
        noise = rearrange(unit_noise(seed, stage, group, *latent_shape), "s slot ... -> (s slot) ...")
        known, mask = (torch.zeros_like(noise), None) if held is None else held.for_sampler(group)
        guider.first = first
        mm.throw_exception_if_processing_interrupted()
        latents = guider.sample(
            noise,
            known,
            comfy.samplers.sampler_object(sampler),
            sigmas,
            mask,
            callback=progress.group(guider.model_patcher, len(group), guider.stage + several),
            disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
            seed=seed,
        )
        yield rearrange(latents, "(s slot) ... -> s slot ...", slot=SLOTS).cpu()
