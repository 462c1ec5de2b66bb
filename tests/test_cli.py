"""The `keyface` command as a user types it: what it makes, and what it says when it cannot."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import av
import pytest
from tiny_models import tiny_folder

from keyface_lib.cli import main

ASSETS = Path(__file__).parents[1] / "assets"
PORTRAIT, SPEECH = ASSETS / "portrait.jpg", ASSETS / "speech.flac"


def animate(*arguments, model=None) -> list[str]:
    return ["animate", *map(str, arguments), "--model", str(model or tiny_folder())]


def seconds(path: Path, kind: str) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.get(**{kind: 0})[0]
        frames = list(container.decode(stream))
    if kind == "video":
        return len(frames) / 25
    return sum(frame.samples / frame.sample_rate for frame in frames)


def test_a_portrait_and_a_recording_become_a_video_with_sound_of_the_same_length(tmp_path, capsys):
    output = tmp_path / "talking.mp4"
    assert (
        main(
            animate(PORTRAIT, SPEECH, "-o", output, "--steps", 1, "--emotion", "0:neutral 2:happy", "--json")
        )
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert (
        result["frames"] == round(seconds(output, "video") * 25) == round(seconds(SPEECH, "audio") * 25 + 0.5)
    )
    assert seconds(output, "audio") == pytest.approx(seconds(output, "video"), abs=0.05)


def test_the_estimate_comes_before_the_first_frame(tmp_path, capsys):
    assert main(animate(PORTRAIT, SPEECH, "-o", tmp_path / "a.mp4", "--steps", 1)) == 0
    said = capsys.readouterr().err
    assert "168 frames (6.72 s) at 64 pixels on cpu" in said
    assert "of memory" in said.split("animate:")[0]


WRONG = {
    "no portrait": (("none.png", SPEECH), {}, "none.png"),
    "truncated portrait": (("broken.jpg", SPEECH), {}, "broken.jpg"),
    "no recording": ((PORTRAIT, "none.wav"), {}, "none.wav"),
    "not a recording": ((PORTRAIT, "notes.txt"), {}, "notes.txt"),
    "unknown emotion": ((PORTRAIT, SPEECH), {"--emotion": "hapy"}, "did you mean"),
    "emotion out of range": ((PORTRAIT, SPEECH), {"--emotion": "0:(2,0)"}, "[-1, 1]"),
    "no output folder": ((PORTRAIT, SPEECH), {"-o": "nowhere/a.mp4"}, "nowhere"),
    "unknown kind of output": ((PORTRAIT, SPEECH), {"-o": "a.xyz"}, ".xyz"),
    "no model folder": ((PORTRAIT, SPEECH), {"--model": "nothing"}, "nothing"),
    "unknown sampler": ((PORTRAIT, SPEECH), {"--sampler": "dpm"}, "'dpm'"),
    "no steps": ((PORTRAIT, SPEECH), {"--steps": "0"}, "--steps"),
}
"""Inputs, options, and what the message must name."""


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_input_is_told_in_one_line_that_names_it(wrong, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("broken.jpg").write_bytes(PORTRAIT.read_bytes()[:3000])
    Path("notes.txt").write_text("not a sound")
    inputs, options, named = WRONG[wrong]
    options = {"-o": "a.mp4", "--model": tiny_folder()} | options
    arguments = [str(word) for word in ("animate", *inputs, *(w for pair in options.items() for w in pair))]
    assert main(arguments) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("keyface:")]
    assert len(lines) == 1
    assert named in lines[0]
    assert not Path("a.mp4").exists()


def test_a_file_that_holds_no_weights_is_told_by_info(tmp_path, capsys):
    (tmp_path / "notes.pt").write_text("nothing")
    assert main(["info", str(tmp_path / "notes.pt")]) == 1
    assert "notes.pt" in capsys.readouterr().err


def test_info_says_what_a_file_holds(capsys):
    assert main(["info", str(tiny_folder() / "interpolation.safetensors")]) == 0
    said = capsys.readouterr().out
    assert "interpolation" in said
    assert "wav2vec2, beats" in said


def test_init_writes_the_same_folder_for_the_same_seed_and_never_overwrites(tmp_path, capsys):
    for name in ("one", "two"):
        assert main(["init", str(tmp_path / name), "--size", "tiny"]) == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    assert main(["init", str(tmp_path / "one")]) == 1
    assert "not empty" in capsys.readouterr().err


def test_ctrl_c_leaves_a_playable_file_of_what_is_done(tmp_path):
    output = tmp_path / "cut.mp4"
    command = [
        sys.executable,
        "-m",
        "keyface_lib",
        *animate(PORTRAIT, SPEECH, "-o", output, "--batch", 1, "--steps", 4),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ASSETS.parent,
        env=environment,
        # Where the tests run in a shell's background they ignore Ctrl-C, and so would the command.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (output.exists() and output.stat().st_size > 4000):
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 130
    assert "Traceback" not in said
    assert 0 < seconds(output, "video") < seconds(SPEECH, "audio")


def test_a_hub_repository_that_cannot_be_had_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert (
        main(animate(PORTRAIT, SPEECH, "-o", tmp_path / "a.mp4", model="hf:keyface-tests/nothing-here")) == 1
    )
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("keyface:")]
    assert len(lines) == 1
    assert "hf:keyface-tests/nothing-here" in lines[0]
    assert "Hugging Face hub" in lines[0]
