"""Videos written to disk while their frames are made."""

import os
import tempfile
from collections.abc import Callable, Iterator

import comfy.sd
import comfy.utils
import folder_paths
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import Input, InputImpl, io

from ..keyface_lib.media.video import VideoWriter
from ..keyface_lib.method.emotion import EmotionCurve
from ..keyface_lib.method.timeline import Timeline, frames_in
from . import edges, inputs
from .audio import encode_recording, waveform_of
from .compat import found_by, where_known
from .decode import decode, segments_of
from .interpolation import STAGE, guide_interpolation
from .keyframes import guide_keyframes, sample_keyframes
from .loaders import Encoders
from .network import trained_of
from .node_text import show
from .pasting import FramedFace, whole_pictures
from .portrait import require_vae
from .sampling import Progress, sample_groups, sigmas_of


def write_video(
    frames: Iterator[torch.Tensor],
    audio: dict,
    n_frames: int,
    crf: int,
    on_frames: Callable[[int], None] | None = None,
) -> Input.Video:
    """Writes frames (n, H, W, 3), in [0, 1] or uint8, with their sound into ComfyUI's temporary folder."""
    folder = folder_paths.get_temp_directory()
    os.makedirs(folder, exist_ok=True)
    handle, path = tempfile.mkstemp(prefix="keyface_", suffix=".mp4", dir=folder)
    os.close(handle)
    writer = None
    try:
        for part in frames:
            if writer is None:
                sound = audio["waveform"][0].cpu()
                writer = VideoWriter(
                    path, *part.shape[1:3], sound, audio["sample_rate"], n_frames=n_frames, crf=crf
                )
            if part.dtype != torch.uint8:
                part = part.mul(255).round().clamp(0, 255).to(torch.uint8)
            writer.write(part)
            if on_frames is not None:
                on_frames(len(part))
    finally:
        if writer is not None:
            writer.close()
    return InputImpl.VideoFromFile(path)


def _video_output() -> io.Output:
    return io.Video.Output(
        "video", display_name="video", tooltip="For Save Video, which keeps it as it is, without loss."
    )


class RenderVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceRenderVideo",
            display_name="Render Video",
            category="KeyFace",
            **found_by("frames to video", "decode"),
            description="Decodes frames and writes them into a video right away; an hour needs no more "
            "memory than a minute.",
            inputs=[
                io.Latent.Input("frames", tooltip="From the Interpolation Sampler."),
                io.Vae.Input("vae", tooltip="From Load KeyFace Models."),
                io.Audio.Input("audio", tooltip="The recording the frames were made for."),
                inputs.crf(),
                inputs.framing(
                    "From Frame Face: the video shows the whole picture, with the face moving in it.",
                    optional=True,
                ),
            ],
            outputs=[_video_output()],
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        frames: dict,
        vae: comfy.sd.VAE,
        audio: dict,
        crf: int,
        framing: FramedFace | None = None,
    ) -> io.NodeOutput:
        n_frames = frames_in(len(waveform_of(audio)))
        segments, n_frames = segments_of(frames, n_frames)
        bar = comfy.utils.ProgressBar(n_frames)
        pictures = decode(vae, segments.split(1), n_frames)
        if framing is not None:
            pictures = whole_pictures(pictures, framing, n_frames)
        return io.NodeOutput(write_video(pictures, audio, n_frames, crf, bar.update))


class Animate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceAnimate",
            display_name="Animate (KeyFace)",
            category="KeyFace",
            **found_by("audio to video"),
            **where_known(essentials_category="Video Generation"),
            description="Portrait and recording in, talking video out: both stages in one node, for clips "
            "of any length.",
            inputs=[
                io.Model.Input("keyframe_model", tooltip="From Load KeyFace Models."),
                io.Model.Input("interpolation_model", tooltip="From Load KeyFace Models."),
                io.Model.Input(
                    "reduced_model", optional=True, tooltip="For autoguidance, from Load KeyFace Models."
                ),
                io.Vae.Input("vae", tooltip="From Load KeyFace Models."),
                io.Custom("KEYFACE_ENCODERS").Input("encoders", tooltip="From Load KeyFace Audio Encoders."),
                io.Image.Input("portrait", tooltip="One picture of the face; its central square is used."),
                io.Audio.Input("audio", tooltip="The voice. The video becomes as long as it is."),
                io.Custom("KEYFACE_EMOTION").Input(
                    "emotion", optional=True, tooltip="What the face feels over time; neutral by default."
                ),
                inputs.seed("performance"),
                inputs.steps(),
                inputs.audio_scale(),
                inputs.identity_scale(),
                inputs.autoguidance_scale(),
                inputs.sampler(),
                inputs.scheduler(),
                inputs.crf(),
                inputs.scales(),
                inputs.framing(
                    "From Frame Face: the video shows the whole picture, with the face moving in it.",
                    optional=True,
                ),
                inputs.silence_gate(),
            ],
            outputs=[_video_output()],
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        keyframe_model: ModelPatcher,
        interpolation_model: ModelPatcher,
        vae: comfy.sd.VAE,
        encoders: Encoders,
        portrait: torch.Tensor,
        audio: dict,
        seed: int,
        steps: int,
        audio_scale: float,
        identity_scale: float,
        autoguidance_scale: float,
        sampler: str,
        scheduler: str,
        crf: int,
        reduced_model: ModelPatcher | None = None,
        emotion: EmotionCurve | None = None,
        scales: str = inputs.AS_SET,
        framing: FramedFace | None = None,
        silence_gate: bool = False,
    ) -> io.NodeOutput:
        require_vae(vae)
        models = {"keyframe": keyframe_model, "interpolation": interpolation_model, "reduced": reduced_model}
        for role, model in models.items():  # before the sound is encoded, which takes a while
            if model is not None:
                trained_of(model, role)
        heard = encode_recording(audio, encoders, silence_gate=silence_gate)
        n_frames = heard.features.n_frames
        guider, shape = guide_keyframes(
            keyframe_model, vae, portrait, heard, emotion, audio_scale, identity_scale, scales
        )
        sigmas = sigmas_of(keyframe_model, scheduler, steps)
        progress = Progress(guider.n_sequences + Timeline(n_frames).n_segments)
        keyframes = sample_keyframes(guider, shape, n_frames, seed, sampler, sigmas, progress)
        guidance = guider.guidance
        guider = guide_interpolation(
            interpolation_model, reduced_model, keyframes, heard, autoguidance_scale, scales
        )
        sigmas = sigmas_of(interpolation_model, scheduler, steps)
        segments = sample_groups(guider, STAGE, seed, sampler, sigmas, shape, progress)
        pictures = decode(vae, segments, n_frames)
        if framing is not None:
            pictures = whole_pictures(pictures, framing, n_frames)
        video = write_video(pictures, audio, n_frames, crf)
        show(f"{guidance}, {guider.guidance} ({scales})")
        return io.NodeOutput(video)
