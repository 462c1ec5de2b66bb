"""JSON that anybody may have written: of bounded size and depth, read more strictly than Python does."""

import json
import os
from typing import Any

from .errors import KeyFaceError
from .files import open_file
from .messages import one_line, shown

JSON_BYTES = 2**20
"""A configuration has a few kB; a whole megabyte of it is no configuration."""
JSON_DEPTH = 32


def read_json(path: str | os.PathLike, limit: int = JSON_BYTES) -> Any:
    """What a JSON file says; raises KeyFaceError as `files.open_file` and `json_from`."""
    with open_file(path, "file") as file:
        content = file.read(limit + 1)
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
        raise KeyFaceError(
            f"{name} is longer than {limit:,} bytes, which nothing of its kind needs; replace it"
        )
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        entries = json.loads(
            text, object_pairs_hook=_once_each, parse_constant=_no_number, parse_float=_finite
        )
        require_shallow(entries)
    except RecursionError:
        raise KeyFaceError(f"{name} is no JSON that can be used (too deep); replace it") from None
    except ValueError as error:
        raise KeyFaceError(
            f"{name} is no JSON that can be used ({one_line(error)}); correct or replace it"
        ) from error
    return entries


def require_shallow(value: Any, depth: int = JSON_DEPTH) -> None:
    """Raises a ValueError where lists and objects lie more than `depth` deep in one another."""
    if isinstance(value, dict | list | tuple):
        if depth == 0:
            raise ValueError(f"it lies more than {JSON_DEPTH} levels deep")
        for entry in value.values() if isinstance(value, dict) else value:
            require_shallow(entry, depth - 1)


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
