"""Training data on disk: webdataset tar shards, one sample a clip, of which only the rows in use are read.

A clip `KEY` is KEY.json (n_frames, fps, image_size and any labels), KEY.latents.npy (n, 4, h, w) float16
unscaled latents, KEY.emotion.npy (n, 2) float32 valence and arousal, KEY.<encoder>.npy (n, 2, dim) float16
audio features, and for pixels KEY.frames.npy (n, H, W, 3) uint8. Tar files store members as they are, so
arrays are mapped from the shard: a set of any length needs no memory but 12 bytes a clip.

Shards may come from anybody: a shard has at most `MEMBERS` files and a clip `CLIP_MEMBERS`; what is no plain
file, or not as long as it says, makes its clip broken.
"""

import glob
import io
import math
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line, shown
from ..method.timeline import FPS
from ..strict_json import JSON_BYTES, json_from

MEMBERS, CLIP_MEMBERS = 100_000, 64
MOST_BROKEN = 1_000
"""Broken clips in a row after which nobody looks for a whole one."""
HEADER_BYTES = 2**16
"""Of what tar and NumPy say of a file before it begins."""
LARGEST_IMAGE = 16_384
_ARRAYS = {
    "latents": ((None, 4, None, None), "float16"),
    "emotion": ((None, 2), "float32"),
    "frames": ((None, None, None, 3), "uint8"),
}
"""Shape and type of the arrays every set names alike, None for any size; all others are audio features."""
_FEATURES = ((None, 2, None), "float16")


class BrokenClipError(Exception):
    """A clip that cannot be trained on; the message says why."""


@dataclass(frozen=True)
class Clip:
    """One sample, its arrays not read but mapped from the shard.

    Attributes:
        key: its name.
        facts: its JSON.
        arrays: {"latents", "emotion", "frames" or an encoder's name: array of n_frames rows}.
    """

    key: str
    facts: dict
    arrays: Mapping[str, np.ndarray]

    @property
    def n_frames(self) -> int:
        return self.facts["n_frames"]

    def array(self, name: str) -> np.ndarray:
        """One of the arrays.

        Raises:
            BrokenClipError: the clip has none of that name.
        """
        if name not in self.arrays:
            raise BrokenClipError(f"has no {name}.npy")
        return self.arrays[name]


@dataclass(frozen=True)
class ClipIndex:
    """Where every clip of a set of shards lies.

    Attributes:
        shards: the tar files, sorted.
        shard: (clips,) number of the shard that holds a clip.
        offset: (clips,) bytes into it.
        damaged: {shard: what is wrong}; the clips before the damage are used.
    """

    shards: tuple[Path, ...]
    shard: np.ndarray
    offset: np.ndarray
    damaged: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.shard)

    def name(self, index: int) -> str:
        """What messages call a clip that could not be read."""
        return f"clip at byte {self.offset[index]} of {self.shards[self.shard[index]].name}"

    def read(self, index: int) -> Clip:
        """The clip of that number.

        Raises:
            BrokenClipError: it is damaged or not of the format.
        """
        path = self.shards[self.shard[index]]
        try:
            with open_file(path, "shard") as file:
                file.seek(self.offset[index])
                return _read_clip(_Bounded(file), path)
        except (OSError, ValueError, tarfile.TarError, RecursionError) as error:
            raise BrokenClipError(f"{self.name(index)}: {one_line(error)}") from error


def index_clips(patterns: Sequence[str]) -> ClipIndex:
    """Finds the clips of all shards that match the patterns.

    Raises:
        KeyFaceError: no file matches, or no clip is in them.
    """
    paths = sorted({Path(path) for pattern in patterns for path in glob.glob(pattern, recursive=True)})
    if not paths:
        raise KeyFaceError(f"data.shards: no file matches {', '.join(patterns)}; check the path")
    numbers, offsets, damaged = [], [], {}
    for number, path in enumerate(paths):
        found, damage = _clip_offsets(path)
        numbers += [number] * len(found)
        offsets += found
        if damage:
            damaged[path.name] = damage
    if not offsets:
        why = f" ({damaged[paths[0].name]})" if paths[0].name in damaged else ""
        raise KeyFaceError(f"data.shards: {paths[0]} and all others hold no clip{why}; write them again")
    return ClipIndex(tuple(paths), np.array(numbers, np.int32), np.array(offsets, np.int64), damaged)


class _Bounded:
    """A shard as tarfile reads it: headers only, never longer than they may be."""

    def __init__(self, file: BinaryIO):
        self.file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER_BYTES:
            raise tarfile.ReadError(f"has a header of {size:,} bytes")
        return self.file.read(size)


def _tar(file: _Bounded) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="r:")  # type: ignore[call-overload]


def _clip_offsets(path: Path) -> tuple[list[int], str | None]:
    """Where clips start in a shard, and what is wrong with the shard."""
    offsets, previous, end = [], None, 0
    try:
        size = path.stat().st_size
        with open_file(path, "shard") as file, _tar(_Bounded(file)) as tar:
            for number, member in enumerate(tar):
                if number == MEMBERS:
                    raise tarfile.ReadError(f"has more than {MEMBERS:,} files")
                key, _ = _split(member.name)
                if member.size < 0 or member.offset_data + member.size > size:
                    raise tarfile.ReadError("ends in the middle of a file")
                if key != previous:
                    offsets.append(member.offset)
                previous, end = key, tar.offset
                tar.members = []
            if size - end > 2 * tarfile.RECORDSIZE:
                raise tarfile.ReadError(f"no readable file follows byte {end}")
    except (OSError, ValueError, tarfile.TarError, RecursionError) as error:
        # The clip in which the damage lies would be found incomplete as well.
        return offsets, f"{one_line(error)}; its first {len(offsets)} clips are used"
    return offsets, None


def _read_clip(file: _Bounded, path: Path) -> Clip:
    """Maps the clip that starts where `file` stands."""
    clip_key, facts = None, None
    arrays: dict[str, np.ndarray] = {}
    size = path.stat().st_size
    with _tar(file) as tar:
        for number, member in enumerate(tar):
            key, extension = _split(member.name)
            clip_key = clip_key or key
            if key != clip_key:
                break
            if number == CLIP_MEMBERS:
                raise ValueError(f"{clip_key} has more than {CLIP_MEMBERS} files")
            if extension != "json" and not extension.endswith(".npy"):
                continue
            if not member.isreg() or member.issparse() or not 0 <= member.size <= size - member.offset_data:
                raise ValueError(f"{member.name} is no plain and whole file")
            name = extension.removesuffix(".npy")
            if name in arrays or (name == "json" and facts is not None):
                raise ValueError(f"{member.name} is there twice")
            if extension == "json":
                facts = json_from(_content(file, member, JSON_BYTES + 1), member.name)
            else:
                arrays[name] = _mapped(file, member, path)
    if not isinstance(facts, dict):
        raise ValueError(f"{clip_key}.json with its n_frames is missing")
    check_arrays(facts, arrays)
    return Clip(one_line(str(clip_key)), facts, arrays)


def _content(file: _Bounded, member: tarfile.TarInfo, most: int) -> bytes:
    """The first bytes of a member; the place in the shard stays where it was."""
    place = file.tell()
    file.seek(member.offset_data)
    content = file.file.read(min(member.size, most))
    file.seek(place)
    return content


def _mapped(file: _Bounded, member: tarfile.TarInfo, path: Path) -> np.ndarray:
    header = io.BytesIO(_content(file, member, HEADER_BYTES))
    try:
        version = np.lib.format.read_magic(header)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(header)
    except Exception as error:  # NumPy's reader meets damage with errors of nearly every type
        raise ValueError(f"{member.name} begins with no header of NumPy's ({one_line(error)})") from error
    if dtype.hasobject or fortran or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"{member.name} is no plain array in C order")
    _check_kind(member.name, _split(member.name)[1].removesuffix(".npy"), shape, dtype)
    if header.tell() + dtype.itemsize * math.prod(shape) > member.size:
        raise ValueError(f"{member.name} is shorter than it says")
    return np.memmap(path, dtype, "r", member.offset_data + header.tell(), shape)


def check_arrays(facts: dict, arrays: Mapping[str, np.ndarray]) -> None:
    """Raises a ValueError unless the arrays of a clip are of their kinds and as long as its facts say."""
    for name, highest in (("n_frames", 2**31), ("image_size", LARGEST_IMAGE)):
        if type(facts.get(name)) is not int or not 1 <= facts[name] <= highest:
            raise ValueError(f"has {name} {shown(facts.get(name))}; it is a whole number from 1 to {highest}")
    if facts.get("fps", FPS) != FPS:
        raise ValueError(f"has {shown(facts['fps'])} frames a second, not {FPS}")
    for name, array in arrays.items():
        _check_kind(f"has {name}", name, array.shape, array.dtype)
        if len(array) != facts["n_frames"]:
            raise ValueError(f"has {len(array)} rows of {name} for {facts['n_frames']} frames")


def _check_kind(what: str, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raises a ValueError unless an array of that name may have this shape and type."""
    expected, kind = array_kind(name)
    fits = len(shape) == len(expected) and all(
        n == needed or (needed is None and n > 0) for n, needed in zip(shape, expected, strict=False)
    )
    if not fits or dtype != kind:
        sizes = ", ".join("n" if needed is None else str(needed) for needed in expected)
        raise ValueError(f"{what} of {shown(shape)} {dtype}, not ({sizes}) {kind}")


def array_kind(name: str) -> tuple[tuple[int | None, ...], str]:
    """The shape (None: any length) and type of a clip's array of that name."""
    return _ARRAYS.get(name, _FEATURES)


def _split(name: str) -> tuple[str, str]:
    """A member's key and extension, as webdataset splits them: at the first dot of the file name."""
    folder, _, file = name.rpartition("/")
    key, _, extension = file.partition(".")
    return f"{folder}/{key}" if folder else key, extension
