"""Both stages' guidance (eq. 4 and eq. 5) as GUIDERs, so that any SAMPLER and SIGMAS can drive them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from uuid import uuid4

import comfy.conds
import comfy.model_management as mm
import comfy.model_patcher
import comfy.samplers
import torch
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key

from ..keyface_lib.audio import AudioFeatures
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.batching import BatchSize
from ..keyface_lib.method.conditioning import (
    Conditioning,
    interpolation_conditioning,
    keyframe_branches,
    stack,
)
from ..keyface_lib.method.emotion import EmotionCurve
from ..keyface_lib.method.guidance import auto_weights, split_weights
from ..keyface_lib.method.timeline import SLOTS, Timeline, segment_ends
from .network import trained_of

LARGEST_BATCH = 12
"""Sequences in one network call; more would fill no card better, and cancelling waits for a call."""
_HEADROOM = 1.5
"""ComfyUI's own factor on its estimate of what a call needs."""


class SequenceGuider(comfy.samplers.CFGGuider):
    """Denoises independent sequences of 14 frames, each as the weighted sum of several branches.

    A sampler sees them as one batch of frames; within a step they are split into network calls by the memory
    that is free. A branch of weight 0 costs nothing.

    Attributes:
        n_sequences: windows or segments of the whole clip.
        first: the sequence of the clip with which the batch being sampled starts.
    """

    def __init__(
        self,
        networks: Sequence,
        conditions: Callable[[int], list[Conditioning]],
        weights: Sequence[float],
        n_sequences: int,
    ):
        """Prepares the guidance; nothing is computed.

        Args:
            networks: the `ModelPatcher` of each branch. The last one is the sampled MODEL; others are loaded
                beside it.
            conditions: what each branch sees of one sequence.
            weights: of the branches.
        """
        main = networks[-1].clone()
        others = [network for network in dict.fromkeys(networks) if network is not networks[-1]]
        if others:
            main.set_additional_models("keyface", others)
        super().__init__(main)
        self.model_options = comfy.model_patcher.create_model_options_clone(main.model_options)
        add_wrapper_with_key(
            WrappersMP.PREPARE_SAMPLING,
            "keyface",
            _weigh_one_sequence,
            self.model_options,
            is_model_options=True,
        )
        self.n_sequences = n_sequences
        self.first = 0
        self._others = others
        self._networks = [main if network is networks[-1] else network for network in networks]
        # Every step asks again for what its sequences see.
        self._conditions = lru_cache(maxsize=LARGEST_BATCH)(conditions)
        self._weights = weights
        self._batches: dict[object, BatchSize] = {}

    def sample(self, noise, *args, **kwargs):
        frames, room = len(noise), SLOTS * (self.n_sequences - self.first)
        if frames % SLOTS or frames > room:
            raise KeyFaceError(
                f"the latent has {frames} frames and this guider samples {room}; connect the latent output "
                "of the same KeyFace guider node to the sampler"
            )
        if self.first == 0:  # a new clip, and perhaps other room
            self._batches.clear()
        return super().sample(noise, *args, **kwargs)

    def inner_sample(self, *args, **kwargs):
        for network in self._others:
            network.pre_run()
        try:
            return super().inner_sample(*args, **kwargs)
        finally:
            for network in self._others:
                network.cleanup()

    def predict_noise(self, x, timestep, model_options={}, seed=None):  # noqa: B006 (as ComfyUI declares it)
        sequences = x.unflatten(0, (-1, SLOTS))
        total = torch.zeros_like(sequences)
        sigma = timestep.flatten()[:1]
        for network in dict.fromkeys(self._networks):
            branches = [
                branch
                for branch, weight in enumerate(self._weights)
                if self._networks[branch] is network and weight != 0
            ]
            options = model_options if network is self.model_patcher else network.model_options
            jobs = list(product(range(len(sequences)), branches))
            done = 0

            def call(part: range, jobs=jobs, network=network, options=options) -> torch.Tensor:
                return self._denoise(network.model, sequences, jobs[part.start : part.stop], sigma, options)

            if network not in self._batches:
                self._batches[network] = _batch_that_fits(network.model, x)
            for denoised in self._batches[network].run(call, range(len(jobs))):
                for (sequence, branch), frames in zip(jobs[done:], denoised, strict=False):
                    total[sequence] += self._weights[branch] * frames
                done += len(denoised)
        return total.flatten(0, 1)

    def _denoise(self, model, sequences, jobs: list[tuple[int, int]], sigma, options) -> torch.Tensor:
        """One network call: (jobs, 14, 4, h, w), each job being a sequence as one branch sees it."""
        mm.throw_exception_if_processing_interrupted()
        conditioning = stack([self._conditions(self.first + sequence)[branch] for sequence, branch in jobs])
        x = sequences[[sequence for sequence, _ in jobs]].flatten(0, 1)
        cond = {
            "uuid": uuid4(),
            "model_conds": {
                "c_concat": comfy.conds.CONDNoiseShape(conditioning.concat.flatten(0, 1).to(x.device)),
                "c_crossattn": comfy.conds.CONDCrossAttn(
                    conditioning.context.repeat_interleave(SLOTS, dim=0)  # every frame hears all 14
                ),
                "y": comfy.conds.CONDRegular(conditioning.vector.flatten(0, 1)),
                "num_video_frames": comfy.conds.CONDConstant(SLOTS),
            },
        }
        denoised = comfy.samplers.calc_cond_batch(model, [[cond]], x, sigma.expand(len(x)), options)
        return denoised[0].unflatten(0, (-1, SLOTS))


def keyframe_guider(
    model,
    identity: torch.Tensor,
    features: AudioFeatures,
    emotion: EmotionCurve,
    audio_scale: float,
    identity_scale: float,
) -> SequenceGuider:
    """Split guidance of identity and audio (eq. 4) over the windows of a clip.

    Args:
        model: the keyframe MODEL.
        identity: (1, 4, h, w) unscaled latent of the portrait.
    """
    trained = trained_of(model, "keyframe")
    timeline = Timeline(features.n_frames)
    frames = timeline.window_frames()
    tokens = trained.tokens(features.select(trained.encoders))
    valence, arousal = emotion.at_frames(features.n_frames)

    def conditions(window: int) -> list[Conditioning]:
        heard = frames[window, None]
        return keyframe_branches(identity, tokens[heard], valence[heard], arousal[heard])

    weights = split_weights(audio_scale, identity_scale)
    return SequenceGuider([model] * 3, conditions, weights, timeline.n_windows)


def interpolation_guider(
    model, reduced, keyframes: torch.Tensor, features: AudioFeatures, auto_scale: float
) -> SequenceGuider:
    """Autoguidance by the reduced network (eq. 5) over the segments of a clip.

    Args:
        model: the interpolation MODEL.
        reduced: the reduced MODEL; without it there is no guidance, whatever the scale.
        keyframes: (k, 4, h, w) unscaled latents, as many as the clip has.

    Raises:
        KeyFaceError: a MODEL has another role, or the reduced one belongs to another model.
    """
    trained = trained_of(model, "interpolation")
    by_branch = [(model, trained)]
    weights: Sequence[float] = (1.0,)
    if reduced is not None:
        by_branch.insert(0, (reduced, trained_of(reduced, "reduced")))
        _require_same_tokens(model, reduced)
        weights = auto_weights(auto_scale)
    timeline = Timeline(features.n_frames)
    frames = timeline.segment_frames()
    tokens = trained.tokens(features.select(trained.encoders))
    ends = segment_ends(keyframes)
    masks = [trained.mask_for(*keyframes.shape[-2:]) for _, trained in by_branch]

    def conditions(segment: int) -> list[Conditioning]:
        heard = tokens[frames[segment, None]]
        return [interpolation_conditioning(ends[segment, None], mask, heard) for mask in masks]

    return SequenceGuider([network for network, _ in by_branch], conditions, weights, timeline.n_segments)


def _require_same_tokens(model, reduced) -> None:
    """Raises KeyFaceError where the reduced network cannot hear what the interpolation network hears."""
    widths = [network.model.model_config.unet_config["context_dim"] for network in (model, reduced)]
    if widths[0] != widths[1]:
        files = [network.model.trained.path for network in (model, reduced)]
        raise KeyFaceError(
            f"{files[1]} hears audio tokens of {widths[1]} channels and {files[0]} of {widths[0]}: they were "
            "not trained together; choose the reduced model that came with the interpolation model"
        )


def _weigh_one_sequence(executor, model, noise_shape, *args, **kwargs):
    """Loads the networks with room for one sequence beside them: however long the clip, calls are split."""
    return executor(model, [SLOTS, *noise_shape[1:]], *args, **kwargs)


def _batch_that_fits(model, x: torch.Tensor) -> BatchSize:
    needed = _HEADROOM * model.memory_required([SLOTS, *x.shape[1:]])
    return BatchSize(min(LARGEST_BATCH, int(mm.get_free_memory(x.device) / max(1, needed))))
