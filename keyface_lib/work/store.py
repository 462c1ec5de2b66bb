"""Results in files, found by their keys: each file whole and as it was written, or not there at all.

A file's name ends in the checksum of what it holds, so that damage shows whatever it hit, and nothing that a
killed program leaves behind can be taken for a result.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import KeyFaceError
from ..files import open_file, unreadable, whole_file

_NAME = re.compile(r"(?P<label>[0-9]{6}(-[0-9]{6})?)(\.(?P<key>[0-9a-f]{40}))?\.(?P<sum>[0-9a-f]{20})\.\w+")
_REMEDY = "make room and give the same command again: it goes on from here"


Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class _Place:
    """Where a result lies: a file, and the row of the tensor in it; None is the file itself."""

    path: Path
    row: int | None


class Store:
    """Results of several kinds, each kind in a folder of its own.

    Attributes:
        folder: holds the folders of the kinds.
        touched: the keys of all that was read or kept since the store was opened.
    """

    def __init__(self, folder: Path, kinds: Sequence[str]):
        """Knows nothing yet; see `look`."""
        self.folder, self.kinds = folder, tuple(kinds)
        self.touched: set[str] = set()
        self._places: dict[str, _Place] = {}
        self._keys: dict[Path, list[str]] = {}

    def look(self, progress: Progress | None = None) -> list[Path]:
        """Finds out what is there; removes what was not finished or is damaged. Others' files stay.

        Args:
            progress: called with (bytes read, bytes in all).

        Returns:
            The damaged files. They are gone.

        Raises:
            KeyFaceError: a file may not be read, or its disk fails.
        """
        self._places, self._keys = {}, {}
        damaged: list[Path] = []
        found = [path for kind in self.kinds for path in _files(self.folder / kind)]
        for path in [path for path in found if path.name.startswith(".")]:  # what a killed program left
            found.remove(path)
            path.unlink()
        done, total = 0, sum(path.stat().st_size for path in found)
        for path in found:
            size = path.stat().st_size
            name = _NAME.fullmatch(path.name)
            if name is not None and (name["sum"] != _checksum(path) or not self._know(path, name["key"])):
                damaged.append(path)
                path.unlink()
            done += size
            if progress is not None:
                progress(done, total)
        return damaged

    def _know(self, path: Path, key: str | None) -> bool:
        """Takes a file in; False where it is none of a store's."""
        if key is not None:
            self._take_in(path, [key], [None])
            return True
        try:
            with safe_open(path, "pt") as file:
                keys = json.loads((file.metadata() or {})["keys"])
        except (SafetensorError, OSError, ValueError, KeyError):
            return False
        self._take_in(path, keys, range(len(keys)))
        return True

    def _take_in(self, path: Path, keys: Sequence[str], rows: Sequence[int | None]) -> None:
        self._keys[path] = list(keys)
        for key, row in zip(keys, rows, strict=True):
            self._places[key] = _Place(path, row)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> torch.Tensor:
        """A result, on the CPU.

        Raises:
            KeyFaceError: its file has gone since `look`, or cannot be read any more.
        """
        place = self._places[key]
        self.touched.add(key)
        try:
            with safe_open(place.path, "pt") as file:
                return file.get_slice("results")[place.row].clone()  # aligned as any other tensor
        except (SafetensorError, OSError, KeyError) as error:
            raise _gone(place.path) from error

    def put(self, kind: str, numbers: Sequence[int], keys: Sequence[str], results: torch.Tensor) -> None:
        """Keeps results that were made together, (n, ...), in one file.

        Args:
            numbers: of the results, ascending; the file is named after the first and the last.

        Raises:
            KeyFaceError: the disk is full, or the folder cannot be written to.
        """
        tensors = {"results": results.detach().cpu().contiguous()}
        label = f"{numbers[0]:06}-{numbers[-1]:06}"
        with self._writing(kind, label, "safetensors") as written:
            save_file(tensors, written[0], metadata={"keys": json.dumps(list(keys))})
        self._take_in(written[1], keys, range(len(keys)))
        self.touched.update(keys)

    @contextmanager
    def writing(self, kind: str, number: int, key: str, suffix: str) -> Iterator[Path]:
        """A name to write a file to, which is kept when the block is left without an error.

        Raises:
            KeyFaceError: as `put`.
        """
        with self._writing(kind, f"{number:06}.{key}", suffix) as written:
            yield written[0]
        self._take_in(written[1], [key], [None])
        self.touched.add(key)

    def path(self, key: str) -> Path:
        """Where a result that is a file lies.

        Raises:
            KeyFaceError: it has gone since `look`.
        """
        path = self._places[key].path
        self.touched.add(key)
        if not path.is_file():
            raise _gone(path)
        return path

    @contextmanager
    def _writing(self, kind: str, label: str, suffix: str) -> Iterator[list[Path]]:
        """A list of the name to write to, and after the block, of that under which the file lies."""
        place = self.folder / kind / f"{label}.{suffix}"
        names: list[Path] = []

        def named(part: Path) -> Path:
            names.append(place.with_name(f"{label}.{_checksum(part)}.{suffix}"))
            return names[-1]

        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KeyFaceError(f"{place.parent}: cannot be made ({error.strerror}); {_REMEDY}") from error
        with whole_file(place, _REMEDY, named) as part:
            names.append(part)
            yield names

    def size(self, kind: str) -> tuple[int, int]:
        """How many files of a kind there are, and their bytes."""
        sizes = [path.stat().st_size for path in self._keys if path.parent.name == kind]
        return len(sizes), sum(sizes)

    def unused(self, used: Collection[str]) -> list[Path]:
        """The files of which no result is among those `used`."""
        return [path for path, keys in self._keys.items() if not any(key in used for key in keys)]

    def remove(self, paths: Collection[Path]) -> None:
        """Takes files away."""
        for path in paths:
            for key in self._keys.pop(path):
                if self._places.get(key, _Place(path, None)).path == path:
                    self._places.pop(key, None)
            with suppress(FileNotFoundError):
                path.unlink()


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error, "folder") from error


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with open_file(path, "result") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:20]


def _gone(path: Path) -> KeyFaceError:
    return KeyFaceError(
        f"{path}: was there a moment ago and cannot be read now; give the same command again: it is made anew"
    )
