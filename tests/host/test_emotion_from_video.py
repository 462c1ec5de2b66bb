"""A feeling read off a filmed face on the real server."""

import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
from drawn_video import plain, write_video
from PIL import Image
from tiny_onnx import write_model

from host.server import Refused
from keyface_lib.affect.models import MODEL_FILES, find_reader
from keyface_lib.affect.reading import curve_of, read_file
from keyface_lib.method.emotion_text import to_json

RATE, SECONDS = 10, 3
NAME = MODEL_FILES[1]
RED_AND_GREEN = [[0.0] * 3] * 8 + [[0.2, 0, 0], [0, -0.2, 0]]


@pytest.fixture(scope="module")
def runtime(host) -> None:
    pytest.importorskip("onnxruntime")
    if subprocess.run([host.python, "-c", "import onnxruntime"], capture_output=True).returncode:
        pytest.skip("the host has no ONNX Runtime: no feeling is read")


@pytest.fixture
def model(host, runtime) -> Iterator:
    path = write_model(host.folder / "models" / "keyface" / NAME, RED_AND_GREEN, [0.0] * 10)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def film(host, tmp_path_factory):
    """A video of ten frames a second that brightens; its place among the inputs."""
    pictures = [plain(round(level), 64, 96) for level in np.linspace(30, 220, RATE * SECONDS)]
    path = write_video(tmp_path_factory.mktemp("film") / "brightens.mkv", pictures, rate=RATE)
    return host.folder / "input" / host.input(path)


def prompt_of(film, way: str = "file", **values) -> dict:
    """The node, fed with a video file, with its frames, or with a video made of them."""
    inputs = {"which": "centre", "number": 1, "smooth": 0.5, "strength": 1.0, "emotion_model": "auto"}
    prompt = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": film.name}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": {"class_type": "CreateVideo", "inputs": {"images": ["2", 0], "fps": ["2", 2]}},
        "4": {"class_type": "KeyFaceEmotionFromVideo", "inputs": inputs | values},
    }
    fed = {
        "file": {"video": ["1", 0]},
        "frames": {"pictures": ["2", 0], "fps": ["2", 2]},
        "made": {"video": ["3", 0]},
    }
    prompt["4"]["inputs"] |= fed[way]
    return prompt


@pytest.mark.parametrize("way", ["file", "frames", "made"])
def test_the_node_reads_what_the_library_reads_however_the_video_arrives(host, film, model, way):
    result = host.run(prompt_of(film, way))
    assert result.error is None, result.error
    read = curve_of(read_file(film, find_reader(model), which="centre"))
    assert len(read.valence) > 1
    shown = result.outputs["4"]
    if way == "file":
        assert shown["keyface_curve"] == [to_json(read)]
    else:  # the host's own decoding of colours may be off by a level
        (text,) = shown["keyface_curve"]
        assert text.count("smooth") == to_json(read).count("smooth")
    assert any(f"{SECONDS:.2f} s read" in text for text in result.texts("4"))
    picture = Image.open(host.output(shown["images"][0]))
    assert picture.width == 1200
    assert result.progress("4")[-1] == (25 * SECONDS, 25 * SECONDS)


def test_without_a_face_detector_the_node_says_what_it_reads(host, film, model):
    result = host.run(prompt_of(film, which="largest"))
    assert result.error is None, result.error
    assert any("so the central square is read" in text for text in result.texts("4"))


def test_what_is_missing_is_said_before_anything_runs(host, film, monkeypatch):
    with pytest.raises(Refused) as refused:
        host.run(prompt_of(film))
    said = refused.value.details("4")
    assert all(name in said for name in (*MODEL_FILES, "models/keyface", "https://github.com/sb-ai-lab"))
    assert "\n" not in said


def test_another_onnx_file_is_told_in_one_line(host, film, runtime):
    path = host.folder / "models" / "keyface" / "other.onnx"
    path.write_bytes(b"<html>404</html>")
    try:
        error = host.run(prompt_of(film, emotion_model="other.onnx")).error
    finally:
        path.unlink()
    assert "is no HSEmotion model with valence and arousal" in error["exception_message"]


@pytest.mark.parametrize("name", ["../keyface/other.onnx", "/etc/passwd", "../../../etc/passwd", ""])
def test_no_model_outside_of_the_folder_is_taken(host, film, name):
    path = host.folder / "models" / "keyface" / "other.onnx"
    path.touch()
    try:
        with pytest.raises(Refused) as refused:
            host.run(prompt_of(film, emotion_model=name))
    finally:
        path.unlink()
    assert f"there is no emotion model {name} in models/keyface" in refused.value.details("4")
