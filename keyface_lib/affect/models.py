"""The emotion model that is at hand. Nothing is downloaded."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import KeyFaceError
from .hsemotion import HOW_TO_GET, HSEmotion, onnxruntime

MODEL_FILES = ("mobilevit_va_mtl.onnx", "enet_b0_8_va_mtl.onnx", "mbf_va_mtl.onnx")
"""Best first: by the concordance of valence and arousal that their author measured (docs/emotion.md)."""
VARIABLE = "KEYFACE_EMOTION_MODEL"
"""Environment variable that may name a model file."""
FOLDERS = ("~/.emotiefflib", "~/.hsemotion")
"""Where the packages emotiefflib and hsemotion-onnx leave the models they download."""
SOURCE = "https://github.com/sb-ai-lab/EmotiEffLib/tree/main/models/affectnet_emotions/onnx"


def find_reader(
    model: str | os.PathLike | None = None, folders: Iterable[str | os.PathLike] = ()
) -> HSEmotion:
    """The emotion model that is at hand, see `find_model`, read.

    Raises:
        KeyFaceError: something is missing, or the file cannot be used.
    """
    return HSEmotion(find_model(model, folders))


def find_model(
    model: str | os.PathLike | None = None, folders: Iterable[str | os.PathLike] = ()
) -> str | os.PathLike:
    """The file of the emotion model that is at hand, and ONNX Runtime to run it.

    That is, in this order, the file that is given, the one that the environment variable
    `KEYFACE_EMOTION_MODEL` names, or the best in the first folder that has one.

    Args:
        model: a file such as enet_b0_8_va_mtl.onnx.
        folders: where one may lie, such as models/keyface; after them come those of `FOLDERS`.

    Raises:
        KeyFaceError: one or both are missing; the message says which, and what to do.
    """
    places = [Path(folder) for folder in (*folders, *FOLDERS)]
    path = model or os.environ.get(VARIABLE) or _in_folders(places)
    missing = []
    if onnxruntime() is None:
        missing.append(f"ONNX Runtime ({HOW_TO_GET})")
    if path is None:
        missing.append(
            f"an emotion model ({', '.join(MODEL_FILES[:-1])} or {MODEL_FILES[-1]} from {SOURCE}, to be put "
            f"into {' or '.join(map(str, places))}, or named by {VARIABLE})"
        )
    if path is None or missing:
        raise KeyFaceError(f"to read feelings there is missing: {', and '.join(missing)}")
    return path


def _in_folders(folders: Iterable[Path]) -> Path | None:
    for folder in folders:
        for name in MODEL_FILES:
            path = folder.expanduser() / name
            if os.path.isfile(path):  # Path's own raises in a folder that may not be entered
                return path
    return None
