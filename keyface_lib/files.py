"""Files: opened only where they are what is meant, and written whole or not at all."""

import io
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from .errors import KeyFaceError
from .messages import one_line

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


class _Told(io.FileIO):
    """A file whose failures while it is read, as disks and networks have them, are KeyFaceErrors."""

    def __init__(self, descriptor: int, path: str | os.PathLike, what: str):
        super().__init__(descriptor, "rb")
        self._path, self._what = path, what

    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise self._broken_off(error) from error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OSError as error:
            raise self._broken_off(error) from error

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            raise self._broken_off(error) from error

    def _broken_off(self, error: OSError) -> KeyFaceError:
        return KeyFaceError(
            f"{one_line(self._path)}: cannot be read to its end ({error.strerror or error}); copy the "
            f"{self._what} to another disk and give that"
        )


def open_file(path: str | os.PathLike, what: str, pipes: bool = False) -> BinaryIO:
    """A regular file, open for reading in bytes; of a pipe a copy of all it holds, which can be sought in.

    A pipe, such as a shell's `<(command)`, can be read only once.

    Args:
        what: is meant to be there, for the messages ("picture").
        pipes: whether a pipe is taken.

    Raises:
        KeyFaceError: there is nothing, a folder, a device or a socket, or no right to read it; a pipe that
            does not end within `PIPE_SECONDS` or holds more than `PIPE_BYTES`. Reading that fails raises it
            as well.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            # Should a pipe have taken its place meanwhile, opening must not wait for its other end.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            return _told(os.open(path, flags), path, what)
        if stat.S_ISFIFO(mode) and pipes:
            return _copy_of_pipe(path, what)
    except KeyFaceError:
        raise
    except FileNotFoundError:
        raise KeyFaceError(f"{one_line(path)}: there is no such {what}; check the path") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error, what) from error
    article = "an" if what[0] in "aeiou" else "a"
    raise KeyFaceError(f"{one_line(path)}: is {kind_of(mode)}, not {article} {what}; give the path of a file")


def _told(descriptor: int, path: str | os.PathLike, what: str) -> BinaryIO:
    try:
        return io.BufferedReader(_Told(descriptor, path, what))
    except BaseException:  # a folder that has taken the file's place
        os.close(descriptor)
        raise


def unreadable(path: str | os.PathLike, error: OSError | ValueError, what: str) -> KeyFaceError:
    """The error for a path that cannot be opened, with a remedy that fits its cause."""
    if isinstance(error, PermissionError):
        return KeyFaceError(
            f"{one_line(path)}: may not be read ({error.strerror}); change the rights of the {what}"
        )
    reason = getattr(error, "strerror", None) or error
    return KeyFaceError(f"{one_line(path)}: cannot be opened ({reason}); check the path of the {what}")


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
                    f"{one_line(path)}: the pipe did not end within {PIPE_SECONDS} s; "
                    f"write the {what} into a file first and give that"
                )
            block = os.read(pipe, 1 << 20)
            if not block:
                break
            copy.write(block)
            if copy.tell() > PIPE_BYTES:
                raise KeyFaceError(
                    f"{one_line(path)}: the pipe holds more than {PIPE_BYTES >> 20} MB; "
                    f"write the {what} into a file first and give that"
                )
        copy.seek(0)
        return copy
    except BaseException:
        copy.close()
        raise
    finally:
        os.close(pipe)


@contextmanager
def whole_file(
    path: str | os.PathLike,
    remedy: str = "choose a folder with room to write",
    named: Callable[[Path], Path] | None = None,
) -> Iterator[Path]:
    """A name beside `path`, with its ending, to write to; leaving the block without an error puts the file in
    its place.

    Until then a former file stays as it is, after an error for good. The new one has the rights that any new
    file gets, whatever the writer left it with.

    Args:
        remedy: what to do where it cannot be written, for the message.
        named: says from the finished file where it belongs, where that is not `path`.

    Raises:
        KeyFaceError: for an OSError, or an error of safetensors, inside the block or when it is put in place.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.unfinished{path.suffix}")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode
        yield unfinished
        unfinished.chmod(mode)  # safetensors and tempfile leave files readable by their owner only
        unfinished.replace(path if named is None else named(unfinished))
    except Exception as error:
        if not _is_writing(error):
            raise
        reason = getattr(error, "strerror", None) or error
        raise KeyFaceError(f"{path} could not be written ({reason}); {remedy}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _is_writing(error: Exception) -> bool:
    from safetensors import SafetensorError  # only where something went wrong: its import is not free

    return isinstance(error, (OSError, SafetensorError)) and not isinstance(error, KeyFaceError)
