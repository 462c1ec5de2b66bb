"""The emotion model that is at hand. Nothing is downloaded."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import KeyFaceError
from .hsemotion import HSEmotion, onnxruntime

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
    """The emotion model that is at hand.

    That is, in this order, the file that is given, the one that the environment variable
    `KEYFACE_EMOTION_MODEL` names, or the best in the first folder that has one.

    Args:
        model: a file such as enet_b0_8_va_mtl.onnx.
        folders: where one may lie, such as models/keyface; after them come those of `FOLDERS`.

    Raises:
        KeyFaceError: there is none, or one is named and cannot be used.
    """
    places = [Path(folder) for folder in (*folders, *FOLDERS)]
    path = model or os.environ.get(VARIABLE) or _in_folders(places)
    if path is None:
        if onnxruntime() is None:
            raise KeyFaceError("reading feelings needs ONNX Runtime; pip install 'keyface[emotion]'")
        raise KeyFaceError(
            f"there is no emotion model; put {', '.join(MODEL_FILES[:-1])} or {MODEL_FILES[-1]} from "
            f"{SOURCE} into {' or '.join(map(str, places))}, or name the file with --model or {VARIABLE}"
        )
    return HSEmotion(path)


def _in_folders(folders: Iterable[Path]) -> Path | None:
    for folder in folders:
        for name in MODEL_FILES:
            path = folder.expanduser() / name
            if path.is_file():
                return path
    return None
