"""The picture that `keyface animate` animates, and what it says of it."""

import argparse
from dataclasses import replace

from .terminal import note


def picture_of(options: argparse.Namespace):
    """The picture that is animated: the file, or of a video what it shows at a time, which is said."""
    from ..media.film import is_video, picture_at

    if options.at is None and not is_video(options.image):
        return options.image
    at = options.at or 0.0
    picture = picture_at(options.image, at)
    another = "; choose another moment with --at SECONDS" if options.at is None else ""
    note(f"the picture is what the video shows at {at:.2f} s{another}")
    if options.full_frame and options.background == "still":
        note("the rest of the picture stands still; --background moving lays the face into the moving video")
    return picture


def with_face(material):
    """The largest face framed, unless it is already; where none is found, which is said, the centre stays."""
    from ..portrait.finding import FRAMED, NoFaceError, find_face

    try:
        found = find_face(material.picture)
    except NoFaceError as error:
        note(f"{error}, with --face-box X,Y,W,H")
        return material
    height, width = material.picture.shape[-2:]
    if height == width and found.framing.side > FRAMED * height:
        return material
    if found.number > 1:
        note(f"{found.number} faces were found, the largest is taken; choose another with --which-face")
    return replace(material, framing=found.framing)


def framed(material) -> str:
    """Which part of the picture is animated, in words and pixels of the file."""
    height, width = (side * material.reduction for side in material.picture.shape[-2:])
    framing = material.framing
    if framing is not None:
        framing = framing.scaled(material.reduction)
        return f"the square of {framing.side:.0f} pixels around {framing.x:.0f},{framing.y:.0f} is animated"
    if height == width:
        return "the whole picture is animated"
    return (
        f"the central square of {min(height, width)} pixels is animated; where the face lies elsewhere, name "
        "its square with --face-box X,Y,W,H"
    )
