"""From frame latents to pictures, each frame once."""

from collections.abc import Iterable, Iterator

import comfy.model_management as mm
import comfy.sd
import comfy.utils
import torch
from comfy_api.latest import io
from einops import rearrange

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.merging import merge_segments
from ..keyface_lib.method.tensors import check_finite
from ..keyface_lib.method.timeline import FPS, SLOTS, Timeline
from . import edges, latents
from .compat import found_by
from .node_text import show
from .portrait import require_vae


def decode(vae: comfy.sd.VAE, segments: Iterable[torch.Tensor], n_frames: int) -> Iterator[torch.Tensor]:
    """Decodes segments one by one and joins them.

    Args:
        segments: consecutive groups (s, 14, 4, h, w) of unscaled latents.
        n_frames: of the clip; what lies behind is left out.

    Yields:
        (n, H, W, 3) in [0, 1], float32, as soon as these frames are final.

    Raises:
        KeyFaceError: the VAE is not KeyFace's, or frames are not numbers.
    """
    require_vae(vae)

    def pictures() -> Iterator[torch.Tensor]:
        for group in segments:
            for segment in group:
                mm.throw_exception_if_processing_interrupted()
                yield rearrange(vae.decode(segment), "slot h w rgb -> 1 slot rgb h w")

    remaining = n_frames
    for frames in merge_segments(pictures()):
        frames = frames[:remaining]
        remaining -= len(frames)
        if len(frames):
            check_finite(frames, "the decoded frames", "start ComfyUI with --fp32-vae")
            show(f"decoding: {n_frames - remaining} of {n_frames} frames")
            yield rearrange(frames, "n rgb h w -> n h w rgb").cpu()


def segments_of(frames: dict, n_frames: int | None = None) -> tuple[torch.Tensor, int]:
    """The segments (s, 14, 4, h, w) of a frames LATENT and the clip's number of frames.

    A latent that does not say what it is, as one that was saved and loaded again, is taken for frames.

    Args:
        n_frames: that the clip should have, as far as it is known from elsewhere.

    Raises:
        KeyFaceError: the latent is not one of whole segments, holds keyframes, or belongs to a clip of
            another length.
    """
    latents.require(frames, "frames", latents.FRAMES)
    samples = frames["samples"]
    if len(samples) % SLOTS:
        raise KeyFaceError(
            f"the latent has {len(samples)} frames, no multiple of {SLOTS}; connect the Interpolation "
            "Sampler's frames (keyframes are decoded with VAE Decode)"
        )
    segments = rearrange(samples, "(segment slot) ... -> segment slot ...", slot=SLOTS)
    longest = len(segments) * (SLOTS - 1) + 1
    n_frames = n_frames or frames.get(latents.LENGTH, longest)
    needed = Timeline(n_frames).n_segments
    if len(segments) != needed:
        raise KeyFaceError(
            f"the latent has {len(segments)} segments and {n_frames} frames need {needed}; connect frames "
            "and audio of the same clip"
        )
    return segments, n_frames


class DecodeFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceDecodeFrames",
            display_name="Decode Frames",
            category="KeyFace",
            **found_by("frames to images", "VAE decode"),
            description="Decodes all frames of a clip, 25 a second. For long clips use Render Video: it "
            "does not keep them all in memory.",
            inputs=[
                io.Latent.Input("frames", tooltip="From the Interpolation Sampler."),
                io.Vae.Input("vae", tooltip="From Load KeyFace Models."),
            ],
            outputs=[
                io.Image.Output("images", display_name="images", tooltip="Every frame once, 25 a second."),
                io.Float.Output(
                    "fps",
                    display_name="fps",
                    tooltip="Frames a second, for Create Video: sound and picture stay together.",
                ),
            ],
        )

    @classmethod
    @edges.checked
    def execute(cls, frames: dict, vae: comfy.sd.VAE) -> io.NodeOutput:
        segments, n_frames = segments_of(frames)
        bar = comfy.utils.ProgressBar(n_frames)
        images = []
        for part in decode(vae, segments.split(1), n_frames):
            images.append(part)
            bar.update(len(part))
        show(f"{n_frames} frames, {FPS} a second")
        return io.NodeOutput(torch.cat(images), float(FPS))
