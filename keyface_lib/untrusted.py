"""Files that anybody may have written: regular ones only, and JSON of bounded size and depth."""

import json
import os
import stat
from typing import Any, BinaryIO

from .errors import KeyFaceError

JSON_BYTES = 2**20
"""A configuration has a few kB; a whole megabyte of it is no configuration."""
JSON_DEPTH = 32


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a file for reading, following links, unless reading it might never end.

    Raises:
        KeyFaceError: there is none, it must not be read, or it is a folder, pipe, socket or device.
    """
    try:
        _require_regular(os.stat(path).st_mode, path)
        # Should a pipe have taken its place meanwhile, opening must not wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        file = os.fdopen(descriptor, "rb")
        _require_regular(os.fstat(descriptor).st_mode, path)
    except (OSError, ValueError) as error:
        if isinstance(error, KeyFaceError):
            raise
        raise KeyFaceError(
            f"{one_line(path)} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    return file


def read_json(path: str | os.PathLike, limit: int = JSON_BYTES) -> Any:
    """What a JSON file says; raises KeyFaceError as `open_regular` and `json_from`."""
    with open_regular(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise KeyFaceError(f"{one_line(path)} cannot be read: {error.strerror or error}") from error
    return json_from(content, one_line(path), limit)


def json_from(text: str | bytes, name: str, limit: int = JSON_BYTES) -> Any:
    """What JSON text says, read more strictly than Python does.

    Args:
        name: what messages call it.
        limit: of its length.

    Raises:
        KeyFaceError: it is no JSON, too long or too deep, names an entry twice, or has a number that is none.
    """
    if len(text) > limit:
        raise KeyFaceError(f"{name} is longer than {limit:,} bytes, which nothing of its kind needs")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        entries = json.loads(
            text, object_pairs_hook=_once_each, parse_constant=_no_number, parse_float=_finite
        )
        require_shallow(entries)
    except RecursionError:
        raise KeyFaceError(f"{name} is no JSON that can be used (too deep)") from None
    except ValueError as error:
        raise KeyFaceError(f"{name} is no JSON that can be used ({one_line(error)})") from error
    return entries


def require_shallow(value: Any, depth: int = JSON_DEPTH) -> None:
    """Raises a ValueError where lists and objects lie more than `depth` deep in one another."""
    if isinstance(value, dict | list | tuple):
        if depth == 0:
            raise ValueError(f"it lies more than {JSON_DEPTH} levels deep")
        for entry in value.values() if isinstance(value, dict) else value:
            require_shallow(entry, depth - 1)


def shown(value: object, length: int = 60) -> str:
    """A value as messages show it: in one line, and not at length."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # whole numbers of thousands of digits have no text
        text = f"a {type(value).__name__} that cannot be shown"
    return _cut(text, length)


def one_line(text: object, length: int = 300) -> str:
    """A path, or the text of an error, in one printable line."""
    raw = os.fspath(text) if isinstance(text, str | os.PathLike) else str(text)
    part = os.fsdecode(raw)[: length + 1]
    return _cut("".join(c if c.isprintable() else repr(c)[1:-1] for c in part), length)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _require_regular(mode: int, path: str | os.PathLike) -> None:
    if stat.S_ISDIR(mode):
        raise KeyFaceError(f"{one_line(path)} cannot be read: it is a folder; name a file")
    if not stat.S_ISREG(mode):
        raise KeyFaceError(
            f"{one_line(path)} cannot be read: it is a pipe, socket or device; name a file on the disk"
        )


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, value in pairs:
        if name in entries:
            raise ValueError(f"it says {shown(name)} twice")
        entries[name] = value
    return entries


def _no_number(text: str) -> Any:
    raise ValueError(f"it says {text}, which is no number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"it says {shown(text)}, which is too large")
    return number
