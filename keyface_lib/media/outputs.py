"""The place of a video while it is written: its own, and an old video's until there is something to play."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import KeyFaceError
from ..files import kind_of
from ..locks import lock, unlock
from ..messages import one_line


class Output:
    """A file or folder that this process alone writes.

    A new file is written where it belongs. Where there is an old one, the new one begins beside it under a
    hidden name (`.NAME.writing`) and takes its place as soon as it can be played: from then on what a killed
    program leaves is there too.

    Attributes:
        target: where links lead.
        current: where the file is written at the moment.
    """

    def __init__(self, path: Path):
        """Claims the place until `release`.

        Raises:
            KeyFaceError: another process or writer is at it.
        """
        self.target = self.current = Path(os.path.realpath(path))
        self._lock = _lock(path, self.target)
        self._size = 0
        if os.path.isfile(self.target) and os.access(self.target.parent, os.W_OK):
            self.current = _beside(self.target, "writing")

    def settle(self, playable: Callable[[Path], int]) -> None:
        """Puts what is written in the place of the old file, once some of its frames can be played."""
        if self.current == self.target:
            return
        with suppress(FileNotFoundError):
            size = self.current.stat().st_size
            if size != self._size and playable(self.current):
                self._put_in_place()
            self._size = size

    def end(self, playable: Callable[[Path], int]) -> None:
        """As `settle`, for a closed file; one without frames is removed, and the old one stays."""
        if self.current == self.target:
            return
        with suppress(FileNotFoundError):
            if playable(self.current):
                self._put_in_place(again=True)
            else:
                self.current.unlink()

    def _put_in_place(self, again: bool = False) -> None:
        with suppress(OSError):
            shutil.copymode(self.target, self.current)
        try:
            os.replace(self.current, self.target)
        except PermissionError:  # Windows moves no open file
            if again:
                raise
            return
        self.current = self.target

    def release(self) -> None:
        """Lets others write there."""
        held, self._lock = self._lock, None
        unlock(held)


def check_free(path: Path) -> None:
    """Raises KeyFaceError where a video is being written at the moment."""
    unlock(_lock(path, Path(os.path.realpath(path))))


def check_regular(path: Path) -> bool:
    """Whether there is a file already.

    Raises:
        KeyFaceError: there is something else, such as a pipe or a device.
        OSError, ValueError: it cannot be looked at.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise KeyFaceError(f"{one_line(path)}: is {kind_of(mode)}; give the name of a file")
    return True


def _lock(path: Path, target: Path) -> BinaryIO | None:
    """Keeps the place as long as this process lives.

    None where its folder is missing or cannot be written to, which is told elsewhere.
    """

    def taken(holder: str) -> KeyFaceError:
        return KeyFaceError(
            f"{one_line(path)}: is being written by another run (process {holder}); "
            "wait for it or choose another name"
        )

    return lock(_beside(target, "lock"), taken)


def _beside(target: Path, what: str) -> Path:
    """A hidden name beside a file, with its ending in the end, however long its name is."""
    name = target.stem if len(target.name) < 200 else hashlib.sha1(target.name.encode()).hexdigest()
    return target.with_name(f".{name}.{what}{target.suffix}")
