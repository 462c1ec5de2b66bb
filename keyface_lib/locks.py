"""Places that one process at a time may use."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def lock(place: Path, taken: Callable[[str], Exception]) -> BinaryIO | None:
    """Locks a file, which is made if need be, until `unlock` or the end of this process, however it ends.

    Args:
        taken: makes the error to raise where another holds it, from that one's process number, "?" if that
            cannot be read.

    Returns:
        What `unlock` takes; None where there can be no file, or none can be locked (some network drives).
    """
    while True:
        try:
            file = open(place, "a+b")  # noqa: SIM115 (open as long as it is held)
        except OSError:
            return None
        try:
            _hold(file)
            if os.path.exists(place) and os.path.samestat(os.fstat(file.fileno()), os.stat(place)):
                file.truncate(0)
                file.write(str(os.getpid()).encode())
                file.flush()
                return file
            file.close()  # its holder has just removed it
        except (BlockingIOError, PermissionError):
            holder = b""
            with file, suppress(OSError):
                file.seek(0)
                holder = file.read(20)
            raise taken(holder.decode(errors="replace") or "?") from None
        except OSError:
            file.close()
            return None


def unlock(file: BinaryIO | None) -> None:
    """Lets go of what `lock` gave, and removes its file."""
    if file is None:
        return
    if fcntl is None:  # Windows removes no open file
        file.close()
    with suppress(OSError):
        os.unlink(file.name)  # while it is held, so that nobody else's is removed
    file.close()


def _hold(file: BinaryIO) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    file.seek(1 << 30)  # others may still read whose it is
    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    file.seek(0)
