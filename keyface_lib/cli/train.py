"""`keyface train`."""

import argparse

from ..clip.inputs import check_file
from ..method.values import real

SHORTEST, LONGEST = 0.001, 1e6
"""Of a run, in minutes."""


def add(commands) -> None:
    train = commands.add_parser("train", help="train a network or the autoencoder")
    train.add_argument("stage", choices=["keyframes", "interpolation", "reduced", "vae"])
    train.add_argument("config", help="a .toml file, see docs/training.md")
    train.add_argument("--minutes", type=float, help="stop after that time, to be resumed")
    train.add_argument("--resume", action="store_true", help="go on where the run stopped or was killed")
    train.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Trains; raises a KeyFaceError as `train.command.run`."""
    if options.minutes is not None:
        options.minutes = real("--minutes", options.minutes, SHORTEST, LONGEST)
    options.config = check_file(options.config, "configuration")
    from ..train.command import run

    try:
        run(options)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the last whole state is kept, if there is one: --resume goes on") from None
