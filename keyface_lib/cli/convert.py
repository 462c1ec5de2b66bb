"""`keyface convert`."""

import argparse

from ..clip.inputs import check_new, check_place


def add(commands) -> None:
    convert = commands.add_parser("convert", help="rewrite released weights in KeyFace's own format")
    convert.add_argument("source", metavar="SRC", help="a file, or a folder of released files")
    convert.add_argument("destination", metavar="DST", help="a .safetensors file, or a folder")
    convert.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Writes the files and their names; raises a KeyFaceError as `weights.convert.convert`."""
    source = check_place(options.source, "weight file or folder")
    destination = check_new(options.destination, "destination")
    from ..weights.convert import convert

    try:
        paths = convert(source, destination)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"files that are in {destination} are whole") from None
    for path in paths:
        print(path)
