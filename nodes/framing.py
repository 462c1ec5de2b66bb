"""Which square of a picture is animated."""

import numpy as np
import torch
from comfy_api.latest import io, ui
from einops import rearrange
from PIL import Image, ImageDraw

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.messages import shown
from ..keyface_lib.portrait.detectors import HOW_TO_GET, find_detector
from ..keyface_lib.portrait.faces import CHOICES, Face, is_extreme
from ..keyface_lib.portrait.finding import EXTREME_POSE, Found, Which, found_among
from ..keyface_lib.portrait.framing import Framing, central, cropped, framing_of_box
from . import edges, files
from .compat import found_by
from .faces import face_of_mask
from .node_text import remark, show
from .pasting import FramedFace

_LARGEST, _FROM_LEFT, _NEAREST = CHOICES
_LINE = 400
"""The preview's lines are this part of its shorter side thick."""


class FrameFace(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceFrameFace",
            display_name="Frame Face",
            category="KeyFace",
            **found_by("crop", "face detection", "align"),
            description="Cuts the square around a face out of any picture, as the model knows faces: upright "
            "and in the size it was trained with. Finds the face by what is connected (a mask, landmarks, "
            "boxes), or with a detector if one is installed.",
            inputs=[
                io.Image.Input("pictures", tooltip="A photograph of any shape, or the frames of a video."),
                io.Combo.Input(
                    "which",
                    options=list(CHOICES),
                    default=_LARGEST,
                    tooltip="The face that is meant where there are several.",
                ),
                io.Int.Input(
                    "number", default=1, min=1, max=99, tooltip="With from the left: the how manieth."
                ),
                io.Float.Input(
                    "x",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="With nearest: the point's place from left to right, of the picture's width.",
                ),
                io.Float.Input(
                    "y",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="With nearest: the point's place from top to bottom, of the picture's height.",
                ),
                io.Float.Input(
                    "margin",
                    default=1.0,
                    min=0.5,
                    max=4.0,
                    step=0.05,
                    tooltip="1 shows the face as in training, more shows more around it.",
                ),
                io.Float.Input(
                    "offset",
                    default=0.0,
                    min=-1.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Moves the square down over the face, of its side; negative moves it up.",
                ),
                io.Int.Input(
                    "size",
                    default=512,
                    min=64,
                    max=2048,
                    step=8,
                    tooltip="Of the portrait, in pixels: the model's, 512 for the released one.",
                ),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="Of a video: the frame whose face is animated.",
                ),
                io.Mask.Input("mask", optional=True, tooltip="The face, painted in the mask editor."),
                io.Custom("FACE_LANDMARKS").Input(
                    "face_landmarks",
                    optional=True,
                    tooltip="From Detect Face Landmarks (MediaPipe); they tell how a head leans.",
                ),
                io.Custom("BOUNDING_BOX").Input(
                    "bboxes",
                    optional=True,
                    tooltip="Boxes around the faces, from any face detector.",
                    extra_dict={"forceInput": True},  # newer ComfyUIs would send the box of a widget
                ),
                io.String.Input(
                    "box",
                    optional=True,
                    default="",
                    tooltip="The square itself, x, y, width, height in pixels: 420, 180, 300, 300. What "
                    "else is known of faces is not looked at then.",
                ),
            ],
            outputs=[
                io.Image.Output("portrait", display_name="portrait", tooltip="The square, for a sampler."),
                io.Custom("KEYFACE_FRAMING").Output(
                    "framing",
                    display_name="framing",
                    tooltip="Where it was cut from, for Paste Face, Render Video and Animate.",
                ),
                io.Image.Output(
                    "preview", display_name="preview", tooltip="The picture with the square drawn into it."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    @edges.checked
    def execute(
        cls,
        pictures: torch.Tensor,
        which: str,
        number: int,
        x: float,
        y: float,
        margin: float,
        offset: float,
        size: int,
        frame: int,
        mask: torch.Tensor | None = None,
        face_landmarks: list[list[Face]] | None = None,
        bboxes: list[list[Face]] | None = None,
        box: str = "",
    ) -> io.NodeOutput:
        if frame >= len(pictures):
            raise KeyFaceError(
                f"frame {frame} is asked for and there are {len(pictures)}; the first is number 0"
            )
        picture = rearrange(pictures[frame], "h w rgb -> rgb h w") * 2 - 1
        height, width = picture.shape[-2:]
        faces: list[Face] = []
        if box.strip():
            framing = framing_of_box(_numbers(box), height, width)
            show(_described(framing))
        elif (known := _faces(picture, frame, mask, face_landmarks, bboxes)) is not None:
            faces = known
            meant: Which = {_FROM_LEFT: number, _NEAREST: (x * width, y * height)}.get(which, _LARGEST)
            found = found_among(faces, (height, width), meant, margin, offset)
            framing = found.framing
            _say(found, size)
        else:
            framing = central(height, width)
            remark(
                "no face detector is installed, so the central square is taken: connect a mask, boxes or "
                f"landmarks, write the box, or {HOW_TO_GET}"
            )
        portrait = rearrange(cropped(picture, framing, size) + 1, "rgb h w -> 1 h w rgb") / 2
        preview = _preview(pictures[frame], faces, framing)
        return io.NodeOutput(
            portrait, FramedFace(framing, pictures), preview, ui=ui.PreviewImage(preview, cls=cls)
        )


def _faces(
    picture: torch.Tensor,
    frame: int,
    mask: torch.Tensor | None,
    face_landmarks: list[list[Face]] | None,
    bboxes: list[list[Face]] | None,
) -> list[Face] | None:
    """The faces of a picture (3, height, width), by the best that is known; None where nothing can tell."""
    if mask is not None:
        return [face_of_mask(mask, picture.shape[-2:])]
    for told in (face_landmarks, bboxes):
        if told is not None:
            return told[frame] if len(told) > frame else told[-1] if told else []
    detector = find_detector(folders=files.folders_of(*files.DETECTOR_FOLDERS))
    return None if detector is None else detector(picture)


def _numbers(box: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in box.replace(",", " ").split())
    except ValueError:
        raise KeyFaceError(
            f"box is {shown(box)}; write x, y, width and height in pixels, such as 420, 180, 300, 300"
        ) from None


def _described(framing: Framing) -> str:
    leaning = f", turned by {framing.angle:.0f} degrees" if framing.angle else ""
    return f"{framing.side:.0f} pixels around {framing.x:.0f},{framing.y:.0f}{leaning}"


def _say(found: Found, size: int) -> None:
    several = f"1 of {found.number} faces, " if found.number > 1 else ""
    show(several + _described(found.framing))
    if is_extreme(found.face):
        remark(EXTREME_POSE)
    if found.framing.side < size / 4:
        remark(
            f"the face's square has {found.framing.side:.0f} pixels and is enlarged to {size}; a sharper "
            "picture gives a sharper face"
        )


def _preview(picture: torch.Tensor, faces: list[Face], framing: Framing) -> torch.Tensor:
    """A picture (height, width, 3) with faces and the square, its upper edge red: (1, height, width, 3)."""
    pixels = picture.mul(255).round().clamp(0, 255).byte().cpu().numpy()
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    line = max(1, min(image.size) // _LINE) * 2
    for face in faces:
        draw.rectangle(
            (face.x, face.y, face.x + face.width, face.y + face.height), outline="white", width=line
        )
    ends = framing.to_picture(1) @ torch.tensor([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]]).double()
    corners = [(float(x), float(y)) for x, y in ends.T]
    draw.line([*corners[1:], corners[0]], fill="lime", width=line)
    draw.line(corners[:2], fill="red", width=line)
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)[None]
