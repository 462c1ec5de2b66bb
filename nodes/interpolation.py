"""Stage two: the frames between keyframes."""

import torch
from comfy_api.latest import io

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.timeline import FPS, Timeline
from . import inputs
from .audio import HeardAudio
from .guiders import SequenceGuider, interpolation_guider
from .keyframes import custom_sampling_outputs, empty_latent
from .network import trained_of
from .sampling import Progress, UnitNoise, sample_groups, sigmas_of

STAGE = "interpolation"
FRAMES = "keyface_frames"
"""Entry of a frames LATENT: how many frames the clip has; the last segment may reach further."""


def require_keyframes(keyframes: torch.Tensor, heard: HeardAudio) -> None:
    """Raises KeyFaceError where there are more or fewer keyframes (k, ...) than a sound needs."""
    timeline = Timeline(heard.features.n_frames)
    if len(keyframes) != timeline.n_keyframes:
        raise KeyFaceError(
            f"there are {len(keyframes)} keyframes and {timeline.n_frames / FPS:.2f} s of audio need "
            f"{timeline.n_keyframes}; connect the keyframes of this audio, all of them and in order"
        )


def guide_interpolation(
    model, reduced, keyframes: torch.Tensor, heard: HeardAudio, autoguidance_scale, scales
) -> SequenceGuider:
    """The guider over a clip's segments.

    Raises:
        KeyFaceError: as `require_keyframes`, or a MODEL is in the wrong place.
    """
    require_keyframes(keyframes, heard)
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
    def define_schema(cls):
        return io.Schema(
            node_id="KeyFaceInterpolationSampler",
            display_name="Interpolation Sampler",
            category="KeyFace",
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
    def execute(
        cls,
        model,
        keyframes,
        features,
        seed,
        steps,
        autoguidance_scale,
        sampler,
        scheduler,
        reduced=None,
        scales=inputs.AS_SET,
    ) -> io.NodeOutput:
        samples = keyframes["samples"]
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
        frames = torch.cat([*segments]).flatten(0, 1)
        return io.NodeOutput({"samples": frames, FRAMES: features.features.n_frames})


class InterpolationGuider(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="KeyFaceInterpolationGuider",
            display_name="Interpolation Guider",
            category="KeyFace",
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
    def execute(
        cls, model, keyframes, features, seed, autoguidance_scale, reduced=None, scales=inputs.AS_SET
    ) -> io.NodeOutput:
        samples = keyframes["samples"]
        guider = guide_interpolation(model, reduced, samples, features, autoguidance_scale, scales)
        latent = empty_latent(guider, samples.shape[1:], **{FRAMES: features.features.n_frames})
        return io.NodeOutput(guider, latent, UnitNoise(seed, STAGE))
