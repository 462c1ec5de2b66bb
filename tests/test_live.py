"""Sound that is still arriving: the frames of the whole sound, as early as they can be known."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from tiny_models import portrait, recorded, tiny_folder, tiny_keyface, voice

from keyface_lib import KeyFace, small
from keyface_lib.audio import encode_audio
from keyface_lib.audio.arriving import ArrivingSound
from keyface_lib.audio.logmel import LogMelEncoder
from keyface_lib.audio.reading import load_audio
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.emotion import constant
from keyface_lib.method.timeline import Timeline

QUICK = {"steps": 1, "batch": 1}


def arrived(
    encoders, waveform: torch.Tensor, piece: int, window_s: float = 12.0
) -> tuple[ArrivingSound, int]:
    """All of a sound, and by how many frames features came later than it at most."""
    sound, late = ArrivingSound(encoders, window_s), 0
    for part in waveform.split(piece):
        sound.add(part)
        late = max(late, sound.samples // 640 - sound.n_frames)
    sound.end()
    return sound, late


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.03, 7.0])
@pytest.mark.parametrize("piece", [160, 1000, 16_000])
def test_log_mel_features_are_those_of_the_whole_sound_within_half_a_second(seconds, piece):
    encoders, waveform = {"logmel": LogMelEncoder()}, voice(seconds)
    sound, late = arrived(encoders, waveform, piece)
    whole = encode_audio(waveform, encoders)
    assert sound.n_frames == whole.n_frames
    torch.testing.assert_close(sound.features().by_encoder["logmel"], whole.by_encoder["logmel"])
    assert late <= sound.delay <= 14


@pytest.mark.parametrize("seconds", [0.5, 13.3, 31.0])
def test_encoders_that_hear_in_windows_hear_the_same_ones(seconds):
    encoders = {name: tiny_keyface().models.encoders[name] for name in ("wavlm", "wav2vec2")}
    waveform = voice(seconds)
    sound, late = arrived(encoders, waveform, 8000)
    whole = encode_audio(waveform, encoders, window_s=12.0)
    for name, heard in whole.by_encoder.items():
        # wav2vec2 scales by the level of all it has heard, here that of the first window
        torch.testing.assert_close(sound.features().by_encoder[name], heard, rtol=0.05, atol=0.05)
    assert late <= sound.delay <= 12 * 25 + 2


def test_sound_that_was_encoded_is_not_kept():
    sound, _ = arrived({"logmel": LogMelEncoder()}, voice(7), 1600)
    assert len(sound._waveform) < 16_000


def small_keyface() -> KeyFace:
    return KeyFace.from_pretrained(device="cpu")


@pytest.mark.parametrize("per_window", [13, 4])
def test_live_frames_are_those_of_the_whole_sound_bit_by_bit(per_window):
    keyface, waveform = small_keyface(), load_audio(small.SPEECH)
    options = QUICK | {"keyframes_per_window": per_window, "emotion": small.EMOTION, "seed": 3}
    whole = torch.cat(list(keyface.animate(small.PORTRAIT, waveform, **options)))
    heard = 0

    def pieces():
        nonlocal heard
        for piece in waveform.split(1600):
            heard += len(piece)
            yield piece

    live, late, made = keyface.animate_arriving(small.PORTRAIT, pieces(), **options), [], []
    for frames in live:
        for frame in frames:
            late.append(heard / 640 - len(made))
            made.append(frame)
    assert torch.equal(torch.stack(made), whole)
    assert max(late) <= live.delay
    assert live.delay <= 13 * per_window + 14


def test_a_curve_may_grow_while_it_is_used():
    asked = []

    def feeling():
        asked.append(1)
        return constant(0.1 * len(asked), 0)

    live = tiny_keyface().animate_arriving(
        portrait(), voice(16).split(16_000), feeling, keyframes_per_window=2, **QUICK
    )
    frames = torch.cat(list(live))
    assert len(frames) == 400
    assert len(asked) > 3
    still = tiny_keyface().animate_arriving(
        portrait(), voice(16).split(16_000), constant(0.1, 0), keyframes_per_window=2, **QUICK
    )
    assert not torch.equal(torch.cat(list(still))[-50:], frames[-50:])


def test_fewer_keyframes_a_window_leave_the_other_slots_to_the_last(tmp_path):
    timeline = Timeline(13 * 9 + 1, per_window=4)  # ten keyframes
    assert timeline.n_windows == 3
    assert timeline.window_keyframes()[:, :7].tolist() == [
        [-1, 0, 1, 2, 3, 3, 3],
        [-1, 4, 5, 6, 7, 7, 7],
        [-1, 8, 9, 9, 9, 9, 9],
    ]
    assert [*timeline.keyframes_of_window(2)] == [8, 9]
    with pytest.raises(KeyFaceError, match="per_window"):
        Timeline(10, per_window=14)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_live_video_has_its_sound(tmp_path, channels):
    pieces = (torch.stack([part] * channels) for part in voice(3).repeat_interleave(3).split(4800))
    live = small_keyface().animate_arriving(
        small.PORTRAIT, pieces, sample_rate=48_000, keyframes_per_window=2, **QUICK
    )
    assert live.save(tmp_path / "live.mkv") == 75
    with av.open(str(tmp_path / "live.mkv")) as container:
        sound = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    assert len(sound) == 144_000 * channels
    assert sound.std() > 0


@pytest.mark.parametrize(
    ("sound", "error"),
    [
        ([], "no sound has arrived"),
        ([torch.zeros(0)], "no sound"),
        ([torch.full((640,), float("nan"))], "NaN|finite"),
        ([torch.zeros(2, 2, 640)], "shape"),
        (["loud"], "loud"),
    ],
)
def test_what_is_no_sound_is_refused(sound, error):
    with pytest.raises(KeyFaceError, match=error):
        list(tiny_keyface().animate_arriving(portrait(), sound, **QUICK))


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of a shell")
def test_the_command_reads_standard_input_while_it_is_written(tmp_path):
    sound, output = recorded(tmp_path / "voice.wav", 12), tmp_path / "live.mkv"
    command = [sys.executable, "-m", "keyface_lib", "animate", str(small.PORTRAIT), "-", "-o", str(output)]
    command += ["--steps", "1", "--batch", "1", "--keyframes-per-window", "2"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=tmp_path
    )
    content = sound.read_bytes()
    process.stdin.write(content[: len(content) // 2])
    process.stdin.flush()
    while not (output.exists() and output.stat().st_size > 20_000) and process.poll() is None:
        pass
    assert process.poll() is None, "frames come while the sound still arrives"
    _, said = process.communicate(content[len(content) // 2 :], timeout=120)
    assert process.returncode == 0, said
    assert b"as it arrives" in said
    with av.open(str(output)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 300


@pytest.mark.parametrize("option", ["--work=w", "--normalize", "--silence-gate", "--dry-run"])
def test_what_needs_the_whole_sound_is_refused_for_live_sound(tmp_path, option, capsys):
    from keyface_lib.cli import main

    assert main(["animate", str(small.PORTRAIT), "-", "-o", str(tmp_path / "x.mp4"), option]) == 1
    assert "whole recording" in capsys.readouterr().err


def test_tiny_models_speak_live_too():
    frames = list(tiny_keyface().animate_arriving(portrait(), voice(1).split(3000), **QUICK))
    assert sum(map(len, frames)) == 25
    assert tiny_folder().is_dir()
