"""Both stages' guidance (eq. 4 and eq. 5) as GUIDERs, so that any SAMPLER and SIGMAS can drive them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product

import comfy.conds
import comfy.model_management as mm
import comfy.model_patcher
import comfy.samplers
import comfy.utils
import torch
from comfy.model_base import BaseModel
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key

from ..keyface_lib.audio import AudioFeatures
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.batching import BatchSize, memory_for
from ..keyface_lib.method.conditioning import (
    Conditioning,
    interpolation_conditioning,
)
from ..keyface_lib.method.emotion import EmotionCurve
from ..keyface_lib.method.guidance import auto_weights, split_weights
from ..keyface_lib.method.holding import fitted, put_back
from ..keyface_lib.method.performance import (
    expressive_branches,
    expressive_weights,
    livelier,
    shared_noise,
)
from ..keyface_lib.method.timeline import SLOTS, Timeline, segment_ends
from ..keyface_lib.weights.architecture import PROJECTION
from . import cfg
from .calls import LARGEST_BATCH, batch_that_fits, cond_of, weigh_one_sequence, with_calls_that_fit
from .media import CHANNELS
from .network import Trained, trained_of
from .node_text import remark
from .performance import AS_TRAINED, Performance, performance_of

Fit = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]


class SequenceGuider(comfy.samplers.CFGGuider):
    """Denoises independent sequences of 14 frames, each as the weighted sum of several branches.

    A sampler sees them as one batch of frames; within a step they are split into network calls by the memory
    that is free. A branch of weight 0 costs nothing, unless a function on the MODEL asks for it (see `cfg`).

    Attributes:
        stage: what is sampled, for messages.
        guidance: the scales in force, in words.
        n_sequences: windows or segments of the whole clip.
        first: the sequence of the clip with which the batch being sampled starts.
    """

    def __init__(
        self,
        networks: Sequence[ModelPatcher],
        conditions: Callable[[int], list[Conditioning]],
        weights: Sequence[float],
        n_sequences: int,
        stage: str = "clip",
        guidance: str = "",
        fit: Fit | None = None,
        performance: Performance = AS_TRAINED,
    ):
        """Prepares the guidance; nothing is computed.

        Args:
            networks: the `ModelPatcher` of each branch. The last one is the sampled MODEL; others are loaded
                beside it.
            conditions: what each branch sees of one sequence.
            weights: of the branches.
            fit: moves what is predicted of free slots, as `method.holding.fitted` does, where a noise mask
                holds others.
            performance: how much heads move; its expression is a matter of conditions and weights.
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
            weigh_one_sequence,
            self.model_options,
            is_model_options=True,
        )
        self.stage = stage
        self.guidance = guidance
        self.n_sequences = n_sequences
        self.first = 0
        self._others = others
        self._networks = [main if network is networks[-1] else network for network in networks]
        # Every step asks again for what its sequences see.
        self._conditions = lru_cache(maxsize=LARGEST_BATCH)(conditions)
        self._weights = weights
        self._batches: dict[object, BatchSize] = {}
        self._fit = fit
        self._held: tuple[torch.Tensor, torch.Tensor] | None = None
        self._head_motion = performance.head_motion
        self._livelier = livelier(self._head_motion)

    def sample(
        self,
        noise: torch.Tensor,
        latent_image: torch.Tensor,
        sampler: comfy.samplers.Sampler,
        sigmas: torch.Tensor,
        denoise_mask: torch.Tensor | None = None,
        *args: object,
        **kwargs: object,
    ) -> torch.Tensor:
        """As ComfyUI's, for whole sequences of this clip; what a noise mask keeps is given back bit for bit.

        Raises:
            KeyFaceError: the latent does not fit the guider, the MODEL carries what has no meaning here, a
                step does not end in numbers, or memory runs out.
        """
        frames, room = len(noise), SLOTS * (self.n_sequences - self.first)
        if frames % SLOTS or not 0 < frames <= room:
            raise KeyFaceError(
                f"the latent has {frames} frames and this guider samples {room}; connect the latent output "
                "of the same KeyFace guider node to the sampler"
            )
        height, width = self._conditions(self.first)[-1].concat.shape[-2:]
        if noise.shape[1:] != (CHANNELS, height, width):
            raise KeyFaceError(
                f"the latent's frames are {tuple(noise.shape[1:])} and this guider's "
                f"{(CHANNELS, height, width)}; connect the latent output of the same KeyFace guider node to "
                "the sampler"
            )
        cfg.require_meaning(self.model_options)
        for other in self._others:
            cfg.require_meaning(other.model_options)
            if cfg.has_functions(other.model_options):
                remark("nodes around guidance do nothing on the reduced model; put them on the other one")
        if self.first == 0:  # a new clip, and perhaps other room
            self._batches.clear()
        free = None if denoise_mask is None else comfy.utils.reshape_mask(denoise_mask, noise.shape) > 0
        self._held = None if free is None or self._fit is None else self._held_slots(latent_image, free)
        noise = self._shared(noise, kwargs.get("seed"))
        self._livelier = livelier(self._head_motion)  # it knows one walk
        with memory_for(f"a step of the {self.stage}"):
            sampled = super().sample(noise, latent_image, sampler, sigmas, denoise_mask, *args, **kwargs)
        _require_numbers(sampled, f"at the end of the {self.stage}")
        return sampled if free is None else put_back(sampled, latent_image, free.to(sampled.device))

    def _shared(self, noise: torch.Tensor, seed: object) -> torch.Tensor:
        """Noise as heads of this motion need it, whatever node made it; none stays none."""
        if self._head_motion >= 1 or not noise.any():
            return noise
        windows = noise.unflatten(0, (-1, SLOTS))
        return shared_noise(windows, seed if isinstance(seed, int) else 0, self._head_motion).flatten(0, 1)

    def _held_slots(self, latents: torch.Tensor, free: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scaled latents and what is free, as `fitted` takes them; a slot held in part is free there."""
        scaled = self.model_patcher.model.process_latent_in(latents.float())
        slots = free.flatten(1).any(dim=1)[:, None, None, None]
        return scaled.unflatten(0, (-1, SLOTS)), slots.unflatten(0, (-1, SLOTS))

    def inner_sample(self, *args: object, **kwargs: object) -> torch.Tensor:
        for network in self._others:
            network.pre_run()
        try:
            return super().inner_sample(*args, **kwargs)
        finally:
            for network in self._others:
                network.cleanup()

    def predict_noise(
        self,
        x: torch.Tensor,
        timestep: torch.Tensor,
        model_options: dict = {},  # noqa: B006 (as ComfyUI declares it)
        seed: int | None = None,
    ) -> torch.Tensor:
        """The guided denoised frames, like `x`; raises KeyFaceError where they are not all numbers."""
        sigma = timestep.flatten()[:1]
        if cfg.has_functions(model_options):
            guidance = cfg.uncond_weights(self._weights, model_options)
            cond = (*(0.0 for _ in self._weights[1:]), 1.0)
            denoised = cfg.guided(
                self.inner_model,
                x,
                timestep,
                self._sums([cond, guidance.uncond], x, sigma, model_options),
                guidance.scale,
                self._conds_of_all(x, cond != guidance.uncond),
                with_calls_that_fit(model_options, self._batch(self.model_patcher, x)),
            )
        else:
            (denoised,) = self._sums([self._weights], x, sigma, model_options)
        sigmas = model_options.get("transformer_options", {}).get("sample_sigmas", sigma)
        step = int((sigmas.to(sigma) >= sigma).sum())
        _require_numbers(denoised, f"after step {max(1, step)} of the {self.stage}")
        if self._head_motion > 1:
            denoised = self._livelier(denoised.unflatten(0, (-1, SLOTS)), float(sigma)).flatten(0, 1)
        if self._held is None:
            return denoised
        latents, free = (held.to(denoised.device) for held in self._held)
        return self._fit(denoised.unflatten(0, (-1, SLOTS)), latents, free, float(sigma)).flatten(0, 1)

    def _sums(
        self, weights: Sequence[Sequence[float]], x: torch.Tensor, sigma: torch.Tensor, model_options: dict
    ) -> tuple[torch.Tensor, ...]:
        """Weighted sums of the denoised branches, each like `x`, for every list of weights; each branch that
        has a weight is computed once."""
        sequences = x.unflatten(0, (-1, SLOTS))
        totals = [torch.zeros_like(sequences) for _ in weights]
        wanted = [branch for branch in range(len(self._networks)) if any(w[branch] != 0 for w in weights)]
        for network in dict.fromkeys(self._networks):
            branches = [branch for branch in wanted if self._networks[branch] is network]
            options = model_options if network is self.model_patcher else network.model_options
            jobs = list(product(range(len(sequences)), branches))
            done = 0

            def call(
                part: range, jobs: list = jobs, network: ModelPatcher = network, options: dict = options
            ) -> torch.Tensor:
                return self._denoise(network.model, sequences, jobs[part.start : part.stop], sigma, options)

            for denoised in self._batch(network, x).run(call, range(len(jobs))):
                for (sequence, branch), frames in zip(jobs[done:], denoised, strict=False):
                    for total, weight in zip(totals, weights, strict=True):
                        if weight[branch] != 0:
                            total[sequence] += weight[branch] * frames
                done += len(denoised)
        return tuple(total.flatten(0, 1) for total in totals)

    def _batch(self, network: ModelPatcher, x: torch.Tensor) -> BatchSize:
        """How many sequences fit into a call of a network, for the whole clip."""
        if network not in self._batches:
            self._batches[network] = batch_that_fits(network, x)
        return self._batches[network]

    def _conds_of_all(self, x: torch.Tensor, with_uncond: bool) -> list:
        """What the last branch and, if it differs, the first one see of all sequences being sampled."""
        sequences = range(self.first, self.first + len(x) // SLOTS)
        branches = [len(self._weights) - 1, 0] if with_uncond else [len(self._weights) - 1]
        conds = [cond_of([self._conditions(s)[branch] for s in sequences], x) for branch in branches]
        return conds if with_uncond else [*conds, None]

    def _denoise(
        self,
        model: BaseModel,
        sequences: torch.Tensor,
        jobs: list[tuple[int, int]],
        sigma: torch.Tensor,
        options: dict,
    ) -> torch.Tensor:
        """One network call: (jobs, 14, 4, h, w), each job being a sequence as one branch sees it."""
        mm.throw_exception_if_processing_interrupted()
        seen = [self._conditions(self.first + sequence)[branch] for sequence, branch in jobs]
        x = sequences[[sequence for sequence, _ in jobs]].flatten(0, 1)
        denoised = comfy.samplers.calc_cond_batch(model, [cond_of(seen, x)], x, sigma.expand(len(x)), options)
        return denoised[0].unflatten(0, (-1, SLOTS))


def keyframe_guider(
    model: ModelPatcher,
    identity: torch.Tensor,
    features: AudioFeatures,
    emotion: EmotionCurve,
    audio_scale: float,
    identity_scale: float,
) -> SequenceGuider:
    """Split guidance of identity and audio (eq. 4) over the windows of a clip.

    Args:
        model: the keyframe MODEL, perhaps with how to perform on it.
        identity: (1, 4, h, w) unscaled latent of the portrait.
    """
    trained = trained_of(model, "keyframe")
    timeline = Timeline(features.n_frames)
    frames = timeline.window_frames()
    tokens = _tokens(trained, features)
    valence, arousal = emotion.at_frames(features.n_frames)
    performance = performance_of(model)

    def conditions(window: int) -> list[Conditioning]:
        heard = frames[window, None]
        felt = valence[heard], arousal[heard]
        return expressive_branches(identity, tokens[heard], *felt, performance.expression)

    weights = expressive_weights(split_weights(audio_scale, identity_scale), performance.expression)
    return SequenceGuider(
        [model] * len(weights),
        conditions,
        weights,
        timeline.n_windows,
        "keyframes",
        f"guidance: audio {audio_scale:g}, identity {identity_scale:g}{performance.said}",
        fitted,
        performance,
    )


def interpolation_guider(
    model: ModelPatcher,
    reduced: ModelPatcher | None,
    keyframes: torch.Tensor,
    features: AudioFeatures,
    auto_scale: float,
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
    tokens = _tokens(trained, features)
    ends = segment_ends(keyframes)
    masks = [trained.mask_for(*keyframes.shape[-2:]) for _, trained in by_branch]

    def conditions(segment: int) -> list[Conditioning]:
        heard = tokens[frames[segment, None]]
        return [interpolation_conditioning(ends[segment, None], mask, heard) for mask in masks]

    networks = [network for network, _ in by_branch]
    stage = "frames between keyframes"
    guidance = "no autoguidance: no reduced model" if reduced is None else f"autoguidance {auto_scale:g}"
    return SequenceGuider(networks, conditions, weights, timeline.n_segments, stage, guidance)


def _tokens(trained: Trained, features: AudioFeatures) -> torch.Tensor:
    """Audio tokens (n_frames, d) of a sound, as a network takes them.

    Raises:
        KeyFaceError: the sound was encoded by other encoders than the network was trained with, or the
            features are not all numbers.
    """
    audio = features.select(trained.encoders)
    layer = trained.tensors[f"{PROJECTION[trained.role]}.weight"]
    if audio.shape[-1] != layer.shape[1]:
        heard = ", ".join(trained.encoders)
        raise KeyFaceError(
            f"{trained.path} hears {layer.shape[1]} channels of {heard} and the features have "
            f"{audio.shape[-1]}; choose the audio encoders that came with the models"
        )
    _require_numbers(audio, "in the features of the sound")
    return trained.tokens(audio)


def _require_numbers(values: torch.Tensor, where: str) -> None:
    if not values.isfinite().all():
        raise KeyFaceError(
            f"not a number {where}; choose weight_dtype default in Load KeyFace Models, start ComfyUI with "
            "--force-fp32, or try another sampler or smaller scales"
        )


def _require_same_tokens(model: ModelPatcher, reduced: ModelPatcher) -> None:
    """Raises KeyFaceError where the reduced network cannot hear what the interpolation network hears."""
    widths = [network.model.model_config.unet_config["context_dim"] for network in (model, reduced)]
    if widths[0] != widths[1]:
        files = [network.model.trained.path for network in (model, reduced)]
        raise KeyFaceError(
            f"{files[1]} hears audio tokens of {widths[1]} channels and {files[0]} of {widths[0]}: they were "
            "not trained together; choose the reduced model that came with the interpolation model"
        )
