"""Clips of the toy world become shards that the trainer reads."""

import pytest
import torch
from tiny_models import tiny_keyface

from keyface_lib import cli
from keyface_lib.audio.logmel import BANDS, CONTEXT
from keyface_lib.data.shards import index_clips
from keyface_lib.errors import KeyFaceError
from keyface_lib.toyworld import espeak
from keyface_lib.toyworld.clip import make_clip
from keyface_lib.toyworld.dataset import write_clips

pytestmark = pytest.mark.skipif(not espeak.available(), reason="eSpeak NG is not installed")


def test_a_clip_has_everything_training_needs(tmp_path):
    (shard,) = write_clips(tmp_path, [3], seconds=1.0, size=64, vae=tiny_keyface().models.vae)
    clip = index_clips([str(shard)]).read(0)
    assert clip.n_frames == 25
    assert clip.facts["image_size"] == 64
    assert clip.array("latents").shape == (25, 4, 8, 8)
    assert clip.array("logmel").shape == (25, 2, BANDS * CONTEXT)
    made = make_clip(3, 1.0, size=64)
    assert torch.equal(torch.from_numpy(clip.array("frames").copy()), made.frames)
    assert torch.equal(torch.from_numpy(clip.array("emotion")[:, 0].copy()), made.valence)


def test_from_the_command_line(tmp_path, capsys):
    cli.main(["toyworld", str(tmp_path / "data"), "--clips", "2", "--seconds", "0.6", "--no-frames"])
    assert "2 clips in 1 shards" in capsys.readouterr().out
    clips = index_clips([str(tmp_path / "data" / "*.tar")])
    assert len(clips) == 2
    assert "frames" not in clips.read(0).arrays


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--clips", "0"], "must be from 1 to 1,000,000"),
        (["--clips", "-1"], "must be from 1 to 1,000,000"),
        (["--clips", "1" + "0" * 30], "must be from 1 to 1,000,000"),
        (["--first", "-1"], "--first is -1"),
        (["--size", "7"], "--size is 7; it must be from 32"),
        (["--size", "100000"], "size is 100000"),
        (["--seconds", "nan"], "seconds is nan"),
        (["--seconds", "inf"], "seconds is inf"),
        (["--seconds", "-2"], "seconds is -2.0"),
        (["--seconds", "0.01"], "seconds is 0.01"),
    ],
)
def test_arguments_are_checked_before_anything_is_loaded_or_made(tmp_path, capsys, arguments, said):
    missing = ["--vae", str(tmp_path / "missing.safetensors")]  # would be the first thing that is loaded
    assert cli.main(["toyworld", str(tmp_path / "data"), *missing, *arguments]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("seed", "seconds", "size"),
    [(1.5, 1.0, 64), (True, 1.0, 64), (0, "1", 64), (0, True, 64), (0, 1.0, 64.0)],
)
def test_so_are_those_of_python(seed, seconds, size):
    with pytest.raises(KeyFaceError, match="must be a"):
        make_clip(seed, seconds, size=size)
