"""Stage one: keyframes from portrait, sound and emotion."""

import comfy.sd
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from einops import rearrange

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.emotion import EmotionCurve, named
from ..keyface_lib.method.timeline import SLOTS, Timeline, keyframes_from_windows
from . import edges, inputs, latents
from .audio import EncodedAudio
from .compat import found_by
from .guiders import SequenceGuider, keyframe_guider
from .held import HeldWindows, held_windows
from .network import trained_of
from .node_text import show
from .portrait import encode_portrait
from .sampling import Progress, UnitNoise, sample_groups, sigmas_of

STAGE = "keyframes"


def guide_keyframes(
    model: ModelPatcher,
    vae: comfy.sd.VAE,
    portrait: torch.Tensor,
    heard: EncodedAudio,
    emotion: EmotionCurve | None,
    audio_scale: float,
    identity_scale: float,
    scales: str,
) -> tuple[SequenceGuider, torch.Size]:
    """The guider over a clip's windows, and the shape (4, h, w) of its latents; neutral without emotion."""
    trained = trained_of(model, "keyframe")
    identity = encode_portrait(vae, portrait, trained.image_size)
    audio_scale = trained.scale("audio", audio_scale, scales)
    identity_scale = trained.scale("identity", identity_scale, scales)
    emotion = emotion or named("neutral")
    guider = keyframe_guider(model, identity, heard.features, emotion, audio_scale, identity_scale)
    return guider, identity.shape[1:]


def sample_keyframes(
    guider: SequenceGuider,
    latent_shape: torch.Size,
    n_frames: int,
    seed: int,
    sampler: str,
    sigmas: torch.Tensor,
    progress: Progress,
    held: HeldWindows | None = None,
) -> torch.Tensor:
    """Samples the keyframes of a clip, but those that are held: (keyframes, 4, h, w) unscaled latents."""
    groups = sample_groups(guider, STAGE, seed, sampler, sigmas, latent_shape, progress, held)
    return keyframes_from_windows(torch.cat([*groups]), Timeline(n_frames))


def _pinned() -> io.Input:
    return io.Latent.Input(
        "pinned",
        optional=True,
        tooltip="Keyframes of the same sound of which some stay as they are, from Pin Keyframes or Re-roll "
        "Keyframes. The others are sampled around them.",
    )


def _shared_inputs() -> list[io.Input]:
    return [
        io.Model.Input("model", tooltip="The keyframe model."),
        io.Vae.Input("vae", tooltip="From Load KeyFace Models."),
        io.Image.Input("portrait", tooltip="One picture of the face; its central square is used."),
        inputs.features(),
        inputs.emotion(),
    ]


class KeyframeSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceKeyframeSampler",
            display_name="Keyframe Sampler",
            category="KeyFace",
            **found_by(),
            description="Makes the keyframes, 13 frames apart. They can be decoded, edited and encoded "
            "again.",
            inputs=[
                *_shared_inputs(),
                inputs.seed("performance"),
                inputs.steps(),
                inputs.audio_scale(),
                inputs.identity_scale(),
                inputs.sampler(),
                inputs.scheduler(),
                inputs.scales(),
                _pinned(),
            ],
            outputs=[
                io.Latent.Output(
                    "keyframes",
                    display_name="keyframes",
                    tooltip="One latent per keyframe, for VAE Decode or the Interpolation Sampler.",
                )
            ],
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        model: ModelPatcher,
        vae: comfy.sd.VAE,
        portrait: torch.Tensor,
        features: EncodedAudio,
        seed: int,
        steps: int,
        audio_scale: float,
        identity_scale: float,
        sampler: str,
        scheduler: str,
        emotion: EmotionCurve | None = None,
        scales: str = inputs.AS_SET,
        pinned: dict | None = None,
    ) -> io.NodeOutput:
        guider, shape = guide_keyframes(
            model, vae, portrait, features, emotion, audio_scale, identity_scale, scales
        )
        n_frames = features.features.n_frames
        held = None if pinned is None else held_windows(pinned, Timeline(n_frames), shape)
        keyframes = sample_keyframes(
            guider,
            shape,
            n_frames,
            seed if held is None else held.seed_or(seed),
            sampler,
            sigmas_of(model, scheduler, steps),
            Progress(guider.n_sequences),
            held,
        )
        show("\n".join([f"{guider.guidance} ({scales})", *([] if held is None else [held.said])]))
        return io.NodeOutput(latents.keyframes(keyframes, trained_of(model, "keyframe").preview, n_frames))


class KeyframeGuider(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceKeyframeGuider",
            display_name="Keyframe Guider",
            category="KeyFace",
            **found_by("classifier-free guidance"),
            description="The keyframe stage for SamplerCustomAdvanced: any sampler, any noise levels. Select "
            "Keyframes takes its result.",
            inputs=[
                *_shared_inputs(),
                inputs.seed("performance"),
                inputs.audio_scale(),
                inputs.identity_scale(),
                inputs.scales(),
                _pinned(),
            ],
            outputs=custom_sampling_outputs("windows"),
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        model: ModelPatcher,
        vae: comfy.sd.VAE,
        portrait: torch.Tensor,
        features: EncodedAudio,
        seed: int,
        audio_scale: float,
        identity_scale: float,
        emotion: EmotionCurve | None = None,
        scales: str = inputs.AS_SET,
        pinned: dict | None = None,
    ) -> io.NodeOutput:
        guider, shape = guide_keyframes(
            model, vae, portrait, features, emotion, audio_scale, identity_scale, scales
        )
        show(f"{guider.guidance} ({scales})")
        latent = latents.windows(empty_latent(guider, shape), trained_of(model, "keyframe").preview)
        if pinned is not None:
            held = held_windows(pinned, Timeline(features.features.n_frames), shape)
            known, mask = held.for_sampler(range(guider.n_sequences))
            latent |= {"samples": known, latents.MASK: mask}
            seed = held.seed_or(seed)
            show(f"{guider.guidance} ({scales})\n{held.said}")
        return io.NodeOutput(guider, latent, UnitNoise(seed, STAGE))


class SelectKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceSelectKeyframes",
            display_name="Select Keyframes",
            category="KeyFace",
            **found_by("keyframes"),
            description="Picks the keyframes out of whole windows, as SamplerCustomAdvanced returns them: "
            "anchors and padding are left out.",
            inputs=[
                io.Latent.Input("windows", tooltip="From SamplerCustomAdvanced with a Keyframe Guider."),
                inputs.features(),
            ],
            outputs=[
                io.Latent.Output(
                    "keyframes", display_name="keyframes", tooltip="For the Interpolation Sampler."
                )
            ],
        )

    @classmethod
    @edges.checked
    def execute(cls, windows: dict, features: EncodedAudio) -> io.NodeOutput:
        latents.require(windows, "windows", latents.WINDOWS)
        timeline = Timeline(features.features.n_frames)
        samples = windows["samples"]
        if len(samples) != SLOTS * timeline.n_windows:
            raise KeyFaceError(
                f"the latent has {len(samples)} frames and this audio's windows have "
                f"{SLOTS * timeline.n_windows}; connect the result of its Keyframe Guider, and the same "
                "features"
            )
        whole = rearrange(samples, "(window slot) ... -> window slot ...", slot=SLOTS)
        keyframes = keyframes_from_windows(whole, timeline)
        return io.NodeOutput(latents.keyframes(keyframes, windows.get(latents.COLOURS), timeline.n_frames))


def empty_latent(guider: SequenceGuider, shape: torch.Size) -> torch.Tensor:
    """Zeros (frames, 4, h, w) for all sequences of a guider."""
    return torch.zeros(SLOTS * guider.n_sequences, *shape)


def custom_sampling_outputs(what: str) -> list[io.Output]:
    """The outputs of a guider node, in the order SamplerCustomAdvanced's users expect."""
    return [
        io.Guider.Output("guider", display_name="guider", tooltip="For SamplerCustomAdvanced."),
        io.Latent.Output("latent", display_name="latent", tooltip=f"Empty latent of all {what}."),
        io.Noise.Output("noise", display_name="noise", tooltip="KeyFace's noise, the same on any card."),
    ]
