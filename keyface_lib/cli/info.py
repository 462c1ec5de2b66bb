"""`keyface info`."""

import argparse

from ..clip.inputs import check_place


def add(commands) -> None:
    info = commands.add_parser("info", help="say what a weights file or a model folder holds")
    info.add_argument("place", metavar="FILE", help="a weights file, or a model folder")
    info.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Says it; raises a KeyFaceError where a file is none of KeyFace's."""
    place = check_place(options.place, "weight file or folder")
    if place.is_dir():
        from ..clip.folder import describe_folder

        print(describe_folder(place))
    else:
        from ..weights.describe import describe

        print(describe(place))
