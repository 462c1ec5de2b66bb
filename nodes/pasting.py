"""Animated faces back in the pictures that they were cut from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import comfy.model_management as mm
import comfy.utils
import torch
from comfy_api.latest import io
from einops import rearrange

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.portrait.border import FEATHER
from ..keyface_lib.portrait.framing import LONGEST_SIDE, Framing, at_most
from ..keyface_lib.portrait.pasting import Pasting
from . import edges, inputs
from .compat import found_by
from .node_text import remark, show


@dataclass(frozen=True)
class FramedFace:
    """What travels from Frame Face to where the face is laid back.

    Attributes:
        framing: the square, in pixels of the pictures.
        pictures: that it was cut from, (n, height, width, 3) in [0, 1].
    """

    framing: Framing
    pictures: torch.Tensor


edges.carries("KEYFACE_FRAMING", FramedFace, "Frame Face")


def whole_pictures(frames: Iterable[torch.Tensor], face: FramedFace, n_frames: int) -> Iterator[torch.Tensor]:
    """Frames of a video laid into the pictures that they were cut from, as large as players expect at most.

    Args:
        frames: (n, size, size, 3) in [0, 1] at a time, `n_frames` in all.

    Yields:
        (1, height, width, 3) uint8.
    """
    pictures = face.pictures
    pasting: Pasting | None = None
    _remark_on_length(len(pictures), n_frames)
    for number, frame in enumerate(frame for part in frames for frame in part):
        if pasting is None:
            first, place = _as_bytes(pictures[0], face.framing)
            pasting = Pasting(first, place, frame.shape[0])
        below = None
        if len(pictures) > 1:
            below, _ = _as_bytes(pictures[min(number, len(pictures) - 1)], face.framing)
        yield pasting(frame, below)[None]


def _as_bytes(picture: torch.Tensor, framing: Framing) -> tuple[torch.Tensor, Framing]:
    smaller, place = at_most(rearrange(picture, "h w rgb -> rgb h w") * 2 - 1, framing, LONGEST_SIDE)
    pixels = ((smaller + 1) * 127.5).round().clamp(0, 255).byte()
    return rearrange(pixels, "rgb h w -> h w rgb"), place


def _remark_on_length(n_pictures: int, n_frames: int) -> None:
    if 1 < n_pictures < n_frames:
        remark(
            f"the video that the face was cut from has {n_pictures} frames and the clip {n_frames}; its last "
            "one stays until the end"
        )


class PasteFace(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFacePasteFace",
            display_name="Paste Face",
            category="KeyFace",
            **found_by("uncrop", "full frame", "stitch"),
            description="Lays animated frames, upscaled or restored if you like, back into the picture that "
            "the face was cut from: soft border, matched colours, untouched pixels outside. For long clips "
            "connect the framing to Render Video or Animate instead, which keep no frames in memory.",
            inputs=[
                io.Image.Input("frames", tooltip="The animated square, of any size."),
                inputs.framing("Where it was cut from, from Frame Face."),
                io.Float.Input(
                    "feather",
                    default=FEATHER,
                    min=0.0,
                    max=0.5,
                    step=0.01,
                    tooltip="Width of the soft border, of the square's side.",
                ),
                io.Boolean.Input(
                    "match_colours",
                    default=True,
                    tooltip="Brings the frames' colours to the picture's, by the soft border of the first "
                    "frame.",
                ),
                io.Image.Input(
                    "pictures",
                    optional=True,
                    tooltip="What the frames are laid into instead: the same picture, upscaled or graded, or "
                    "a video of it, a frame for every frame.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Which part of the picture may move, in place of the soft border.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "images", display_name="images", tooltip="Whole pictures, one for every frame."
                )
            ],
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        frames: torch.Tensor,
        framing: FramedFace,
        feather: float,
        match_colours: bool,
        pictures: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        under, place = framing.pictures, framing.framing
        if pictures is not None:
            under, place = pictures, place.scaled(_enlargement(framing.pictures, pictures))
        if frames.shape[1] != frames.shape[2]:
            raise KeyFaceError(
                f"the frames are {frames.shape[2]} x {frames.shape[1]} pixels and the face was cut as a "
                "square; connect square frames"
            )
        _remark_on_length(len(under), len(frames))
        pasting = Pasting(
            under[0], place, frames.shape[1], feather=feather, mask=mask, match_colours=match_colours
        )
        bar = comfy.utils.ProgressBar(len(frames))
        whole = torch.empty(len(frames), *under.shape[1:])
        for number, frame in enumerate(frames):
            mm.throw_exception_if_processing_interrupted()
            whole[number] = pasting(frame, under[min(number, len(under) - 1)])
            bar.update(1)
        show(f"{len(frames)} frames of {under.shape[2]} x {under.shape[1]} pixels")
        return io.NodeOutput(whole)


def _enlargement(cut: torch.Tensor, given: torch.Tensor) -> float:
    """How much larger the pictures given are than those that the face was cut from.

    Raises:
        KeyFaceError: they have another shape.
    """
    (height, width), (new_height, new_width) = cut.shape[1:3], given.shape[1:3]
    factor = new_width / width
    if abs(height * factor - new_height) > 2:
        raise KeyFaceError(
            f"the pictures are {new_width} x {new_height} pixels and the face was cut from {width} x "
            f"{height}; connect the same picture, at any size but of the same shape"
        )
    return factor
