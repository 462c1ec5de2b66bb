"""Stage two: the frames between keyframes."""

import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from einops import rearrange

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.timeline import FPS, Timeline
from . import edges, inputs, latents
from .audio import EncodedAudio
from .compat import found_by
from .guiders import SequenceGuider, interpolation_guider
from .keyframes import custom_sampling_outputs, empty_latent
from .network import trained_of
from .node_text import show
from .sampling import Progress, UnitNoise, sample_groups, sigmas_of

STAGE = "interpolation"


def keyframes_of(latent: dict, heard: EncodedAudio) -> torch.Tensor:
    """The keyframes (k, 4, h, w) of a LATENT.

    Raises:
        KeyFaceError: it holds something else, or more or fewer keyframes than a sound needs.
    """
    latents.require(latent, "keyframes", latents.KEYFRAMES)
    keyframes, timeline = latent["samples"], Timeline(heard.features.n_frames)
    if len(keyframes) != timeline.n_keyframes:
        raise KeyFaceError(
            f"there are {len(keyframes)} keyframes and {timeline.n_frames / FPS:.2f} s of audio need "
            f"{timeline.n_keyframes}; connect the keyframes of this audio, all of them and in order"
        )
    return keyframes


def guide_interpolation(
    model: ModelPatcher,
    reduced: ModelPatcher | None,
    keyframes: torch.Tensor,
    heard: EncodedAudio,
    autoguidance_scale: float,
    scales: str,
) -> SequenceGuider:
    """The guider over a clip's segments; raises KeyFaceError where a MODEL is in the wrong place."""
    autoguidance_scale = trained_of(model, "interpolation").scale("auto", autoguidance_scale, scales)
    return interpolation_guider(model, reduced, keyframes.float().cpu(), heard.features, autoguidance_scale)


def _shared_inputs() -> list[io.Input]:
    return [
        io.Model.Input("model", tooltip="The interpolation model."),
        io.Model.Input(
            "reduced", optional=True, tooltip="The reduced model, for autoguidance. Without it there is none."
        ),
        io.Latent.Input("keyframes", tooltip="From the Keyframe Sampler, perhaps edited and encoded again."),
        inputs.features(),
    ]


class InterpolationSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceInterpolationSampler",
            display_name="Interpolation Sampler",
            category="KeyFace",
            **found_by("frame interpolation"),
            description="Fills in the 12 frames between neighbouring keyframes.",
            inputs=[
                *_shared_inputs(),
                inputs.seed("movement between the keyframes"),
                inputs.steps(),
                inputs.autoguidance_scale(),
                inputs.sampler(),
                inputs.scheduler(),
                inputs.scales(),
            ],
            outputs=[
                io.Latent.Output(
                    "frames",
                    display_name="frames",
                    tooltip="Segments of 14, for Decode Frames or Render Video.",
                )
            ],
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        model: ModelPatcher,
        keyframes: dict,
        features: EncodedAudio,
        seed: int,
        steps: int,
        autoguidance_scale: float,
        sampler: str,
        scheduler: str,
        reduced: ModelPatcher | None = None,
        scales: str = inputs.AS_SET,
    ) -> io.NodeOutput:
        samples = keyframes_of(keyframes, features)
        guider = guide_interpolation(model, reduced, samples, features, autoguidance_scale, scales)
        segments = sample_groups(
            guider,
            STAGE,
            seed,
            sampler,
            sigmas_of(model, scheduler, steps),
            samples.shape[1:],
            Progress(guider.n_sequences),
        )
        frames = rearrange(torch.cat([*segments]), "segment slot ... -> (segment slot) ...")
        show(f"{guider.guidance} ({scales})")
        return io.NodeOutput(latents.frames(frames, features.features.n_frames))


class InterpolationGuider(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceInterpolationGuider",
            display_name="Interpolation Guider",
            category="KeyFace",
            **found_by("autoguidance"),
            description="The interpolation stage for SamplerCustomAdvanced: any sampler, any noise levels.",
            inputs=[
                *_shared_inputs(),
                inputs.seed("movement between the keyframes"),
                inputs.autoguidance_scale(),
                inputs.scales(),
            ],
            outputs=custom_sampling_outputs("segments"),
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        model: ModelPatcher,
        keyframes: dict,
        features: EncodedAudio,
        seed: int,
        autoguidance_scale: float,
        reduced: ModelPatcher | None = None,
        scales: str = inputs.AS_SET,
    ) -> io.NodeOutput:
        samples = keyframes_of(keyframes, features)
        guider = guide_interpolation(model, reduced, samples, features, autoguidance_scale, scales)
        latent = latents.frames(empty_latent(guider, samples.shape[1:]), features.features.n_frames)
        show(f"{guider.guidance} ({scales})")
        return io.NodeOutput(guider, latent, UnitNoise(seed, STAGE))
