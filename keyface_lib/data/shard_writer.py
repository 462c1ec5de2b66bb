"""Writing shards of clips, see `shards`: each appears once it is whole."""

import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import KeyFaceError
from ..method.timeline import FPS
from .shards import array_kind, check_arrays

SHARD_BYTES = 32 * 2**20
_KEY = re.compile(r"[\w-][\w/-]*")


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
        arrays = {name: np.ascontiguousarray(a, dtype=array_kind(name)[1]) for name, a in arrays.items()}
        lengths = [len(array) for array in arrays.values()]
        facts = {"n_frames": max(lengths, default=0), "fps": FPS, "image_size": image_size, **labels}
        try:
            check_arrays(facts, arrays)
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
