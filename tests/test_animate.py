"""The stream of frames: its length, its independence of batches, its memory, its interruption."""

import itertools

import pytest
import torch
from tiny_models import portrait, tiny_keyface, voice

from keyface_lib.errors import KeyFaceError
from keyface_lib.media.pictures import PictureFolder
from keyface_lib.method.noise import unit_noise

QUICK = {"steps": 1, "batch": 4}


def frames_of(clip) -> torch.Tensor:
    return torch.cat(list(clip))


@pytest.mark.parametrize("n", [1, 2, 13, 14, 15, 27, 28, 170])
def test_a_clip_has_exactly_the_frames_of_its_audio(n):
    clip = tiny_keyface().animate(portrait(), voice(n / 25), **QUICK)
    assert clip.n_frames == n
    assert frames_of(clip).shape == (n, 64, 64, 3)


def test_three_samples_of_audio_make_one_frame():
    clip = tiny_keyface().animate(portrait(1, 1), torch.tensor([0.1, -0.1, 0.2]), **QUICK)
    assert len(frames_of(clip)) == 1


def test_the_batch_size_changes_nothing_but_rounding():
    keyface = tiny_keyface()
    ways = {}
    for batch in (1, 3):
        clip = keyface.animate(portrait(), voice(7), steps=1, batch=batch, seed=5)
        ways[batch] = torch.cat(list(clip.animation.segments()))
    error = (ways[1] - ways[3]).norm() / ways[1].norm()
    assert error < 1e-4


def test_the_same_seed_gives_the_same_frames_and_another_seed_others():
    make = lambda seed: frames_of(tiny_keyface().animate(portrait(), voice(1), seed=seed, **QUICK))  # noqa: E731
    first = make(3)
    assert torch.equal(first, make(3))
    assert not torch.equal(first, make(4))


def test_emotion_and_audio_and_portrait_all_reach_the_frames():
    keyface = tiny_keyface()
    base = frames_of(keyface.animate(portrait(), voice(1), "neutral", **QUICK)).float()
    others = {
        "emotion": keyface.animate(portrait(), voice(1), "angry", **QUICK),
        "audio": keyface.animate(portrait(), voice(1, seed=9), "neutral", **QUICK),
        "portrait": keyface.animate(-portrait(), voice(1), "neutral", **QUICK),
    }
    for cause, clip in others.items():
        assert (frames_of(clip).float() - base).abs().max() > 0, cause


def test_noise_belongs_to_its_window_whatever_the_batch():
    together = unit_noise(7, "keyframes", range(4), 4, 8, 8)
    apart = torch.cat([unit_noise(7, "keyframes", range(i, i + 1), 4, 8, 8) for i in range(4)])
    assert torch.equal(together, apart)
    assert not torch.equal(together[0], unit_noise(7, "interpolation", range(1), 4, 8, 8)[0])
    assert not torch.equal(together[0], together[1])


def test_frames_leave_before_the_rest_of_the_clip_is_computed():
    done = []
    clip = tiny_keyface().animate(
        portrait(), voice(60), steps=1, batch=1, progress=lambda n, total: done.append((n, total))
    )
    first = next(iter(clip))
    assert len(first) == 13
    calls, total = done[-1]
    assert calls < total / 20


def test_an_interruption_amid_several_frames_is_counted_to_the_frame(tmp_path, monkeypatch):
    add, told = PictureFolder.add, []

    def add_five(folder, pixels):
        if folder.frames == 5:
            raise KeyboardInterrupt
        add(folder, pixels)

    monkeypatch.setattr(PictureFolder, "add", add_five)
    clip = tiny_keyface().animate(portrait(), voice(1), **QUICK)
    with pytest.raises(KeyboardInterrupt):
        clip.save(tmp_path / "frames", progress=lambda written, total: told.append((written, total)))
    assert len(list((tmp_path / "frames").glob("*.png"))) == 5
    assert told[-1] == (5, 25)


def test_progress_ends_at_the_total_that_was_announced():
    for options in ({}, {"audio_scale": 1, "identity_scale": 1}, {"interval": (0.5, 20)}, {"auto_scale": 1}):
        done = []
        clip = tiny_keyface().animate(
            portrait(),
            voice(2),
            progress=lambda n, total, done=done: done.append((n, total)),
            **(QUICK | {"steps": 4} | options),
        )
        for _ in clip:
            pass
        assert done[-1] == (clip.animation.calls, clip.animation.calls)


def test_progress_may_interrupt_and_nothing_more_is_computed():
    class Stop(Exception):  # noqa: N818
        pass

    calls = itertools.count(1)

    def stop_at_3(done, total):
        if next(calls) == 3:
            raise Stop

    with pytest.raises(Stop):
        frames_of(tiny_keyface().animate(portrait(), voice(8), progress=stop_at_3, **QUICK))
    assert next(calls) == 4


def test_a_setting_nobody_knows_is_refused_with_the_known_ones():
    with pytest.raises(KeyFaceError, match=r"'cfg'.*audio_scale"):
        tiny_keyface().animate(portrait(), voice(1), cfg=3)
