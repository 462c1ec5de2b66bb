"""A picture of a clip's timeline."""

from collections.abc import Mapping
from typing import Any

import comfy.sd
import latent_preview
import numpy as np
import torch
import torch.nn.functional as F
from comfy_api.latest import io, ui
from einops import rearrange

from ..keyface_lib.media.timeline_picture import draw_timeline, thumbnails_shown
from ..keyface_lib.method.emotion import EmotionCurve
from . import edges, inputs, latents
from .audio import EncodedAudio
from .compat import found_by
from .interpolation import keyframes_of
from .keyframe_images import decoded
from .network import latent_format

SIDE = 128
"""Rows of a decoded picture: about twice as many as it is high in the timeline."""


class TimelinePreview(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceTimelinePreview",
            display_name="Timeline Preview",
            category="KeyFace",
            **found_by("waveform", "emotion curve"),
            description="Draws sound, found vocalizations, valence, arousal and keyframes along one time "
            "axis.",
            inputs=[
                inputs.features(),
                io.Custom("KEYFACE_EMOTION").Input(
                    "emotion", optional=True, tooltip="Adds the lanes of valence and arousal."
                ),
                io.Latent.Input(
                    "keyframes",
                    optional=True,
                    tooltip="Adds small pictures, as rough as ComfyUI's live previews.",
                ),
                io.Int.Input(
                    "width", default=1200, min=400, max=8192, step=8, tooltip="Of the picture, in pixels."
                ),
                io.Vae.Input(
                    "vae",
                    optional=True,
                    tooltip="Decodes the small pictures that are shown, in place of rough ones.",
                ),
            ],
            outputs=[io.Image.Output("image", display_name="image", tooltip="The picture.")],
            is_output_node=True,
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        features: EncodedAudio,
        width: int,
        emotion: EmotionCurve | None = None,
        keyframes: dict | None = None,
        vae: comfy.sd.VAE | None = None,
    ) -> io.NodeOutput:
        pictures, kept = None, set()
        if keyframes is not None:
            samples, kept = keyframes_of(keyframes, features), latents.kept_whole(keyframes)
            if vae is None:
                pictures = _rough_pictures(samples, keyframes.get(latents.COLOURS))
            else:
                pictures = _decoded_pictures(vae, samples, features.features.n_frames, width)
        picture = draw_timeline(
            features.features.n_frames,
            peaks=features.peaks,
            curve=emotion,
            vocalizations=features.vocalizations,
            keyframes=pictures,
            width=width,
            kept=kept,
        )
        image = torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float32) / 255)[None]
        return io.NodeOutput(image, ui=ui.PreviewImage(image, cls=cls))


def _rough_pictures(samples: torch.Tensor, colours: Mapping[str, Any] | None) -> torch.Tensor:
    """(k, h, w, 3) uint8 of unscaled latents (k, 4, h, w), one pixel a latent."""
    form = latent_format(colours)
    previewer = latent_preview.Latent2RGBPreviewer(form.latent_rgb_factors, form.latent_rgb_factors_bias)
    scaled = form.process_in(samples.float().cpu())
    pictures = [np.asarray(previewer.decode_latent_to_preview(latent[None])) for latent in scaled]
    return torch.from_numpy(np.stack(pictures))


def _decoded_pictures(vae: comfy.sd.VAE, samples: torch.Tensor, n_frames: int, width: int) -> torch.Tensor:
    """(k, s, s, 3) uint8 of unscaled latents (k, 4, h, w); black where a timeline so wide shows none."""
    size = SIDE, round(SIDE * samples.shape[-1] / samples.shape[-2])
    shown = thumbnails_shown(n_frames, width, size[1] / size[0])
    decoded_ones = rearrange(torch.cat([*decoded(vae, samples[shown])]), "n h w rgb -> n rgb h w")
    small = F.interpolate(decoded_ones, size, mode="bicubic", antialias=True).clamp(0, 1)
    pictures = torch.zeros(len(samples), *size, 3, dtype=torch.uint8)
    pictures[shown] = rearrange(small.mul(255).round().to(torch.uint8), "n rgb h w -> n h w rgb")
    return pictures
