"""Which files the loaders offer, and which one "auto" means: only files in ComfyUI's model folders."""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import folder_paths

from ..keyface_lib import small
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.weights.checkpoint import Checkpoint, read_checkpoint, read_metadata
from ..keyface_lib.weights.metadata import Metadata
from ..keyface_lib.weights.released import RELEASED_AT, RELEASED_FILES

AUTO, NONE, SMALL = "auto", "none", small.NAME
FOLDER = "keyface"
DETECTOR_FOLDERS = (FOLDER, "detection")
"""Where a face detector's file may lie."""


def folders_of(*names: str) -> list[str]:
    """All of ComfyUI's model folders of these names; a name that it does not know has none."""
    known = (name for name in names if name in folder_paths.folder_names_and_paths)
    return [folder for name in known for folder in folder_paths.get_folder_paths(name)]


def register_folder() -> None:
    """Makes models/keyface known to ComfyUI, beside those an extra_model_paths.yaml names."""
    own = os.path.join(folder_paths.models_dir, FOLDER)
    folder_paths.add_model_folder_path(FOLDER, own)
    paths, _ = folder_paths.folder_names_and_paths[FOLDER]
    folder_paths.folder_names_and_paths[FOLDER] = (paths, folder_paths.supported_pt_extensions)


def choices(folders: Iterable[str], *first: str) -> list[str]:
    """`first` and then the names of the weight files in several of ComfyUI's model folders."""
    names = (name for folder in folders for name in folder_paths.get_filename_list(folder))
    return list(dict.fromkeys([*first, *names]))


def resolve(name: str, role: str, folders: Iterable[str], optional: bool = False) -> Path | None:
    """The file that a loader's choice means.

    Args:
        name: a file name, "auto" (the file of that role in the first folder), "none" or the small model's.
        role: what it must hold.
        folders: ComfyUI's model folders to look in.
        optional: "auto" finds nothing quietly.

    Raises:
        KeyFaceError: there is no such file, there are several for "auto", or it holds something else.
    """
    folders = list(folders)
    if name == NONE:
        return None
    if name == SMALL:
        return small.FOLDER / f"{role}.safetensors"
    if name == AUTO:
        return _find(role, folders[0], optional)
    for folder in folders:
        path = folder_paths.get_full_path(folder, name)
        if path:
            _require_role(Path(path), role)
            return Path(path)
    raise KeyFaceError(f"there is no file {name} in models/{folders[0]}; {how_to_get(role, folders[0])}")


def holds(role: str, folder: str) -> bool:
    """Whether "auto" finds a file of that role; raises as `resolve` where it finds several."""
    return _find(role, folder, optional=True) is not None


def read(path: Path, role: str) -> Checkpoint:
    """The checkpoint in a file; raises as `resolve` does if it holds another role."""
    checkpoint = read_checkpoint(path)
    _check_role(path, checkpoint.metadata.role, role)
    return checkpoint


def guidance(path: Path) -> dict[str, float]:
    """The scales that a network's file recommends, by name; raises KeyFaceError for what is no model."""
    found, error = _remembered(stamp(path))
    if found is None:
        raise KeyFaceError(error)
    return dict(found.guidance)


def stamp(path: Path | None) -> tuple | None:
    """What changes when a file does, for ComfyUI's cache and for what is remembered of it here.

    The `config.json` beside a wav2vec2 file is part of it. A file that cannot be asked, a link to nothing for
    one, has its name alone.
    """
    if path is None:
        return None
    return str(path), *_state(path), *_state(path.with_name("config.json"))


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _find(role: str, folder: str, optional: bool) -> Path | None:
    found = (folder_paths.get_full_path(folder, name) for name in folder_paths.get_filename_list(folder))
    files = [Path(path) for path in found if path]  # a link to nothing has none
    usual = {f"{role}.safetensors", Path(RELEASED_FILES[role]).name} - {"model.safetensors"}
    named = [path for path in files if path.name in usual]
    found = named or [path for path in files if _role(path) == role]
    if len(found) > 1:
        names = ", ".join(sorted(path.name for path in found))
        raise KeyFaceError(f"models/{folder} holds several {role} files ({names}); choose one in the loader")
    if found:
        _require_role(found[0], role)
        return found[0]
    if optional:
        return None
    raise KeyFaceError(f"models/{folder} holds no {role} file; {how_to_get(role, folder)}")


def how_to_get(role: str, folder: str) -> str:
    """What to do about a missing file."""
    source = f"https://huggingface.co/{RELEASED_AT[role]}"
    return f"put {RELEASED_FILES[role]} from {source} there and reload the page"


def _role(path: Path) -> str | None:
    """The role of a file, or None for what KeyFace cannot read."""
    found, _ = _remembered(stamp(path))
    return found and found.role


def _require_role(path: Path, role: str) -> None:
    found, error = _remembered(stamp(path))
    if found is None:
        raise KeyFaceError(error)
    _check_role(path, found.role, role)


@lru_cache(maxsize=256)
def _remembered(stamp: tuple) -> tuple[Metadata | None, str]:
    """What the file with this stamp says of itself, or None and why KeyFace cannot read it.

    ComfyUI asks for it several times whenever a workflow is queued, and released files take half a second.
    """
    try:
        return read_metadata(Path(stamp[0])), ""
    except KeyFaceError as error:
        return None, str(error)


def _check_role(path: Path, found: str, role: str) -> None:
    if found != role and not (role == "vae" and found == "svd"):
        raise KeyFaceError(f"{path.name} holds a {found} model where the {role} model is expected")
