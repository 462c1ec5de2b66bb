"""`keyface emotion`."""

import argparse
import json
from pathlib import Path

from ..affect.options import CENTRE, SMOOTH, STRENGTHS, TOLERANCE, TOLERANCES, WIDTHS
from ..clip.inputs import check_file, check_folder_of
from ..errors import KeyFaceError
from ..files import whole_file
from ..messages import one_line
from ..method.values import real
from .faces import which
from .terminal import bar

MODELS = ("models/keyface",)
"""Where the emotion model and the face detector may lie, from where the command is started."""


def add(commands) -> None:
    emotion = commands.add_parser("emotion", help="read a feeling off a video or picture as an emotion curve")
    emotion.add_argument("video", help="a video, a moving picture or a picture of a face")
    emotion.add_argument("-o", "--output", required=True, help="a .json file for animate's --emotion")
    emotion.add_argument(
        "--which",
        type=which,
        default="largest",
        metavar="FACE",
        help="'largest', a number counted from the left, the X,Y that it is nearest to, or 'centre' for the "
        "central square; in the first frame that shows it, from where it is followed",
    )
    emotion.add_argument(
        "--smooth",
        type=float,
        default=SMOOTH,
        metavar="SECONDS",
        help="shorter changes are evened out; 0 for none",
    )
    emotion.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="by how much the curve may be off, for fewer points",
    )
    emotion.add_argument(
        "--strength", type=float, default=1.0, help="2 makes what is read twice as strong, 0.5 half as strong"
    )
    emotion.add_argument("--model", metavar="FILE", help="such as enet_b0_8_va_mtl.onnx, see docs/emotion.md")
    emotion.add_argument("--picture", metavar="FILE", help="a .png of the curve and the faces")
    emotion.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    emotion.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Writes the curve, and its picture where one is named.

    Raises:
        KeyFaceError: an option or input is wrong, the model is missing, or the video never shows the face.
    """
    smooth = real("--smooth", options.smooth, *WIDTHS)
    tolerance = real("--tolerance", options.tolerance, *TOLERANCES)
    strength = real("--strength", options.strength, *STRENGTHS)
    video = check_file(options.video, "video or picture")
    output = _place(options.output, "output", ".json")
    picture = None if options.picture is None else _place(options.picture, "picture of the curve", ".png")
    if options.model is not None:
        options.model = check_file(options.model, "emotion model")
    from ..affect.glimpses import Glimpses
    from ..affect.models import find_reader
    from ..affect.reading import curve_of, read_file
    from ..method.emotion_text import to_json
    from ..method.timeline import FPS
    from ..portrait.detectors import find_detector
    from ..portrait.finding import asked

    reader = find_reader(options.model, MODELS)
    detector = None if options.which == CENTRE else find_detector(folders=MODELS)
    glimpses = Glimpses()
    with bar("read", "frame") as progress:
        observed = read_file(
            video, reader, detector, **asked(options.which), progress=progress, watch=glimpses
        )
    curve = curve_of(observed, smooth, tolerance, strength)
    with whole_file(output) as path:
        path.write_text(to_json(curve) + "\n", encoding="utf-8")
    if picture is not None:
        with whole_file(picture) as path:
            glimpses.drawn(observed.n_frames, curve).save(path, "PNG")
    result = {
        "output": str(output),
        "frames": observed.n_frames,
        "seconds": observed.n_frames / FPS,
        "frames_without_face": int((~observed.seen).sum()),
        "points": len(curve.valence) + len(curve.arousal),
    }
    said = f"{output}: {observed.n_frames} frames as {result['points']} points"
    print(json.dumps(result) if options.json else said)


def _place(path: str, what: str, suffix: str) -> Path:
    """The path of a file that is to be written, with the ending it must have."""
    place = check_folder_of(path, what)
    if place.suffix.lower() != suffix:
        raise KeyFaceError(f"{one_line(place)}: the {what} ends in {suffix}; rename it")
    if place.is_dir():
        raise KeyFaceError(f"{one_line(place)}: is a folder; give the name of a file")
    return place
