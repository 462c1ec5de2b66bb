"""`keyface train`, as the command line calls it."""

import argparse
import math
from pathlib import Path

from ..errors import KeyFaceError
from .config_file import read_config


def run(options: argparse.Namespace) -> None:
    """Trains what the options ask for and says how it ended.

    Raises:
        KeyFaceError: as `config_file.read_config` and `loop.train`.
    """
    config = read_config(Path(options.config), options.stage)
    if options.minutes is not None and not 0 < options.minutes < math.inf:
        raise KeyFaceError(f"--minutes is {options.minutes}; it must be a number above 0")
    try:
        from .loop import train
    except ImportError as error:
        raise KeyFaceError(
            f"training needs {error.name}; pip install '.[train]' in a clone of KeyFace"
        ) from error
    outcome = train(options.stage, config, options.minutes, options.resume)
    if outcome.skipped:
        names = "; ".join(outcome.skipped[:20])
        more = len(outcome.skipped) - 20
        print(f"{len(outcome.skipped)} skipped: {names}{f'; and {more} more' if more > 0 else ''}")
    if outcome.weights is not None:
        print(f"{outcome.weights}: weights after {outcome.step} of {outcome.steps} steps")
    if not outcome.finished:
        print(f"stopped after {outcome.step} of {outcome.steps} steps; add --resume to go on")
