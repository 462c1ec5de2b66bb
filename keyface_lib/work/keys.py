"""Keys: short names of everything that a result depends on. Equal keys mean equal results."""

import hashlib
import os
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch

from ..files import open_file

LOOKED_AT = 4096
"""Elements of one weight tensor that `fingerprint` reads."""


def key_of(*parts: Any) -> str:
    """The key of some values, 40 hexadecimal digits: the same in every process and on every machine.

    Args:
        parts: None, truth values, numbers, text, bytes, tensors, and sequences, mappings and dataclasses
            of these.
    """
    digest = hashlib.sha256()
    _add(digest, parts)
    return digest.hexdigest()[:40]


def fingerprint(weights: Mapping[str, torch.Tensor]) -> str:
    """The key of a model's weights, of which evenly spaced elements are read.

    Training changes all of them, so gigabytes need not be read to tell two models apart.
    """
    return key_of({name: (tuple(w.shape), _spaced(w.detach())) for name, w in weights.items()})


def fingerprint_of_file(path: str | os.PathLike) -> str:
    """The key of a file's size and of evenly spaced parts of it, 64 MB at most.

    Raises:
        KeyFaceError: it has gone, or cannot be read.
    """
    parts = []
    with open_file(path, "file") as file:
        size = file.seek(0, os.SEEK_END)
        for place in range(0, size, max(1 << 20, -(-size // 64))):
            file.seek(place)
            parts.append(file.read(1 << 20))
    return key_of(size, parts)


def _spaced(weight: torch.Tensor) -> torch.Tensor:
    flat = weight.reshape(-1)
    return flat[:: max(1, -(-flat.numel() // LOOKED_AT))]


def _add(digest: "hashlib._Hash", value: Any) -> None:
    """Every value is preceded by its kind and size, so that no two different ones look alike."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        _add(digest, ("tensor", str(value.dtype), tuple(value.shape)))
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    elif is_dataclass(value) and not isinstance(value, type):
        _add(digest, (type(value).__name__, {f.name: getattr(value, f.name) for f in fields(value)}))
    elif isinstance(value, Mapping):
        _add(digest, sorted(value.items()))
    elif isinstance(value, (tuple, list, range)):
        digest.update(b"[%d" % len(value))
        for part in value:
            _add(digest, part)
    elif isinstance(value, float):
        digest.update(b"f" + struct.pack("<d", value))
    elif value is None or isinstance(value, (bool, int, str, bytes)):
        text = value if isinstance(value, bytes) else str(value).encode()
        digest.update(f"{type(value).__name__}{len(text)}:".encode() + text)
    else:
        raise TypeError(f"a {type(value).__name__} has no key")
