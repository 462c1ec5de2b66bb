"""Training data on disk: webdataset tar shards, one sample a clip, of which only the rows in use are read.

A clip `KEY` is KEY.json (n_frames, fps, image_size and any labels), KEY.latents.npy (n, 4, h, w) float16
unscaled latents, KEY.emotion.npy (n, 2) float32 valence and arousal, KEY.<encoder>.npy (n, 2, dim) float16
audio features, and for pixels KEY.frames.npy (n, H, W, 3) uint8. Tar files store members as they are, so
arrays are mapped from the shard: a set of any length needs no memory but 12 bytes a clip.
"""

import glob
import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import KeyFaceError
from ..method.timeline import FPS

SHARD_BYTES = 32 * 2**20
_ARRAYS = {"latents": (4, "float16"), "emotion": (2, "float32"), "frames": (4, "uint8")}
"""Dimensions and type of the arrays every set names alike; all others are audio features."""
_FEATURES = (3, "float16")
_KEY = re.compile(r"[\w-][\w/-]*")


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
            with open(path, "rb") as file:
                file.seek(self.offset[index])
                return _read_clip(file, path)
        except (OSError, ValueError, tarfile.TarError) as error:
            raise BrokenClipError(f"{self.name(index)}: {error}") from error


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
        raise KeyFaceError(f"data.shards: {paths[0]} and all others hold no clip; write them again")
    return ClipIndex(tuple(paths), np.array(numbers, np.int32), np.array(offsets, np.int64), damaged)


class ShardWriter:
    """Writes clips into shards; each shard appears complete or not at all."""

    def __init__(self, folder: str | Path, name: str = "clips", shard_bytes: int = SHARD_BYTES):
        """Prepares shards `folder/name-000000.tar` and so on, each closed once it holds `shard_bytes`.

        Raises:
            KeyFaceError: the folder cannot be made, or has shards of that name.
        """
        self.folder, self.name, self.shard_bytes = Path(folder), name, shard_bytes
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KeyFaceError(
                f"{folder} cannot be made ({error.strerror}); choose another folder"
            ) from error
        if any(self.folder.glob(f"{name}-*.tar")):
            raise KeyFaceError(f"{folder} has shards called {name}-*.tar; choose another folder or name")
        self.paths: list[Path] = []
        self._tar: tarfile.TarFile | None = None

    def write(self, key: str, arrays: Mapping[str, np.ndarray], image_size: int, **labels) -> None:
        """Appends a clip.

        Args:
            key: its name, of letters, digits, "_", "-" and "/", used once.
            arrays: by name, see `Clip`; cast to their types.
            image_size: side of the frames in pixels.
            labels: whatever else belongs into its JSON.

        Raises:
            KeyFaceError: the arrays do not fit each other, or the disk is full.
        """
        if not _KEY.fullmatch(key):
            raise KeyFaceError(f"the clip '{key}' cannot be called so; use letters, digits, '_', '-' and '/'")
        arrays = {name: np.ascontiguousarray(a, dtype=_kind(name)[1]) for name, a in arrays.items()}
        lengths = [len(array) for array in arrays.values()]
        facts = {"n_frames": max(lengths, default=0), "fps": FPS, "image_size": image_size, **labels}
        try:
            _check(facts, arrays)
        except ValueError as error:
            raise KeyFaceError(f"the clip '{key}' {error}; write one that is whole") from error
        members = {"json": json.dumps(facts).encode()}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            members[f"{name}.npy"] = buffer.getvalue()
        try:
            tar = self._open()
            for extension, content in members.items():
                member = tarfile.TarInfo(f"{key}.{extension}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            if tar.offset >= self.shard_bytes:
                self._finish()
        except OSError as error:
            raise KeyFaceError(f"{self._path}: cannot be written ({error.strerror}); free space") from error

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    def close(self) -> None:
        """Finishes the last shard."""
        if self._tar is not None:
            self._finish()

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.name}-{len(self.paths):06}.tar"

    def _open(self) -> tarfile.TarFile:
        if self._tar is None:
            unfinished = self._path.with_name(f".{self._path.name}.unfinished")
            self._tar = tarfile.open(unfinished, "w")  # noqa: SIM115 (stays open for the next clip)
        return self._tar

    def _finish(self) -> None:
        tar, self._tar = self._tar, None
        tar.close()
        path = self._path
        Path(tar.name).replace(path)
        self.paths.append(path)


def _clip_offsets(path: Path) -> tuple[list[int], str | None]:
    """Where clips start in a shard, and what is wrong with the shard."""
    offsets, previous, end = [], None, 0
    try:
        size = path.stat().st_size
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key, _ = _split(member.name)
                if member.offset_data + member.size > size:
                    raise tarfile.ReadError("ends in the middle of a file")
                if key != previous:
                    offsets.append(member.offset)
                previous, end = key, tar.offset
                tar.members = []
            if size - end > 2 * tarfile.RECORDSIZE:
                raise tarfile.ReadError(f"no readable file follows byte {end}")
    except (OSError, tarfile.TarError) as error:
        # The clip in which the damage lies would be found incomplete as well.
        return offsets, f"{error}; its first {len(offsets)} clips are used"
    return offsets, None


def _read_clip(file: io.BufferedReader, path: Path) -> Clip:
    """Maps the clip that starts where `file` stands."""
    clip_key, facts, arrays = None, None, {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            key, extension = _split(member.name)
            clip_key = clip_key or key
            if key != clip_key:
                break
            if extension == "json":
                facts = json.loads(tar.extractfile(member).read())
            elif extension.endswith(".npy"):
                arrays[extension.removesuffix(".npy")] = _mapped(path, member)
    if not isinstance(facts, dict) or not isinstance(facts.get("n_frames"), int):
        raise ValueError(f"{clip_key}.json with its n_frames is missing")
    _check(facts, arrays)
    return Clip(clip_key, facts, arrays)


def _mapped(path: Path, member: tarfile.TarInfo) -> np.ndarray:
    with open(path, "rb") as file:
        file.seek(member.offset_data)
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"{member.name} has an unknown version of NumPy's format")
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject or fortran:
            raise ValueError(f"{member.name} is no plain array in C order")
        start = file.tell()
        if start + dtype.itemsize * int(np.prod(shape)) > member.offset_data + member.size:
            raise ValueError(f"{member.name} is shorter than it says")
    return np.memmap(path, dtype, "r", start, shape)


def _check(facts: dict, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        dimensions, dtype = _kind(name)
        if array.ndim != dimensions or array.dtype != dtype:
            raise ValueError(
                f"has {name} of {array.ndim} dimensions and {array.dtype}, not {dimensions} and {dtype}"
            )
        if len(array) != facts["n_frames"] or len(array) == 0:
            raise ValueError(f"has {len(array)} rows of {name} for {facts['n_frames']} frames")


def _kind(name: str) -> tuple[int, str]:
    return _ARRAYS.get(name, _FEATURES)


def _split(name: str) -> tuple[str, str]:
    """A member's key and extension, as webdataset splits them: at the first dot of the file name."""
    folder, _, file = name.rpartition("/")
    key, _, extension = file.partition(".")
    return f"{folder}/{key}" if folder else key, extension
