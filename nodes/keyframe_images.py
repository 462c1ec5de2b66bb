"""Keyframes as pictures and back, so that they can be looked at and retouched."""

from collections.abc import Iterator

import comfy.model_management as mm
import comfy.sd
import comfy.utils
import torch
from comfy_api.latest import io, ui
from einops import rearrange

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.media.image import square
from ..keyface_lib.media.thumbnails import labelled
from ..keyface_lib.method.keyframe_text import chosen_keyframes
from ..keyface_lib.method.tensors import check_finite
from . import edges, latents
from .compat import found_by
from .node_text import remark, show
from .pinning import numbered, unreadable, which
from .portrait import require_vae

AT_ONCE = 8
"""Keyframes decoded or encoded in one call: cancelling waits for it."""
MOST_SHOWN = 240
"""Thumbnails on a node: two minutes of keyframes."""


def decoded(vae: comfy.sd.VAE, samples: torch.Tensor) -> Iterator[torch.Tensor]:
    """Pictures (n, H, W, 3) in [0, 1] of unscaled latents (k, 4, h, w), a few at a time.

    Raises:
        KeyFaceError: the VAE is not KeyFace's, or pictures are not numbers.
    """
    require_vae(vae)
    for part in samples.split(AT_ONCE):
        mm.throw_exception_if_processing_interrupted()
        pictures = vae.decode(part).cpu().float()
        check_finite(pictures, "the decoded keyframes", "start ComfyUI with --fp32-vae")
        yield pictures.clamp(0, 1)


def encoded(vae: comfy.sd.VAE, images: torch.Tensor) -> torch.Tensor:
    """Unscaled latents (n, 4, h, w) of pictures (n, H, W, 3) in [0, 1]; raises as `decoded`."""
    require_vae(vae)
    parts = []
    for part in images.split(AT_ONCE):
        mm.throw_exception_if_processing_interrupted()
        parts.append(vae.encode(part).cpu().float())
    samples = torch.cat(parts)
    check_finite(samples, "the latents of the images", "start ComfyUI with --fp32-vae")
    return samples


class KeyframesToImages(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceKeyframesToImages",
            display_name="Keyframes to Images",
            category="KeyFace",
            **found_by("VAE decode", "keyframes", "thumbnails"),
            description="Decodes keyframes and shows each with its number and second; those that are pinned "
            "in a frame.",
            inputs=[
                io.Latent.Input("keyframes", tooltip="From a Keyframe Sampler or Pin Keyframes."),
                io.Vae.Input("vae", tooltip="From Load KeyFace Models."),
            ],
            outputs=[
                io.Image.Output(
                    "images", display_name="images", tooltip="A picture for each keyframe, to be retouched."
                ),
                io.Float.Output(
                    "seconds",
                    display_name="seconds",
                    is_output_list=True,
                    tooltip="When in the clip each keyframe is seen.",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    @edges.checked
    def execute(cls, keyframes: dict, vae: comfy.sd.VAE) -> io.NodeOutput:
        latents.require(keyframes, "keyframes", latents.KEYFRAMES)
        seconds = latents.seconds(keyframes)
        bar = comfy.utils.ProgressBar(len(seconds))
        pictures = []
        for part in decoded(vae, keyframes["samples"]):
            pictures.append(part)
            bar.update(len(part))
        images = torch.cat(pictures)
        labels = [f"{number}   {second:.2f} s" for number, second in enumerate(seconds)]
        thumbnails = labelled(images[:MOST_SHOWN], labels[:MOST_SHOWN], latents.kept_whole(keyframes))
        rest = f", the first {MOST_SHOWN} shown" if len(images) > MOST_SHOWN else ""
        show(f"{len(images)} keyframes{rest}")
        return io.NodeOutput(images, seconds, ui=ui.PreviewImage(thumbnails, cls=cls))


class ImagesToKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceImagesToKeyframes",
            display_name="Images to Keyframes",
            category="KeyFace",
            **found_by("VAE encode", "keyframes", "retouch"),
            description="Makes keyframes of pictures, such as retouched ones. With the keyframes they came "
            "from, only chosen ones are replaced and all others stay exactly as they are.",
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip="A picture for every keyframe in order, or for every chosen one.",
                ),
                io.Vae.Input("vae", tooltip="From Load KeyFace Models."),
                io.Latent.Input(
                    "originals",
                    optional=True,
                    tooltip="The keyframes that the pictures came from, to replace some of them only.",
                ),
                which("The keyframes to replace", default="all"),
            ],
            outputs=[
                io.Latent.Output(
                    "keyframes",
                    display_name="keyframes",
                    tooltip="For Pin Keyframes or the Interpolation Sampler.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, which: str | None = None) -> str | bool:
        return unreadable(which)

    @classmethod
    @edges.checked
    def execute(
        cls, images: torch.Tensor, vae: comfy.sd.VAE, which: str, originals: dict | None = None
    ) -> io.NodeOutput:
        require_vae(vae)
        if originals is None:
            _require_whole_latents(images, vae)
            return io.NodeOutput(latents.keyframes(encoded(vae, images), vae.preview))
        latents.require(originals, "originals", latents.KEYFRAMES)
        samples = originals["samples"].float().cpu().clone()
        chosen = chosen_keyframes(which, len(samples))
        replaced = sorted(chosen)
        samples[replaced] = encoded(vae, _fitting(_chosen(images, chosen, len(samples)), vae, samples))
        show(f"replaced: {numbered(chosen)}")
        colours, length = originals.get(latents.COLOURS) or vae.preview, originals.get(latents.LENGTH)
        return io.NodeOutput(latents.keyframes(samples, colours, length))


def _chosen(images: torch.Tensor, chosen: set[int], n_keyframes: int) -> torch.Tensor:
    """The pictures of chosen keyframes; raises KeyFaceError for neither these nor those of all keyframes."""
    if not chosen:
        raise KeyFaceError("which names no keyframe to replace; name some, such as 3, 7-9, or all")
    if len(images) == len(chosen):
        return images
    if len(images) == n_keyframes:
        return images[sorted(chosen)]
    raise KeyFaceError(
        f"there are {len(images)} images for {len(chosen)} of {n_keyframes} keyframes; connect one for each "
        "that which names, or for all keyframes"
    )


def _fitting(images: torch.Tensor, vae: comfy.sd.VAE, samples: torch.Tensor) -> torch.Tensor:
    """Pictures in the size of keyframes (k, 4, h, w), of which larger or smaller ones give their square."""
    height, width = (side * vae.upscale_ratio for side in samples.shape[-2:])
    if images.shape[1:3] == (height, width):
        return images
    if height != width:
        raise KeyFaceError(
            f"the images have {images.shape[2]} x {images.shape[1]} pixels and the keyframes {width} x "
            f"{height}; scale the images"
        )
    remark(f"images of {images.shape[2]} x {images.shape[1]} pixels were brought to {width} x {height}")
    pictures = [square(picture * 2 - 1, height) for picture in rearrange(images, "n h w rgb -> n rgb h w")]
    return (rearrange(torch.stack(pictures), "n rgb h w -> n h w rgb") + 1) / 2


def _require_whole_latents(images: torch.Tensor, vae: comfy.sd.VAE) -> None:
    """Raises KeyFaceError for pictures of which the VAE would cut something off."""
    height, width = images.shape[1:3]
    if height % vae.downscale_ratio or width % vae.downscale_ratio:
        raise KeyFaceError(
            f"the images have {width} x {height} pixels, which is no multiple of {vae.downscale_ratio}; "
            "scale them to the size of the keyframes"
        )
