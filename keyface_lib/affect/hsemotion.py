"""Valence and arousal of a face by the HSEmotion models.

A. V. Savchenko, Video-Based Frame-Level Facial Analysis of Affective Behavior on Mobile Devices Using
EfficientNets, CVPR workshops 2022. What goes in and comes out is read off the package emotiefflib 1.1.1
(facial_analysis.py) and the training notebook train_emotions-pytorch.ipynb of
github.com/av-savchenko/face-emotion-recognition.
"""

import os
from typing import Any, Protocol

import torch

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line

NORMALIZATIONS = {
    112: ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    224: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and spread of red, green and blue in [0, 1] by the side of a model's input, the latter ImageNet's."""
EXPRESSIONS = 8
"""Scores of expressions that come first; valence and arousal follow."""
HOW_TO_GET = "pip install onnxruntime"
"""ONNX Runtime."""
LARGEST_FILE = 256 * 2**20


class EmotionReader(Protocol):
    """Reads valence and arousal of faces that fill their pictures.

    Attributes:
        size: side of the pictures.
    """

    size: int

    def __call__(self, faces: torch.Tensor, /) -> torch.Tensor:
        """Of (n, 3, size, size) in [-1, 1]: (n, 2) float32 in [-1, 1], valence first."""


class HSEmotion:
    """One of the models with valence and arousal, such as enet_b0_8_va_mtl.onnx, run by ONNX Runtime.

    Attributes:
        size: side of the faces it takes, in pixels.
    """

    def __init__(self, path: str | os.PathLike):
        """Reads a model file; nothing in it is executed but the network's own operations.

        Raises:
            KeyFaceError: ONNX Runtime is not installed, or the file cannot be read or is something else.
        """
        runtime = onnxruntime()
        if runtime is None:
            raise KeyFaceError(f"reading feelings needs ONNX Runtime; {HOW_TO_GET}")
        with open_file(path, "emotion model") as file:
            content = file.read(LARGEST_FILE + 1)
        if content.startswith((b"PK", b"\x80")):
            raise _no_model(path, "PyTorch's own files can run programs and are not opened")
        if not content or len(content) > LARGEST_FILE:
            raise _no_model(path, f"{len(content):,} bytes or more" if content else "it is empty")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common class of their own
            raise _no_model(path, error) from error
        self._input = self._session.get_inputs()[0].name
        self.size = self._checked_size(path)
        mean, spread = NORMALIZATIONS[self.size]
        self._mean, self._spread = (torch.tensor(each).view(3, 1, 1) for each in (mean, spread))
        try:
            self(torch.zeros(1, 3, self.size, self.size))
        except Exception as error:
            raise _no_model(path, error) from error

    def _checked_size(self, path: str | os.PathLike) -> int:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        taken, given = inputs[0].shape, outputs[0].shape
        if len(inputs) != 1 or len(outputs) != 1 or len(taken) != 4 or taken[1] != 3 or taken[2] != taken[3]:
            raise _no_model(path, f"it takes {_shapes(inputs)} and gives {_shapes(outputs)}")
        if len(given) != 2 or given[1] != EXPRESSIONS + 2:
            raise _no_model(
                path, f"it gives {given[-1:]} numbers for a face, not 8 expressions, valence and arousal"
            )
        if taken[2] not in NORMALIZATIONS:
            raise _no_model(path, f"it takes faces of {taken[2]} pixels")
        return taken[2]

    def __call__(self, faces: torch.Tensor) -> torch.Tensor:
        """Valence and arousal of faces (n, 3, size, size) in [-1, 1]: (n, 2) float32 in [-1, 1].

        The model's outputs have no bounds (its author in EmotiEffLib's issue 40); what is beyond is clamped.

        Raises:
            KeyFaceError: they are no numbers.
        """
        levels = faces.detach().cpu().float().add(1).div(2).clamp(0, 1)
        outputs = self._session.run(None, {self._input: ((levels - self._mean) / self._spread).numpy()})[0]
        feelings = torch.from_numpy(outputs[:, EXPRESSIONS:]).float()
        if not feelings.isfinite().all():
            raise KeyFaceError("the emotion model gives what is not a number; download its file again")
        return feelings.clamp(-1, 1)


def onnxruntime() -> Any:
    """The module onnxruntime if it is there, else None."""
    try:
        import onnxruntime
    except ImportError:
        return None
    return onnxruntime


def _shapes(values: list) -> str:
    return ", ".join(str(value.shape) for value in values)


def _no_model(path: str | os.PathLike, reason: object) -> KeyFaceError:
    return KeyFaceError(
        f"{one_line(path)}: is no HSEmotion model with valence and arousal ({one_line(reason, 160)}); "
        "give the path of enet_b0_8_va_mtl.onnx"
    )
