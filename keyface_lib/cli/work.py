"""`keyface work`, and the work folder of `keyface animate`."""

import argparse
import os
from typing import TYPE_CHECKING

from ..clip.inputs import check_place
from .terminal import bar

if TYPE_CHECKING:
    from ..work.folder import WorkFolder


def add(commands) -> None:
    work = commands.add_parser("work", help="say what a work folder of keyface animate holds")
    work.add_argument("folder", metavar="DIR", help="that was given with --work")
    work.add_argument(
        "--tidy",
        action="store_true",
        help="remove what the last run did not ask for: former takes, and results of other settings",
    )
    work.add_argument("--clean", action="store_true", help="remove the folder")
    work.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Says it; raises a KeyFaceError where the folder is none, or in use."""
    folder = check_place(options.folder, "work folder")
    from ..work.folder import describe, require_own

    require_own(folder)
    with open_work(folder) as work:
        if options.clean:
            size = sum(work.store.size(kind)[1] for kind in work.store.kinds)
            work.clean()
            print(f"{folder}: removed, {size / 1e9:.2f} GB are free again")
            return
        if options.tidy:
            unwanted = work.unwanted()
            size = sum(path.stat().st_size for path in unwanted)
            work.store.remove(unwanted)
            print(f"{folder}: {size / 1e9:.2f} GB that the last run did not ask for are removed")
        print(describe(work))


def open_work(folder: str | os.PathLike) -> "WorkFolder":
    """A work folder, with a progress bar while its files are checked."""
    from ..work.folder import WorkFolder

    with bar("check", "B") as progress:
        return WorkFolder(folder, progress)
