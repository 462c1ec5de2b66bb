"""YuNet, the face detector of OpenCV (Wu, Peng, Yu: YuNet, a tiny millisecond-level face detector, 2023)."""

import os
from typing import Any

import numpy as np
import torch

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line
from .faces import Face

LEAST_SCORE = 0.6
"""Weaker finds are dropped; things that are no faces reach 0.58 (docs/portrait.md)."""
SAME = 0.3
"""Boxes whose intersection is more than this of their union are one face."""
MOST_FACES = 1000
LARGEST_FILE = 16 * 2**20


class YuNet:
    """Finds upright faces of about 16 to 600 pixels, with five points each; for one thread at a time."""

    def __init__(self, path: str | os.PathLike):
        """Reads a model file, `face_detection_yunet_2023mar.onnx` or another of its kind.

        Raises:
            KeyFaceError: OpenCV is not installed or too old, or the file cannot be read or is something else.
        """
        cv2 = opencv()
        if cv2 is None:
            raise KeyFaceError("face detection needs OpenCV 4.8 or later; pip install 'keyface[portrait]'")
        with open_file(path, "face detector") as file:
            content = file.read(LARGEST_FILE + 1)
        if not content or len(content) > LARGEST_FILE:
            raise _no_detector(path, f"{len(content):,} bytes or more" if content else "it is empty")
        try:
            self._network = cv2.FaceDetectorYN.create(
                "onnx",
                np.frombuffer(content, np.uint8),
                np.empty(0, np.uint8),
                (64, 64),
                LEAST_SCORE,
                SAME,
                MOST_FACES,
            )
            self._network.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            raise _no_detector(path, error.err or error) from error

    def __call__(self, picture: torch.Tensor) -> list[Face]:
        """Faces of a picture (3, height, width) in [-1, 1], best first."""
        pixels = picture.detach().cpu().float().add(1).mul(127.5).round().clamp(0, 255).byte()
        blue_first = np.ascontiguousarray(pixels.flip(0).permute(1, 2, 0).numpy())
        height, width = blue_first.shape[:2]
        self._network.setInputSize((width, height))
        found = self._network.detect(blue_first)[1]
        if found is None:
            return []
        faces = [_face(row) for row in found.tolist()]
        return sorted(faces, key=lambda face: face.score, reverse=True)


def opencv() -> Any:
    """The module cv2 if it is there and has this detector, else None."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2 if hasattr(cv2, "FaceDetectorYN") else None


def _face(row: list[float]) -> Face:
    """Of OpenCV's 15 numbers: box, the person's right and left eye, nose, corners of the mouth, score."""
    x, y, width, height, *places, score = row
    right, left, nose, mouth_right, mouth_left = zip(places[::2], places[1::2], strict=True)
    return Face(x, y, width, height, score, (right, left), nose, (mouth_right, mouth_left))


def _no_detector(path: str | os.PathLike, reason: object) -> KeyFaceError:
    return KeyFaceError(
        f"{one_line(path)}: is no YuNet face detector ({one_line(reason, 120)}); give the path of "
        "face_detection_yunet_2023mar.onnx"
    )
