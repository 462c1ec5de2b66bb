"""The small model in the box: it is whole, it fits, and its mouth follows the sound."""

import pytest
import torch
from test_cli import PORTRAIT, SPEECH, seconds

from keyface_lib import small
from keyface_lib.cli import main
from keyface_lib.pipeline import KeyFace
from keyface_lib.toyworld import at_rest, draw, make_clip, measure
from keyface_lib.toyworld.scores import pearson
from keyface_lib.weights.checkpoint import read_metadata

LIMIT = 24_000_000


@pytest.fixture(scope="module")
def keyface() -> KeyFace:
    return KeyFace.from_pretrained(device="cpu")


def test_the_box_is_whole_and_small():
    for role in ("keyframe", "interpolation", "reduced", "vae"):
        assert read_metadata(small.FOLDER / f"{role}.safetensors").role == role
    assert sum(path.stat().st_size for path in small.FOLDER.iterdir() if path.is_file()) <= LIMIT


def test_demo_writes_a_video_of_its_speech(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--steps", "2"]) == 0
    assert small.NAME in capsys.readouterr().err
    length = seconds(tmp_path / "demo.mp4", "video")
    assert length >= 3
    assert length == pytest.approx(seconds(small.SPEECH, "audio"), abs=0.04)


def test_animate_without_a_model_takes_it_and_says_so(tmp_path, capsys):
    assert main(["animate", str(PORTRAIT), str(SPEECH), "-o", str(tmp_path / "a.mp4"), "--steps", "1"]) == 0
    assert f"the model is {small.NAME}" in capsys.readouterr().err


def test_mouth_and_face_follow_sound_and_feeling(keyface):
    """Far above what a face that does not listen reaches, far below what it was released with."""
    clip = make_clip(1000, 4.0, "test", 64)
    portrait = draw(clip.identity, at_rest(), 64)[0].movedim(-1, 0) / 127.5 - 1
    smiles = []
    for feeling in ("sad", "happy"):
        seen = measure(torch.cat(list(keyface.animate(portrait, clip.waveform, feeling))))
        assert pearson(seen.opening, clip.truth["opening"]) > 0.5
        smiles.append(float(seen.smile.mean()))
    assert smiles[1] > smiles[0] + 0.3
