"""Several faces in one picture: each moves to its own recording, and all are heard."""

import av
import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import recorded, tiny_folder, tiny_keyface, voice

from keyface_lib import Person
from keyface_lib.cli import main
from keyface_lib.errors import KeyFaceError
from keyface_lib.media.sound_mix import SoundMix

LEFT, RIGHT = (10, 20, 60, 60), (110, 30, 50, 50)
QUICK = {"steps": 1, "batch": 4}


def group_picture() -> torch.Tensor:
    return torch.rand(3, 100, 180, generator=torch.Generator().manual_seed(4)) * 2 - 1


def region(frame: torch.Tensor, box: tuple[int, int, int, int]) -> torch.Tensor:
    x, y, width, height = box
    return frame[y : y + height, x : x + width].float()


def test_everybody_moves_to_their_own_recording_and_nothing_else_does():
    keyface, picture = tiny_keyface(), group_picture()
    people = [Person(LEFT, voice(1, seed=1), "happy"), Person(RIGHT, voice(0.6, seed=2), "sad")]
    frames = torch.cat(list(keyface.animate_people(picture, people, **QUICK)))
    assert frames.shape == (25, 100, 180, 3)
    others = [people[0], Person(RIGHT, voice(0.6, seed=3), "sad")]
    changed = torch.cat(list(keyface.animate_people(picture, others, **QUICK)))
    assert all(torch.equal(region(a, LEFT), region(b, LEFT)) for a, b in zip(frames, changed, strict=True))
    assert not torch.equal(region(frames[3], RIGHT), region(changed[3], RIGHT))
    still = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0)
    outside = torch.ones(100, 180, dtype=torch.bool)
    for x, y, width, height in (LEFT, RIGHT):
        outside[y : y + height, x : x + width] = False
    assert all(torch.equal(frame[outside], still[outside]) for frame in frames)


def test_alone_each_would_move_as_in_the_group():
    keyface, picture = tiny_keyface(), group_picture()
    people = [Person(LEFT, voice(1, seed=1)), Person(RIGHT, voice(1, seed=2))]
    together = torch.cat(list(keyface.animate_people(picture, people, seed=5, **QUICK)))
    for number, person in enumerate(people):
        clip = keyface.animate(
            picture, person.audio, face=person.face, full_frame=True, seed=5 + number, **QUICK
        )
        alone = torch.cat(list(clip))
        assert torch.equal(region(together[7], person.face), region(alone[7], person.face))


def test_where_squares_overlap_each_pixel_belongs_to_the_nearer_face():
    keyface, picture = tiny_keyface(), group_picture()
    left, right = (10, 20, 80, 80), (60, 20, 80, 80)  # they share 30 columns
    people = [Person(left, voice(0.2, seed=1)), Person(right, voice(0.2, seed=2))]
    made = [
        torch.cat(list(keyface.animate_people(picture, order, seed=3, **QUICK)))[0].int()
        for order in (people, [people[0], Person(right, voice(0.2, seed=9))])
    ]
    moved = (made[0] - made[1]).abs().sum((0, 2))
    assert moved[62:66].sum() <= 0.1 * moved[84:88].sum()


def test_progress_counts_everybody_s_calls():
    told = []
    people = [Person(LEFT, voice(1)), Person(RIGHT, voice(2))]
    group = tiny_keyface().animate_people(
        group_picture(), people, progress=lambda done, total: told.append((done, total)), **QUICK
    )
    list(group)
    assert told[-1] == (group.calls, group.calls)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_two_people_need_two_faces():
    twice = [Person(LEFT, voice(1)), Person((12, 22, 60, 60), voice(1))]
    with pytest.raises(KeyFaceError, match="the same face"):
        tiny_keyface().animate_people(group_picture(), twice)
    for people in ([], [Person(LEFT, voice(1))], [LEFT, RIGHT]):
        with pytest.raises(KeyFaceError, match="give two or more of Person"):
            tiny_keyface().animate_people(group_picture(), people)


def test_sounds_are_added_where_their_recordings_have_them():
    left = torch.zeros(2, 800)
    left[0] = 0.25
    mixed = SoundMix([(left, 8000), (torch.full((400,), 0.5), 8000)]).open()
    assert (mixed.rate, mixed.layout) == (8000, "stereo")
    heard = mixed.read(800)
    np.testing.assert_allclose(heard[:, 100], [0.75, 0.5], atol=1e-6)
    np.testing.assert_allclose(heard[:, 600], [0.25, 0.0], atol=1e-6)


def test_sounds_kept_apart_stand_from_left_to_right():
    ones = [(torch.full((100,), 0.5), 8000)] * 3
    heard = SoundMix(ones[:2], apart=True).open().read(100)
    np.testing.assert_allclose(heard[:, 50], [0.5, 0.5], atol=1e-6)
    first = SoundMix([ones[0], (torch.zeros(100), 8000)], apart=True).open().read(100)
    np.testing.assert_allclose(first[:, 50], [0.5, 0.0], atol=1e-6)
    middle = SoundMix([(torch.zeros(100), 8000), ones[0], (torch.zeros(100), 8000)], apart=True).open()
    np.testing.assert_allclose(middle.read(100)[:, 50], [0.5**1.5] * 2, atol=1e-6)


def test_sounds_of_other_rates_meet_at_the_highest_and_nothing_leaves_full_scale():
    mixed = SoundMix([(torch.full((8000,), 0.9), 8000), (torch.full((48_000,), 0.9), 48_000)]).open()
    assert (mixed.rate, mixed.layout) == (48_000, "mono")
    heard = mixed.read(48_000)
    assert heard.shape == (1, 48_000)
    assert np.abs(heard[0, 5000:40_000] - 1).max() < 1e-6


def test_the_command_animates_two_people(tmp_path, capsys):
    Image.new("RGB", (180, 100), "teal").save(tmp_path / "two.png")
    anna, ben = (str(recorded(tmp_path / name, length)) for name, length in (("a.wav", 1.0), ("b.wav", 0.5)))
    output = tmp_path / "both.mp4"
    command = ["animate", str(tmp_path / "two.png"), "--model", str(tiny_folder()), "--steps", "1", "--apart"]
    faces = ["--face", "10,20,60,60", anna, "happy", "--face", "110,30,50,50", ben]
    assert main([*command, *faces, "-o", str(output)]) == 0
    said = capsys.readouterr().err
    assert "around 40,50" in said
    assert "around 135,55" in said
    with av.open(str(output)) as made:
        assert made.streams.video[0].frames == 25
        assert made.streams.audio[0].layout.name == "stereo"
    assert main([*command, *faces, "--emotion", "sad", "-o", str(output)]) == 1
    assert "--emotion is for a single face" in capsys.readouterr().err
    assert main([*command, "-o", str(output)]) == 1
    assert "no recording is given" in capsys.readouterr().err
    for words in (["1,2,3,4"], ["1,2,3,4", "a", "b", "c"], ["1,2,3", anna], ["left", anna]):
        with pytest.raises(SystemExit):
            main([*command, "--face", *words, "-o", str(output)])
        assert "--face" in capsys.readouterr().err
