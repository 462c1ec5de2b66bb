"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import KeyFaceError


@contextmanager
def whole_file(path: str | os.PathLike, remedy: str = "choose a folder with room to write") -> Iterator[Path]:
    """A name beside `path` to write to; leaving the block without an error puts the file in its place.

    Until then a former file stays as it is, after an error for good. The new one has the rights that any new
    file gets, whatever the writer left it with.

    Args:
        remedy: what to do where it cannot be written, for the message.

    Raises:
        KeyFaceError: for an OSError, or an error of safetensors, inside the block or when it is put in place.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.unfinished")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode
        yield unfinished
        unfinished.chmod(mode)  # safetensors and tempfile leave files readable by their owner only
        unfinished.replace(path)
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
