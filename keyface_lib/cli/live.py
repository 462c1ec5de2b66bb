"""`keyface animate PICTURE -`: the sound arrives on standard input while the video is made."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import small
from ..clip.inputs import check_file, check_model
from ..errors import KeyFaceError
from .picture import framed, picture_of, with_face
from .terminal import bar, note

if TYPE_CHECKING:
    from ..method.emotion import EmotionCurve

STANDARD_INPUT = "-"
_NEED_ALL = ("work", "redo", "dry_run", "normalize", "silence_gate", "face")
"""Options that need the whole recording before anything is made."""


def check(options: argparse.Namespace) -> None:
    """Raises KeyFaceError for options that sound which is still arriving cannot have."""
    needing = [name for name in _NEED_ALL if getattr(options, name)]
    if options.background == "moving":
        needing.append("background")
    if needing:
        name = needing[0].replace("_", "-")
        raise KeyFaceError(
            f"--{name} needs the whole recording, and standard input brings it bit by bit; leave it out, or "
            "write the sound into a file first"
        )
    options.image = check_file(options.image, "picture")
    check_model(options.model)
    if sys.stdin is None or sys.stdin.isatty():
        raise KeyFaceError(
            "no sound comes in on standard input; send it there, as in: "
            "arecord -f cd -t wav | keyface animate face.jpg - -o live.mkv"
        )


def run(options: argparse.Namespace, settings: dict) -> int:
    """Makes the video; returns its frames."""
    from ..audio.containers import ArrivingRecording
    from ..clip.devices import device_of
    from ..clip.emotion_file import parse_emotion
    from ..clip.material import Material, framed_picture
    from ..clip.settings import settings_from
    from ..method.timeline import FPS
    from ..pipeline import KeyFace

    import torch  # isort: skip

    device, feeling = device_of(options.device), growing(options.emotion, parse_emotion)
    face = options.face_box or (None if options.which_face == "centre" else options.which_face)
    picture, reduction, framing = framed_picture(picture_of(options), face)
    silence = torch.zeros(1)
    material = Material(picture, silence, feeling(), None, silence, framing=framing, reduction=reduction)
    if options.face_box is None and options.which_face is None:
        material = with_face(material)
    note(framed(material))
    if options.model is None:
        note(said_of_small())
    keyface = KeyFace.from_pretrained(options.model, device, options.dtype, offload=options.offload)
    chosen = settings_from(keyface.models.default_settings(), **settings)
    with ArrivingRecording(sys.stdin.fileno(), "standard input") as recording:
        live = keyface.plan_arriving(
            picture, material.framing, recording.blocks(), feeling, chosen, options.full_frame
        )
        note(
            f"the sound is heard as it arrives; frames come up to {live.delay / FPS:.1f} s after it, and "
            "what computing takes. Fewer --keyframes-per-window shorten that"
        )
        with bar("animate", "frame") as progress:
            return live.save(options.output, options.lossless, progress)


def growing(emotion: str, parse: "Callable[[str], EmotionCurve]") -> "Callable[[], EmotionCurve]":
    """The curve that a text or a file gives; a file may be written anew while the clip is made.

    Raises:
        KeyFaceError: it is none to begin with; later the last one that could be read stays, which is said.
    """
    last, said = parse(emotion), ""

    def feeling() -> "EmotionCurve":
        nonlocal last, said
        try:
            last = parse(emotion)
        except KeyFaceError as error:
            if str(error) != said:
                note(f"the feelings stay what they were: {error}")
            said = str(error)
        return last

    return feeling


def said_of_small() -> str:
    """What the small model is for."""
    return f"the model is {small.NAME}: it knows drawn faces of 64 pixels; name a better one with --model"
