"""The bytes behind pickled tensors: found in the file, never more of them than it has."""

import math
import os
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import torch

DIRECTORY_BYTES = 8 * 2**20
"""A zip archive's list of entries: about 100 bytes for each of a network's tensors."""
DIMENSIONS = 8
SHARED = 4
"""How often a file may show each of its bytes: BEATs repeats a small table in every layer."""
SHARED_BYTES = 64 * 2**20
LEGACY_BYTES = 2**30
"""Of the format that is read into memory: the encoders' files have less than half of it."""

_END = struct.Struct("<4s4H2LH")  # of the directory, with its length before its place
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True)
class Storage:
    """Bytes that tensors are made of, and the type of tensors that do not say theirs."""

    data: torch.UntypedStorage
    dtype: torch.dtype


class Storages(Protocol):
    """The storages of a file."""

    def get(self, key: str, dtype: torch.dtype, count: int) -> Storage:
        """The storage of a name, of `count` elements; raises ValueError where the file has no such one."""
        ...


class ZipStorages:
    """Those of today's format: entries of a zip archive, mapped.

    Attributes:
        pickle_start, pickle_bytes: where the pickle lies.
    """

    def __init__(self, file: IO[bytes], path: str | Path):
        """Raises ValueError or zipfile.BadZipFile for an archive that torch.save did not write."""
        self._bytes = _directory_checked(file)
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
        if len({entry.filename for entry in entries}) != len(entries):
            raise ValueError("a zip archive, but not one of torch.save's")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("compressed, which torch.save's never are")
        if sum(entry.file_size for entry in entries) > self._bytes:
            raise ValueError("a zip archive whose entries overlap or are longer than it")
        pickles = [entry for entry in entries if entry.filename.split("/", 1)[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError("a zip archive, but not one of torch.save's")
        root = pickles[0].filename.removesuffix("data.pkl")
        self._entries = {entry.filename: entry for entry in entries}
        if (order := self._entries.get(f"{root}byteorder")) and self._read(file, order) != b"little":
            raise ValueError("saved on a big-endian machine")
        self._file, self._path, self._root = file, path, root
        self._mapped: Any = None  # slicing storages is unknown to torch's own type hints
        self._found: dict[str, torch.UntypedStorage] = {}
        self.pickle_start, self.pickle_bytes = _start(file, pickles[0]), pickles[0].file_size

    def get(self, key: str, dtype: torch.dtype, count: int) -> Storage:
        entry = self._entries.get(f"{self._root}data/{key}")
        if entry is None or count < 0 or count * dtype.itemsize != entry.file_size:
            raise ValueError("a storage is not as long as its entry, or has none")
        if key not in self._found:
            self._found[key] = self._slice(entry)
        return Storage(self._found[key], dtype)

    def _slice(self, entry: zipfile.ZipInfo) -> torch.UntypedStorage:
        if not entry.file_size:
            return torch.UntypedStorage(0)
        place = self._file.tell()
        start = _start(self._file, entry)
        self._file.seek(place)
        if start + entry.file_size > self._bytes:
            raise ValueError("an entry is longer than the file")
        if self._mapped is None:
            self._mapped = torch.UntypedStorage.from_file(os.fspath(self._path), False, self._bytes)
        return self._mapped[start : start + entry.file_size]

    def _read(self, file: IO[bytes], entry: zipfile.ZipInfo) -> bytes:
        file.seek(_start(file, entry))
        return file.read(min(entry.file_size, 16))


class LegacyStorages:
    """Those of the format before torch 1.6: they follow the pickles, and are read into memory."""

    def __init__(self, file: Any):
        self._file = file
        place = file.tell()
        self._left = file.seek(0, os.SEEK_END) - place
        file.seek(place)
        self._room = LEGACY_BYTES
        self._found: dict[str, Storage] = {}

    def get(self, key: str, dtype: torch.dtype, count: int) -> Storage:
        if key not in self._found:
            size = count * dtype.itemsize
            if not 0 <= size <= self._left:
                raise ValueError("a storage is longer than the file")
            if size > self._room:
                raise ValueError(
                    "more than 1 GiB in the format before torch 1.6; save it again with a later one"
                )
            self._room -= size
            self._left -= size
            self._found[key] = Storage(torch.UntypedStorage(size), dtype)
        found = self._found[key]
        if (found.dtype, found.data.nbytes()) != (dtype, count * dtype.itemsize):
            raise ValueError("a storage has two lengths")
        return found

    def fill(self, keys: Any) -> None:
        """Reads the storages, which lie in the order of `keys`."""
        if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(self._found):
            raise ValueError("its storages are not those of its tensors")
        for key in keys:
            storage = self._found[key]
            count = int.from_bytes(self._file.read(8), "little")
            size = storage.data.nbytes()
            if count * storage.dtype.itemsize != size:
                raise ValueError("a storage has two lengths")
            room: Any = torch.empty(0, dtype=torch.uint8)
            view: Any = memoryview(room.set_(storage.data).numpy())
            if size and self._file.readinto(view) != size:
                raise ValueError("ends in the middle of a tensor")


def tensor_from(
    storage: Any, offset: Any, size: Any, stride: Any, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """A tensor of a part of a storage.

    Raises:
        ValueError: the numbers are no such part, or show an element twice.
    """
    if not isinstance(storage, Storage) or not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise ValueError("a tensor without a storage")
    numbers = (offset, *size, *stride)
    if (
        len(size) != len(stride)
        or len(size) > DIMENSIONS
        or any(type(n) is not int or n < 0 for n in numbers)
    ):
        raise ValueError("a tensor whose sizes are none")
    dtype = dtype or storage.dtype
    elements = storage.data.nbytes() // dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if all(size) else -1
    if max(math.prod(size) - 1, last, offset - 1) >= elements or max(numbers) >= 2**62:
        raise ValueError("a tensor larger than what is stored of it")
    tensor: Any = torch.empty(0, dtype=dtype)
    return tensor.set_(storage.data, offset, size, stride)


def require_honest(tensors: list[torch.Tensor], file_bytes: int) -> None:
    """Raises ValueError where tensors share a file's bytes so often that they would fill far more memory."""
    claimed = sum(tensor.nbytes for tensor in tensors)
    if claimed > SHARED * file_bytes + SHARED_BYTES:
        raise ValueError(f"its tensors would take {claimed:,} bytes, and it has {file_bytes:,}")


def _directory_checked(file: IO[bytes]) -> int:
    """The file's length, once its directory is known to be short.

    Raises:
        ValueError: it is not, or stands elsewhere than torch.save puts it.
    """
    length = file.seek(0, os.SEEK_END)
    tail = _at(file, length - _END.size, _END.size)
    if tail[:4] != b"PK\5\6" or len(tail) < _END.size or tail[-2:] != b"\0\0":
        raise ValueError("a zip archive that is not whole")
    size = _END.unpack(tail)[5]
    locator = _at(file, length - _END.size - _LOCATOR_64.size, _LOCATOR_64.size)
    if locator[:4] == b"PK\6\7":
        end = _at(file, length - _END.size - _LOCATOR_64.size - _END_64.size, _END_64.size)
        if len(end) == _END_64.size and end[:4] == b"PK\6\6":
            size = _END_64.unpack(end)[8]
    if size > DIRECTORY_BYTES:
        raise ValueError(f"a zip archive with a directory of {size:,} bytes")
    file.seek(0)
    return length


def _start(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    """Where the bytes of an entry begin."""
    header = _at(file, entry.header_offset, _LOCAL.size)
    if len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
        raise ValueError("a zip archive whose directory is wrong")
    *_, name, extra = _LOCAL.unpack(header)
    return entry.header_offset + _LOCAL.size + name + extra


def _at(file: IO[bytes], place: int, size: int) -> bytes:
    if place < 0:
        return b""
    file.seek(place)
    return file.read(size)
