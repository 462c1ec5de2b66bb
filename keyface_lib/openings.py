"""What may be opened where a file is meant: regular files, and pipes for a while."""

import os
import stat
import tempfile
import time
from typing import BinaryIO

from .errors import KeyFaceError

PIPE_SECONDS = 8
"""A pipe has to end within this time: nobody can tell a slow program from one that never ends."""
PIPE_BYTES = 512 * 2**20

_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
    stat.S_ISFIFO: "a pipe",
}


def kind_of(mode: int) -> str:
    """What a place is, in words."""
    return next((name for is_kind, name in _KINDS.items() if is_kind(mode)), "a file")


def open_file(path: str | os.PathLike, what: str, pipes: bool = False) -> BinaryIO:
    """A regular file, open for reading in bytes; of a pipe a copy of all it holds, which can be sought in.

    A pipe, such as a shell's `<(command)`, can be read only once.

    Args:
        what: is meant to be there, for the messages ("picture").
        pipes: whether a pipe is taken.

    Raises:
        KeyFaceError: there is nothing, a folder, a device or a socket, or no right to read it; a pipe that
            does not end within `PIPE_SECONDS` or holds more than `PIPE_BYTES`.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return open(path, "rb")
        if stat.S_ISFIFO(mode) and pipes:
            return _copy_of_pipe(path, what)
    except KeyFaceError:
        raise
    except FileNotFoundError:
        raise KeyFaceError(f"{shown(path)}: there is no such {what}; check the path") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error, what) from error
    raise KeyFaceError(f"{shown(path)}: is {kind_of(mode)}, not a {what}; give the path of a file")


def unreadable(path: str | os.PathLike, error: OSError | ValueError, what: str) -> KeyFaceError:
    """The error for a path that cannot be opened, with a remedy that fits its cause."""
    if isinstance(error, PermissionError):
        return KeyFaceError(
            f"{shown(path)}: may not be read ({error.strerror}); change the rights of the {what}"
        )
    reason = getattr(error, "strerror", None) or error
    return KeyFaceError(f"{shown(path)}: cannot be opened ({reason}); check the path of the {what}")


def shown(path: str | os.PathLike) -> str:
    """A path as a message shows it: one line, and not endless."""
    text = os.fsdecode(path)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= 200 else f"{text[:120]}...{text[-60:]}"


def is_pipe(path: str | os.PathLike) -> bool:
    """Whether a path leads to a pipe."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _copy_of_pipe(path: str | os.PathLike, what: str) -> BinaryIO:
    import select  # not everywhere, but wherever there are pipes with a path

    end = time.monotonic() + PIPE_SECONDS
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    copy = tempfile.TemporaryFile(prefix="keyface-pipe-")  # noqa: SIM115 (handed on)
    try:
        ready = select.poll()
        ready.register(pipe, select.POLLIN)
        while True:
            left = end - time.monotonic()
            events = ready.poll(max(0, left) * 1000)
            if left <= 0 or not events:
                raise KeyFaceError(
                    f"{shown(path)}: the pipe did not end within {PIPE_SECONDS} s; "
                    f"write the {what} into a file first and give that"
                )
            block = os.read(pipe, 1 << 20)
            if not block:
                break
            copy.write(block)
            if copy.tell() > PIPE_BYTES:
                raise KeyFaceError(
                    f"{shown(path)}: the pipe holds more than {PIPE_BYTES >> 20} MB; "
                    f"write the {what} into a file first and give that"
                )
        copy.seek(0)
        return copy
    except BaseException:
        copy.close()
        raise
    finally:
        os.close(pipe)
