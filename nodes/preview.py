"""A picture of a clip's timeline."""

from collections.abc import Mapping
from typing import Any

import latent_preview
import numpy as np
import torch
from comfy_api.latest import io, ui

from ..keyface_lib.media.timeline_picture import draw_timeline
from ..keyface_lib.method.emotion import EmotionCurve
from . import edges, inputs, latents
from .audio import EncodedAudio
from .compat import found_by
from .interpolation import keyframes_of
from .network import latent_format


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
    ) -> io.NodeOutput:
        pictures = None
        if keyframes is not None:
            pictures = _rough_pictures(keyframes_of(keyframes, features), keyframes.get(latents.COLOURS))
        picture = draw_timeline(
            features.features.n_frames,
            peaks=features.peaks,
            curve=emotion,
            vocalizations=features.vocalizations,
            keyframes=pictures,
            width=width,
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
