"""The `keyface` command as a user types it: what it makes, and what it says when it cannot."""

import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import av
import pytest
from drawn_video import plain, write_video
from PIL import Image
from tiny_models import recorded, tiny_folder, tiny_keyface, voice

from keyface_lib.cli import main
from keyface_lib.clip.inputs import SAMPLERS
from keyface_lib.clip.people import Person, materials_of
from keyface_lib.errors import KeyFaceError
from keyface_lib.media import image
from keyface_lib.pipeline import KeyFace

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


def test_the_whole_picture_comes_back_with_a_named_square_moving_in_it(tmp_path, capsys):
    with Image.open(PORTRAIT) as picture:
        Image.new("RGB", (picture.width + 70, picture.height + 30), "teal").save(tmp_path / "holiday.png")
    output = tmp_path / "whole.mkv"
    box = ["--face-box", "30,20,200,180"]
    speech = recorded(tmp_path / "speech.wav", 0.2)
    command = animate(tmp_path / "holiday.png", speech, *box, "--full-frame", "-o", output, "--steps", 1)
    assert main(command) == 0
    assert "the square of 200 pixels around 130,110 is animated" in capsys.readouterr().err
    with Image.open(tmp_path / "holiday.png") as whole, av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == tuple(side + side % 2 for side in whole.size)


@pytest.mark.parametrize(("at", "level"), [((), 40), (("--at", 0.5), 200)])
def test_the_face_of_a_video_is_the_one_it_shows_at_a_time(at, level, tmp_path, capsys):
    video = write_video(tmp_path / "film.mkv", [plain(40)] * 10 + [plain(200)] * 10)
    speech, frames = recorded(tmp_path / "speech.wav", 0.2), tmp_path / "frames"
    words = ["--steps", 1, "--full-frame", "--face-box", "12,4,16,16", *at]
    assert main(animate(video, speech, "-o", frames, *words)) == 0
    said = capsys.readouterr().err
    assert f"what the video shows at {0.5 if at else 0:.2f} s" in said
    assert ("--at SECONDS" in said) is not bool(at)
    with Image.open(min(frames.glob("*.png"))) as frame:
        assert frame.size == (48, 32)
        assert frame.getpixel((46, 30)) == (level,) * 3


def test_a_time_that_a_video_does_not_show_is_told(tmp_path, capsys):
    video = write_video(tmp_path / "film.mkv", [plain(40)] * 10)
    for picture, at, said in ((video, 9, "has ended by 9 s"), (PORTRAIT, 1, "does not move")):
        assert main(animate(picture, SPEECH, "-o", tmp_path / "a.mp4", "--at", at)) == 1
        assert said in capsys.readouterr().err


def test_which_part_of_a_picture_is_animated_is_said(tmp_path, capsys):
    speech = recorded(tmp_path / "speech.wav", 0.2)
    for size, said in (((90, 60), "the central square of 60 pixels is animated"), ((60, 60), "the whole")):
        Image.new("RGB", size).save(tmp_path / "picture.png")
        command = animate(tmp_path / "picture.png", speech, "-o", tmp_path / "a.mp4", "--steps", 1)
        assert main(command) == 0
        assert said in capsys.readouterr().err


def test_places_are_told_in_pixels_of_the_file_even_where_it_is_read_smaller(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(image, "MAX_EXACT_PIXELS", 10_000)
    Image.new("RGB", (400, 300)).save(tmp_path / "large.png")
    speech = recorded(tmp_path / "speech.wav", 0.2)
    words = (tmp_path / "large.png", speech, "-o", tmp_path / "a.mp4", "--steps", 1)
    for box, said in (
        ((), "square of 300 pixels"),
        (("--face-box", "200,100,80,80"), "of 80 pixels around 240,140"),
    ):
        assert main(animate(*words, *box)) == 0
        assert said in capsys.readouterr().err
    people = [Person((x, 100, 80, 80), speech) for x in (200, 212)]
    with pytest.raises(KeyFaceError, match="persons 1 and 2 are 12 pixels apart"):
        materials_of(tmp_path / "large.png", people)
    people[1] = Person((300, 100, 80, 80), speech)
    assert [material.reduction for material in materials_of(tmp_path / "large.png", people)] == [4, 4]


def test_a_face_that_is_none_is_told_how_it_is_said(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(animate(PORTRAIT, SPEECH, "-o", tmp_path / "a.mp4", "--which-face", "smallest"))
    assert "is no face; say largest, centre, its number from the left" in capsys.readouterr().err


@pytest.mark.parametrize("box", ["1,2,3", "1,2,3,4,5", "a,b,c,d", ""])
def test_a_box_that_is_none_is_told_how_it_is_written(box, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(animate(PORTRAIT, SPEECH, "-o", tmp_path / "a.mp4", "--face-box", box))
    assert "is no box; give X,Y,W,H" in capsys.readouterr().err


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
    "box outside": ((PORTRAIT, SPEECH), {"--face-box": "9000,0,50,50"}, "outside the picture"),
    "one voice apart": ((PORTRAIT, SPEECH, "--apart"), {}, "--apart places several people"),
    "two faces": ((PORTRAIT, SPEECH), {"--which-face": "2"}, "face"),
    "box without width": ((PORTRAIT, SPEECH), {"--face-box": "0,0,0,50"}, "0 by 50 pixels"),
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
    length = seconds(output, "video")
    assert 0 < length < seconds(SPEECH, "audio")
    assert said.splitlines()[-1] == f"keyface: stopped; {output} holds {length:.2f} of 6.72 s and plays"


@pytest.mark.parametrize("place", ["from_pretrained", "plan"])
def test_ctrl_c_before_the_first_frame_says_that_nothing_was_written(place, tmp_path, capsys, quick):
    def stop(*_, **__):
        raise KeyboardInterrupt

    quick.setattr(KeyFace, place, stop)
    assert main(["animate", str(PORTRAIT), str(quick.speech), "-o", str(tmp_path / "a.mp4")]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "keyface: stopped; nothing was written"
    assert not (tmp_path / "a.mp4").exists()


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """The tiny models, loaded once, and a `speech` of 0.2 s."""
    keyface = tiny_keyface()
    monkeypatch.setattr(KeyFace, "from_pretrained", lambda *_, **__: keyface)
    monkeypatch.speech = tmp_path / "speech.wav"
    write_sound(monkeypatch.speech)
    return monkeypatch


def write_sound(path: Path) -> None:
    samples = (voice(0.2).clamp(-1, 1) * 32767).short().numpy()
    with av.open(os.path.abspath(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


NAMES = [
    "two words",
    'it\'s "quoted"',
    "面孔",
    "😀",
    "%03d",
    "[a]{b}",
    "-dash",
    "a=b;c&d",
    "$HOME",
    "~",
    "a:b",
    "hf:x",
]


@pytest.mark.parametrize("name", NAMES)
def test_files_may_be_called_anything(name, tmp_path, monkeypatch, quick):
    monkeypatch.chdir(tmp_path)
    shutil.copy(PORTRAIT, f"{name}.jpg")
    shutil.copy(quick.speech, f"{name}.wav")
    options = ["--steps", "1", "--batch", "1", f"--output={name}.mp4"]
    assert main(["animate", *options, "--", f"{name}.jpg", f"{name}.wav"]) == 0
    assert seconds(tmp_path / f"{name}.mp4", "video") == 0.2


class Failing(io.TextIOWrapper):
    """A stream whose reader has gone."""

    def __init__(self):
        super().__init__(io.BytesIO(), "utf-8")

    def write(self, _text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError


STREAMS = {
    "Latin-1": lambda: io.TextIOWrapper(io.BytesIO(), "latin-1"),
    "ASCII": lambda: io.TextIOWrapper(io.BytesIO(), "ascii"),
    "closed by the shell": lambda: None,
    "without a reader": Failing,
}


@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_printed_never_decides_over_what_was_done(stream, tmp_path, monkeypatch, quick):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, STREAMS[stream]())
    output = tmp_path / "说话.mp4"
    assert main(["animate", str(PORTRAIT), str(quick.speech), "-o", str(output), "--steps", "1"]) == 0
    assert seconds(output, "video") == 0.2
    assert main(["animate", "没有.png", str(quick.speech), "-o", str(output)]) == 1
    if stream in ("Latin-1", "ASCII"):
        sys.stdout.flush()
        assert b"\\u8bf4\\u8bdd.mp4: 5 frames" in sys.stdout.buffer.getvalue()
        assert b"\\u6ca1\\u6709.png: there is no such picture" in sys.stderr.buffer.getvalue()


@pytest.mark.parametrize(
    "shell", ["{} >&-", "{} 2>&-", "{} >&- 2>&-", "{} <&-", "{} | true", "{} > /dev/full"]
)
def test_a_stream_that_takes_nothing_changes_no_exit_status(shell):
    keyface = f"{sys.executable} -m keyface_lib"
    for command, status in (("--version", 0), ("animate --help", 0), ("demo --steps 0", 1)):
        script = "set -o pipefail; " + shell.format(f"{keyface} {command}")
        run = subprocess.run(["bash", "-c", script], cwd=ASSETS.parent, capture_output=True, text=True)
        assert run.returncode == status, (shell, command, run.stderr)
        assert "Exception" not in run.stderr


def test_warnings_are_lines_like_the_errors(tmp_path, capsys, monkeypatch, quick):
    def warned(*_, **__):
        warnings.warn("the sound\nis quiet", stacklevel=1)
        __import__("logging").getLogger("keyface_lib.method.batching").warning("going on with %d", 1)
        return tiny_keyface()

    quick.setattr(KeyFace, "from_pretrained", warned)
    assert (
        main(["animate", str(PORTRAIT), str(quick.speech), "-o", str(tmp_path / "a.mp4"), "--steps", "1"])
        == 0
    )
    said = capsys.readouterr().err
    assert "keyface: warning: the sound is quiet\n" in said
    assert "keyface: warning: going on with 1\n" in said
    assert ".py:" not in said


def processor_seconds(*words: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "keyface_lib", *words], cwd=ASSETS.parent, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["animate", "no.png", "no.wav", "-o", "a.mp4"],
        ["emotion", "no.mp4", "-o", "a.json"],
        ["info", "no.pt"],
    ],
)
def test_help_and_a_misspelt_path_cost_less_than_half_a_second_of_the_processor(words):
    assert min(processor_seconds(*words) for _ in range(2)) < 0.5


def test_the_version_is_said(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"keyface {version('keyface')}\n"


@pytest.mark.parametrize("command", ["demo", "animate"])
def test_the_help_names_every_sampler_and_the_demo_takes_a_model(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(sampler in said for sampler in SAMPLERS)
    assert "--model" in said


def test_the_demo_is_made_by_the_model_that_is_named(tmp_path, monkeypatch):
    asked = []

    class Seen(Exception):  # noqa: N818
        pass

    def loaded(name, *_, **__):
        asked.append(name)
        raise Seen

    monkeypatch.setattr(KeyFace, "from_pretrained", loaded)
    with pytest.raises(Seen):
        main(["demo", "--model", str(tiny_folder()), "-o", str(tmp_path / "a.mp4")])
    assert asked == [str(tiny_folder())]


def test_info_says_what_a_model_folder_holds_and_lacks(tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder(), folder)
    assert main(["info", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "keyframe.safetensors, 8.54 MB, 64 pixels, hears wavlm and beats" in said
    assert said.splitlines()[-1].split() == ["complete", "yes"]
    for name in ("wavlm", "reduced", "vae"):
        (folder / f"{name}.safetensors").unlink()
    (folder / "beats.safetensors").write_bytes(b"nothing")
    assert main(["info", str(folder)]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    for name in ("wavlm", "reduced", "vae"):
        assert rows[name].startswith("missing")
    assert "WavLM-Base+.pt" in rows["wavlm"]
    assert "cannot be used" in rows["beats"]
    assert rows["complete"] == "no, a clip also needs: wavlm, beats, an encoder of the VAE"
    (tmp_path / "empty").mkdir()
    assert main(["info", str(tmp_path / "empty")]) == 1
    assert "holds no file of a model" in capsys.readouterr().err


def test_a_hub_repository_that_cannot_be_had_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert (
        main(animate(PORTRAIT, SPEECH, "-o", tmp_path / "a.mp4", model="hf:keyface-tests/nothing-here")) == 1
    )
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("keyface:")]
    assert len(lines) == 1
    assert "hf:keyface-tests/nothing-here" in lines[0]
    assert "Hugging Face hub" in lines[0]
