"""What may become of any file, done to one: docs/robustness.md has a column for each."""

import os
from collections.abc import Callable
from pathlib import Path

from damaged_kinds import Kind, code, content

from keyface_lib import files

NOBODY = 65534
FAILING = Path("/proc/self/mem")
"""A file by all signs, whose first byte cannot be read: Linux gives an error as a failing disk does."""


def written(damage: Callable[[Kind], bytes]) -> Callable[[Path, Kind], None]:
    """The file with another content."""

    def do(path: Path, kind: Kind) -> None:
        path.write_bytes(damage(kind))

    return do


def cut(path: Path, kind: Kind) -> None:
    os.truncate(path, path.stat().st_size // 2)


def linked(path: Path, kind: Kind) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def made_a_folder(path: Path, kind: Kind) -> None:
    path.unlink()
    path.mkdir()


def failing(path: Path, kind: Kind) -> None:
    path.unlink()
    path.symlink_to(FAILING)


def locked(path: Path, kind: Kind) -> None:
    """No right to read; root, who may read everything, becomes nobody once all is imported."""
    path.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def in_locked_folder(path: Path, kind: Kind) -> None:
    """No right to enter the folder."""
    path.parent.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def vanishing(path: Path, kind: Kind) -> None:
    """Removed after the look at what lies there, before it is opened."""
    opens = os.open

    def gone(place, *options, **more):
        if os.fspath(place) == os.fspath(path):
            path.unlink(missing_ok=True)
        return opens(place, *options, **more)

    os.open = gone


def shrinking(path: Path, kind: Kind) -> None:
    """Cut in half by somebody else once it is open."""
    told, size = files._told, path.stat().st_size

    def shorter(descriptor, place, what):
        if os.path.samefile(place, path):
            os.truncate(path, size // 2)
        return told(descriptor, place, what)

    files._told = shorter


PAGE = b"<!DOCTYPE html>\n<html><title>404</title></html>\n"
DAMAGES: dict[str, Callable[[Path, Kind], None]] = {
    "missing": lambda path, kind: path.unlink(),
    "empty": written(lambda kind: b""),
    "cut in half": cut,
    "another kind": written(lambda kind: PAGE),
    "claims too much": written(lambda kind: content(kind.huge)),
    "NaN or infinity": written(lambda kind: content(kind.not_numbers)),
    "pickled code": lambda path, kind: path.write_bytes(code(path.with_name("ran"))) and None,
    "symbolic link": linked,
    "no right to read": locked,
    "folder locked": in_locked_folder,
    "a folder there": made_a_folder,
    "vanishes": vanishing,
    "cut while read": shrinking,
    "disk fails": failing,
}
