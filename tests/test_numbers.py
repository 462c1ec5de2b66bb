"""Numbers, words and places at the doors: what is wrong is told in one line, before anything is loaded."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import keyface_lib.pipeline
from keyface_lib.audio import encode_audio, mono_16k
from keyface_lib.cli import main
from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.clip.inputs import SAMPLERS, check_folder_of
from keyface_lib.clip.interpolation import InterpolationSettings
from keyface_lib.clip.keyframes import KeyframeSettings
from keyface_lib.clip.settings import Settings, settings_from
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.emotion import EmotionCurve, Point, named
from keyface_lib.method.noise import unit_noise
from keyface_lib.method.schedule import align_your_steps
from keyface_lib.method.timeline import Timeline
from keyface_lib.pipeline import KeyFace

ASSETS = Path(__file__).parents[1] / "assets"
PORTRAIT, SPEECH = ASSETS / "portrait.jpg", ASSETS / "speech.flac"
NAN, INF, HUGE = math.nan, math.inf, 10**5000

NOT_WHOLE = [True, 3.0, "3", [3], NAN, np.float32(3), HUGE, -HUGE]
NOT_REAL = [True, "3", [3], NAN, INF, -INF, HUGE, 1j, np.float32("nan"), torch.tensor(1.0), -0.1, 101]
WRONG_SETTINGS = {
    "seed": [*NOT_WHOLE, 2**64, -(2**63) - 1],
    "steps": [*NOT_WHOLE, 0, -3, 1001],
    "batch": [*NOT_WHOLE, 0, -3, 1001],
    "audio_scale": NOT_REAL,
    "identity_scale": NOT_REAL,
    "auto_scale": NOT_REAL,
    "sampler": ["", "dpm", "EULER", 3, True, ["euler"]],
    "interval": [3, (1,), (1, 2, 3), (2, 1), (-1, 2), (NAN, 1), (0, NAN), "12", (True, "x")],
}
RIGHT_SETTINGS = {
    "seed": [0, 2**64 - 1, -(2**63), np.int64(7), torch.tensor(7)],
    "steps": [1, 1000, np.uint8(3)],
    "batch": [1, 1000, np.int32(3)],
    "audio_scale": [0, 100, 2.5, np.float32(2.5), np.int64(2)],
    "sampler": SAMPLERS,
    "interval": [(0, INF), [1, 20], (0.0, 0.0)],
}


def one_line(error: KeyFaceError, *named: str) -> None:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 400
    for word in named:
        assert word in text


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_setting_of_the_wrong_kind_or_range_is_refused_by_every_door_to_it(name):
    doors = [lambda **options: settings_from(Settings(), **options)]
    for kind in (Settings, KeyframeSettings, InterpolationSettings):
        if name in kind.__dataclass_fields__:
            doors.append(kind)
    assert len(doors) > 1
    for door in doors:
        for value in WRONG_SETTINGS[name]:
            with pytest.raises(KeyFaceError) as error:
                door(**{name: value})
            one_line(error.value, f"{name} is ")


@pytest.mark.parametrize("name", RIGHT_SETTINGS)
def test_a_setting_is_taken_from_plain_numbers_and_those_of_numpy_and_torch(name):
    for value in RIGHT_SETTINGS[name]:
        settings = settings_from(Settings(), **{name: value})
        holder = settings if hasattr(settings, name) else settings.keyframes
        assert type(getattr(holder, name)) in (int, float, str, tuple)
        assert getattr(holder, name) == (tuple(value) if name == "interval" else value)


WRONG_CALLS = {
    "steps of the schedule": lambda: align_your_steps(0),
    "steps of the schedule that are no number": lambda: align_your_steps("10"),
    "seed of noise beyond 64 bits": lambda: unit_noise(2**64, "keyframes", range(1), 4, 8, 8),
    "seed of noise that is no number": lambda: unit_noise("a", "keyframes", range(1), 4, 8, 8),
    "frames of a clip": lambda: Timeline(0),
    "frames of a clip that are no whole number": lambda: Timeline(1.5),
    "frames of a curve": lambda: EmotionCurve().at_frames(-1),
    "settings that are none": lambda: settings_from({"seed": 3}),
    "settings of a stage that are none": lambda: Settings(keyframes=InterpolationSettings()),
    "a point in words": lambda: EmotionCurve((Point("0", 0.5),)),
    "a value that is a tensor": lambda: EmotionCurve((Point(0.0, torch.tensor(0.5)),)),
    "a value that is yes": lambda: EmotionCurve((Point(0.0, True),)),
    "a time beyond floats": lambda: EmotionCurve((Point(HUGE, 0.5),)),
    "a pair for a point": lambda: EmotionCurve(((0.0, 0.5),)),
    "a number for a lane": lambda: EmotionCurve(0.5),
    "a text for a lane": lambda: EmotionCurve("happy"),
    "a mode that is none": lambda: EmotionCurve((Point(0.0, 0.5, ["smooth"]),)),
    "a feeling without a name": lambda: named(None),
    "an intensity in words": lambda: named("happy", "strong"),
    "an intensity that is yes": lambda: named("happy", True),
    "an emotion that is a number": lambda: parse_emotion(3),
    "an emotion that is nothing": lambda: parse_emotion(None),
    "an emotion that is empty": lambda: parse_emotion(""),
    "sound of whole numbers to be mixed": lambda: mono_16k(torch.zeros(2, 800, dtype=torch.int16), 44_100),
    "a sound's rate that is not a number": lambda: mono_16k(torch.zeros(2, 800), NAN),
    "a sound's rate of gigahertz": lambda: mono_16k(torch.zeros(2, 800), 2 * 10**9),
    "sound of whole numbers to be encoded": lambda: encode_audio(torch.zeros(800, dtype=torch.int16), {}),
    "sound with NaN to be encoded": lambda: encode_audio(torch.full((800,), NAN), {}),
    "16 bits as floats to be encoded": lambda: encode_audio(torch.full((800,), 9000.0), {}),
    "models by their name": lambda: KeyFace("models/keyface"),
}


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_a_function_refuses_what_it_cannot_mean_in_one_line(call):
    with pytest.raises(KeyFaceError) as error:
        WRONG_CALLS[call]()
    one_line(error.value)


WRONG_MODELS = {
    "unknown device": ({"device": "foo"}, "this machine has cpu"),
    "a device as people call it": ({"device": "gpu"}, "this machine has cpu"),
    "a device of no such number": ({"device": "cuda:99"}, "'cuda:99'"),
    "a device without values": ({"device": "meta"}, "'meta'"),
    "a number for a device": ({"device": 0}, "device is 0"),
    "an empty device": ({"device": ""}, "device is ''"),
    "a type that networks do not compute in": ({"dtype": torch.float64}, "float32, bfloat16, float16"),
    "a type of whole numbers": ({"dtype": torch.int8}, "float32, bfloat16, float16"),
    "an unknown type": ({"dtype": "fp32"}, "'fp32'"),
    "a number for a type": ({"dtype": 16}, "dtype is 16"),
    "a word for yes": ({"offload": "yes"}, "offload is 'yes'"),
    "an empty name": ({"name": ""}, "empty"),
    "a number for a name": ({"name": 3}, "3"),
    "a folder that is not here": ({"name": "models/keyface"}, "hf:models/keyface"),
    "a file for a folder": ({"name": str(PORTRAIT)}, "is a file"),
    "a repository without its owner": ({"name": "hf:keyface"}, "hf:owner/name"),
    "a repository's address": ({"name": "hf:https://huggingface.co/a/b"}, "hf:owner/name"),
    "a folder with NUL in its name": ({"name": "a\0b"}, "a\\x00b"),
}


@pytest.mark.parametrize("wrong", WRONG_MODELS)
def test_a_wrong_model_device_or_type_is_refused_before_anything_is_loaded(wrong, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keyface_lib.pipeline, "load_models", lambda *_: pytest.fail("loaded"))
    monkeypatch.setattr(keyface_lib.pipeline, "_download", lambda *_: pytest.fail("asked the hub"))
    options, named = WRONG_MODELS[wrong]
    with pytest.raises(KeyFaceError) as error:
        KeyFace.from_pretrained(**options)
    one_line(error.value, named)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a card")
def test_a_card_that_is_not_there_is_told_with_what_is():
    for device in ("cuda", "cuda:0", torch.device("cuda")):
        with pytest.raises(KeyFaceError, match=r"'cuda.*this machine has cpu"):
            KeyFace.from_pretrained(device=device)


def test_the_hub_is_asked_only_for_what_is_called_hf(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(keyface_lib.pipeline, "_download", lambda name: asked.append(name) or tmp_path)
    monkeypatch.setattr(keyface_lib.pipeline, "load_models", lambda folder, *_: [folder])
    assert KeyFace.from_pretrained("hf:owner/some.name-2", "cpu").models == [tmp_path]
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert KeyFace.from_pretrained("owner/name", "cpu").models == [Path("owner/name")]
    assert asked == ["owner/some.name-2"]


BOTH = ["{portrait}", "{speech}", "-o", "a.mp4"]
WRONG_COMMANDS = {
    "a scale that is not a number": (["animate", *BOTH, "--audio-scale", "nan"], "--audio-scale is nan"),
    "an infinite scale": (["animate", *BOTH, "--identity-scale", "inf"], "--identity-scale is inf"),
    "a negative scale": (["animate", *BOTH, "--auto-scale=-1"], "--auto-scale is -1"),
    "no steps": (["demo", "--steps", "0"], "--steps is 0"),
    "more steps than anybody": (["demo", "--steps", "9" * 40], "--steps is a number of about 40 digits"),
    "a negative batch": (["demo", "--batch", "-3"], "--batch is -3"),
    "a seed beyond 64 bits": (["demo", "--seed", str(2**64)], "--seed is 18446744073709551616"),
    "an unknown sampler": (["demo", "--sampler", "dpm"], "euler_discrete"),
    "an empty device": (["demo", "--device", ""], "--device is empty"),
    "an empty emotion": (["demo", "--emotion", " "], "--emotion is empty"),
    "no such picture": (["animate", "no.png", "{speech}", "-o", "a.mp4"], "no.png"),
    "an empty picture": (["animate", "", "{speech}", "-o", "a.mp4"], "empty"),
    "a folder as picture": (["animate", ".", "{speech}", "-o", "a.mp4"], "is a folder"),
    "no such recording": (["animate", "{portrait}", "no.wav", "-o", "a.mp4"], "no.wav"),
    "a name of 300 bytes": (["animate", "{portrait}", "n" * 300, "-o", "a.mp4"], "nnnn"),
    "no such output folder": (["animate", "{portrait}", "{speech}", "-o", "no/a.mp4"], "the folder no "),
    "an empty output": (["demo", "-o", ""], "empty"),
    "no such model folder": (["demo", "--model", "models/keyface"], "hf:models/keyface"),
    "a model file": (["demo", "--model", "{portrait}"], "is a file"),
    "a repository without its owner": (["demo", "--model", "hf:x"], "hf:owner/name"),
    "no folder to make": (["init", ""], "empty"),
    "a seed of weights beyond 64 bits": (["init", "x", "--seed", str(2**65)], "--seed"),
    "nothing to convert": (["convert", "no.pt", "x.safetensors"], "no.pt"),
    "nowhere to convert to": (["convert", "{portrait}", ""], "empty"),
    "nothing to describe": (["info", "no.safetensors"], "no.safetensors"),
    "no configuration": (["train", "keyframes", "no.toml"], "no.toml"),
    "no time to train": (["train", "vae", "no.toml", "--minutes", "0"], "--minutes is 0"),
    "a time that is not a number": (["train", "vae", "no.toml", "--minutes", "nan"], "--minutes is nan"),
    "no clips": (["toyworld", "x", "--clips", "0"], "--clips is 0"),
    "more clips than anybody": (["toyworld", "x", "--clips", "9" * 30], "--clips"),
    "a negative seed of clips": (["toyworld", "x", "--first=-1"], "--first is -1"),
    "an endless clip": (["toyworld", "x", "--seconds", "inf"], "--seconds is inf"),
    "a clip without frames": (["toyworld", "x", "--seconds", "0.01"], "--seconds is 0.01"),
    "frames of no size": (["toyworld", "x", "--size", "0"], "--size is 0"),
    "nowhere for shards": (["toyworld", ""], "empty"),
    "no autoencoder": (["toyworld", "x", "--vae", "no.safetensors"], "no.safetensors"),
}
"""Commands, and what their one line must name."""


def filled(words: list[str]) -> list[str]:
    return [word.format(portrait=PORTRAIT, speech=SPEECH) for word in words]


@pytest.mark.parametrize("wrong", WRONG_COMMANDS)
def test_a_wrong_option_or_path_is_told_in_one_line_and_leaves_nothing(wrong, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, named = WRONG_COMMANDS[wrong]
    assert main(filled(words)) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("keyface: ")
    assert named in said[0]
    assert len(said[0]) < 500
    assert not list(tmp_path.iterdir())


def test_what_a_name_or_number_alone_shows_to_be_wrong_is_told_without_importing_torch(tmp_path):
    program = """
import json, sys
from keyface_lib.cli import main
for words in json.load(sys.stdin):
    code = main(words)
    heavy = {"torch", "numpy", "av", "PIL", "diffusers"} & set(sys.modules)
    assert code == 1 and not heavy, (words, code, heavy)
"""
    commands = json.dumps([filled(words) for words, _ in WRONG_COMMANDS.values()])
    here = os.environ | {"PYTHONPATH": str(ASSETS.parent)}
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=commands,
        text=True,
        capture_output=True,
        cwd=tmp_path,
        env=here,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("\n") == len(WRONG_COMMANDS)


@pytest.mark.parametrize(
    "words", [["--steps", "ten"], ["--seed", "1e3"], ["--nonsense"], ["--seed", "9" * 5000]]
)
def test_an_option_that_cannot_be_read_is_told_in_one_line_with_the_way_to_the_help(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["demo", *words])
    assert stop.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("keyface: ")
    assert "--help" in said[0]
    assert len(said[0]) < 500


def test_the_folder_that_a_dangling_link_leads_to_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.mp4").symlink_to(tmp_path / "gone" / "b.mp4")
    with pytest.raises(KeyFaceError, match=r"a\.mp4.*the folder .*gone does not exist"):
        check_folder_of("a.mp4", "output")
    (tmp_path / "gone").mkdir()
    assert check_folder_of("a.mp4", "output") == Path("a.mp4")
