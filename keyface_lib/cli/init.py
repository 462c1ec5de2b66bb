"""`keyface init`."""

import argparse

from ..clip.inputs import check_new, option


def add(commands) -> None:
    init = commands.add_parser("init", help="write a small random model folder, for tests and first steps")
    init.add_argument("folder")
    init.add_argument("--size", choices=["tiny"], default="tiny")
    init.add_argument("--seed", type=int, default=0)
    init.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Writes the folder; raises a KeyFaceError where it cannot."""
    seed = option("seed", options.seed, called="--seed")
    folder = check_new(options.folder, "model folder")
    from ..tiny import write_tiny_models

    try:
        write_tiny_models(folder, seed=seed)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{options.folder} is not complete: remove it") from None
    print(f"{options.folder}: a tiny model folder with random weights; its faces are noise")
