"""Shards of clips, and the examples that are made of them."""

import io
import tarfile

import numpy as np
import pytest
import torch
from training_runs import clip_arrays, write_clips

from keyface_lib.data.shard_writer import ShardWriter
from keyface_lib.data.shards import BrokenClipError, index_clips
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.denoiser import LATENT_SCALE
from keyface_lib.train.config import Dropping, Noise
from keyface_lib.train.examples import (
    SKIPPED,
    Examples,
    Positions,
    SequenceExamples,
    collate,
    consecutive_frames,
    keyframe_frames,
    load,
    picture_example,
)
from keyface_lib.train.noise import generator

HEARS = ("voice", "noises")


def examples(shards, stage="keyframes", seed=0, **options):
    return Examples(index_clips([shards]), SequenceExamples(stage, HEARS, **options), seed)


def same(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) if name != SKIPPED else one[name] == other[name] for name in one
    )


def test_clips_come_back_from_the_shards_as_they_were_written(tmp_path):
    index = index_clips([write_clips(tmp_path, clips=6)])
    assert len(index.shards) > 1
    assert len(index) == 6
    for number in range(6):
        clip = index.read(number)
        assert clip.key == f"clip{number}"
        assert clip.facts["voice_seed"] == number
        assert clip.facts["fps"] == 25
        for name, array in clip_arrays(40 + number, seed=number).items():
            np.testing.assert_array_equal(clip.array(name), array)
            assert isinstance(clip.array(name), np.memmap)


def test_webdataset_reads_the_shards(tmp_path):
    wds = pytest.importorskip("webdataset")
    write_clips(tmp_path, clips=3)
    urls = [str(path) for path in sorted(tmp_path.glob("*.tar"))]
    samples = list(wds.WebDataset(urls, shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == ["clip0", "clip1", "clip2"]
    np.testing.assert_array_equal(samples[1]["latents.npy"], clip_arrays(41, seed=1)["latents"])


def test_a_writer_overwrites_nothing_and_refuses_clips_that_do_not_fit_together(tmp_path):
    write_clips(tmp_path, clips=1)
    with pytest.raises(KeyFaceError, match=r"has shards called clips-\*\.tar"):
        ShardWriter(tmp_path)
    with ShardWriter(tmp_path, name="more") as writer, pytest.raises(KeyFaceError, match=r"'short'.*20 rows"):
        writer.write("short", clip_arrays(30, 0) | {"latents": clip_arrays(20, 0)["latents"]}, image_size=64)
    assert not list(tmp_path.glob("more*"))


def test_keyframes_lie_13_frames_apart_anywhere_in_the_clip():
    starts = set()
    for place in range(400):
        frames = keyframe_frames(180, generator(0, place))
        assert (np.diff(frames) == 13).all()
        assert frames[-1] < 180
        starts.add(int(frames[0]))
    assert starts == set(range(11))


def test_a_short_clip_repeats_its_last_frame_as_the_last_window_of_a_clip_does():
    assert keyframe_frames(40, generator(0, 0)).tolist() == [0, 13, 26] + [39] * 11


def test_an_anchor_is_any_frame_and_the_other_slots_stay_13_apart():
    anchors = set()
    for place in range(400):
        frames = keyframe_frames(180, generator(0, place), anchor=True)
        assert (np.diff(frames[1:]) == 13).all()
        anchors.add(int(frames[0]))
    assert len(anchors) > 150


def test_interpolation_sees_14_consecutive_frames_anywhere_in_the_clip():
    starts = set()
    for place in range(400):
        frames = consecutive_frames(20, generator(0, place))
        assert (np.diff(frames) == 1).all()
        starts.add(int(frames[0]))
    assert starts == set(range(7))
    with pytest.raises(BrokenClipError, match="13 frames"):
        consecutive_frames(13, generator(0, 0))


@pytest.mark.parametrize("frames_of", [keyframe_frames, consecutive_frames])
def test_a_sequence_cut_short_begins_anywhere_and_repeats_the_last_frame(frames_of):
    made = [frames_of(180, generator(0, place), cut=True) for place in range(2_000)]
    assert {int(frames[0]) for frames in made} == set(range(180))
    steps = {int(step) for frames in made for step in np.diff(frames) if frames[-1] < 179}
    assert len(steps) == 1
    ending = next(frames for frames in made if frames[0] == 178)
    assert ending[1:].tolist() == [179] * 13


def test_sequences_are_cut_short_as_often_as_asked(tmp_path):
    shards = write_clips(tmp_path, clips=1, n_frames=200)
    often = examples(shards, cut_short=0.5)
    late = [len(often[place]["audio"][:, 0, 0].unique()) < 14 for place in range(400)]
    # The first frame of a cut one lies in the last 169 of 200 frames that leave fewer than 14 steps of 13.
    assert sum(late) / 400 == pytest.approx(0.5 * 169 / 200, abs=0.08)
    never = examples(shards)
    assert all(len(never[place]["audio"][:, 0, 0].unique()) == 14 for place in range(50))


def test_an_example_takes_everything_from_the_same_frames(tmp_path):
    data = examples(write_clips(tmp_path, clips=1, n_frames=200))
    clip = data.clips.read(0)
    example = data[3]
    frames = example["audio"][:, 0, 0].long().numpy()  # the voice's features are frame numbers
    assert (np.diff(frames) == 13).all()
    np.testing.assert_array_equal(example["latents"], clip.array("latents")[frames].astype(np.float32))
    np.testing.assert_array_equal(example["valence"], clip.array("emotion")[frames, 0])
    np.testing.assert_array_equal(example["arousal"], clip.array("emotion")[frames, 1])
    np.testing.assert_array_equal(example["audio"][..., 6:], clip.array("noises")[frames].astype(np.float32))


def test_the_identity_is_any_frame_of_the_clip(tmp_path):
    data = examples(write_clips(tmp_path, clips=1, n_frames=30))
    latents = torch.from_numpy(np.array(data.clips.read(0).array("latents"), np.float32))
    seen = {int((latents == data[p]["identity"]).flatten(1).all(1).nonzero()) for p in range(150)}
    assert len(seen) > 25


def test_the_interpolation_is_given_its_first_and_last_frame(tmp_path):
    example = examples(write_clips(tmp_path, clips=1), "interpolation")[0]
    assert torch.equal(example["ends"], example["latents"][[0, -1]])
    assert "identity" not in example


def test_the_end_frames_get_noise_of_a_random_level_if_asked(tmp_path):
    shards = write_clips(tmp_path, clips=1)
    noisy = examples(shards, "interpolation", noise=Noise(ends=0.2))
    levels = []
    for place in range(300):
        example = noisy[place]
        added = (example["ends"] - example["latents"][[0, -1]]) * LATENT_SCALE
        levels.append(float(added.square().mean().sqrt()))
    assert max(levels) == pytest.approx(0.2, rel=0.3)
    assert sum(levels) / 300 == pytest.approx(0.1, rel=0.15)
    assert same(
        examples(shards, "interpolation")[7], examples(shards, "interpolation", noise=Noise(ends=0.0))[7]
    )


def test_an_example_depends_on_seed_and_position_alone(tmp_path):
    shards = write_clips(tmp_path, clips=3)
    data = examples(shards)
    late = data[40]
    assert same(late, examples(shards)[40])
    assert not same(late, examples(shards, seed=1)[40])
    assert not same(late, data[41])


def test_every_epoch_shows_every_clip_once_in_another_order(tmp_path):
    data = examples(write_clips(tmp_path, clips=6))
    orders = [[int(i) for i in data._order_of(epoch)] for epoch in range(4)]
    assert all(sorted(order) == list(range(6)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_conditions_are_dropped_as_often_as_asked_and_noise_is_log_normal(tmp_path):
    data = examples(write_clips(tmp_path, clips=1), dropping=Dropping(identity=0.1, audio=0.2))
    made = [data[position] for position in range(1500)]
    rates = {name: 1 - np.mean([e[f"keep_{name}"] for e in made]) for name in ("identity", "audio")}
    assert rates["identity"] == pytest.approx(0.1, abs=0.03)
    assert rates["audio"] == pytest.approx(0.2, abs=0.04)
    levels = torch.stack([e["sigma"] for e in made]).log()
    assert levels.mean() == pytest.approx(1.0, abs=0.1)
    assert levels.std() == pytest.approx(1.2, abs=0.1)


def test_any_sharing_out_of_a_batch_covers_the_same_positions_in_each_update():
    def update(number, pieces, processes):
        sharers = [iter(Positions(2, 12, pieces, rank, processes)) for rank in range(processes)]
        calls = [[next(sharer) for _ in range(pieces * (number + 1))][-pieces:] for sharer in sharers]
        return sorted(position for sharer in calls for call in sharer for position in call)

    for number in range(3):
        expected = list(range(12 * (2 + number), 12 * (3 + number)))
        for pieces, processes in ((1, 1), (3, 1), (1, 2), (2, 3), (6, 2)):
            assert update(number, pieces, processes) == expected
    with pytest.raises(KeyFaceError, match=r"multiple of optimizer\.accumulation"):
        Positions(0, 12, 5)


def test_worker_processes_change_nothing(tmp_path):
    data = examples(write_clips(tmp_path, clips=3))
    batches = iter(load(data, Positions(1, 4, 2), workers=2, pinned=False))
    for first in (4, 6, 8):
        assert same(next(batches), collate([data[first], data[first + 1]]))


def test_pixels_are_those_of_the_chosen_slots(tmp_path):
    data = examples(write_clips(tmp_path, clips=1, frames=True), pixel_frames=2)
    example = data[0]
    frames = example["audio"][example["pixel_slots"], 0, 0].long().numpy()
    stored = data.clips.read(0).array("frames")[frames]
    expected = torch.from_numpy(stored.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    torch.testing.assert_close(example["pixels"], expected)


def test_a_picture_is_a_frame_in_minus_one_to_one(tmp_path):
    clip = index_clips([write_clips(tmp_path, clips=1, frames=True)]).read(0)
    (pixels,) = picture_example(clip, generator(0, 0))["pixels"]
    assert pixels.shape == (3, 64, 64)
    assert pixels.min() == -1
    assert pixels.max() <= 1


def test_two_pictures_are_neighbours(tmp_path):
    clip = index_clips([write_clips(tmp_path, clips=1, frames=True)]).read(0)
    stored = torch.from_numpy(clip.array("frames").astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    pair = picture_example(clip, generator(0, 0), pictures=2)["pixels"]
    (first,) = (i for i in range(len(stored) - 1) if torch.equal(stored[i], pair[0]))
    torch.testing.assert_close(pair, stored[first : first + 2])
    with pytest.raises(BrokenClipError, match="has 40 frames, not 41"):
        picture_example(clip, generator(0, 0), pictures=41)


def test_other_pictures_are_any_of_the_clip(tmp_path):
    clip = index_clips([write_clips(tmp_path, clips=1, frames=True)]).read(0)
    stored = torch.from_numpy(clip.array("frames").astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    found = set()
    for place in range(300):
        pixels = picture_example(clip, generator(0, place), pictures=2, others=1)["pixels"]
        assert len(pixels) == 3
        (other,) = (stored == pixels[2]).flatten(1).all(1).nonzero()
        found.add(int(other))
    assert len(found) > 35


def test_broken_clips_are_replaced_by_the_next_and_named(tmp_path):
    with ShardWriter(tmp_path) as writer:
        writer.write("good", clip_arrays(40, 0), image_size=64)
        holes = clip_arrays(40, 1)
        holes["noises"][:] = np.nan
        writer.write("not-numbers", holes, image_size=64)
        writer.write("brief", clip_arrays(10, 2), image_size=64)
        deaf = clip_arrays(40, 3)
        del deaf["noises"]
        writer.write("deaf", deaf, image_size=64)
    data = examples(f"{tmp_path}/*.tar", "interpolation")
    made = [data[position] for position in range(40)]
    named = {name for example in made for name in example[SKIPPED]}
    assert len(named) == 3
    for key, reason in (("not-numbers", "no numbers"), ("brief", "10 frames"), ("deaf", "no noises.npy")):
        assert any(f"'{key}'" in name and reason in name for name in named)
    good = torch.from_numpy(clip_arrays(40, 0)["noises"].astype(np.float32))
    assert all(torch.isin(example["audio"][..., 6:], good).all() for example in made)


def test_a_clip_of_other_sizes_than_the_first_is_passed_over(tmp_path):
    with ShardWriter(tmp_path) as writer:
        writer.write("first", clip_arrays(40, 0), image_size=64)
        other = clip_arrays(40, 1)
        other["latents"] = np.zeros((40, 4, 4, 4), np.float16)
        writer.write("other", other, image_size=64)
    rows = {"latents": (4, 8, 8)}
    data = examples(f"{tmp_path}/*.tar", rows=rows)
    made = [data[position] for position in range(8)]
    assert all(example["latents"].shape == (14, 4, 8, 8) for example in made)
    named = {name for example in made for name in example[SKIPPED]}
    assert [name for name in named if "'other' has latents of (4, 4, 4), not (4, 8, 8)" in name]


def test_a_truncated_shard_is_named_and_its_whole_clips_are_used(tmp_path):
    write_clips(tmp_path, clips=2)
    shard = min(tmp_path.glob("*.tar"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) * 3 // 4])
    index = index_clips([str(shard)])
    assert shard.name in index.damaged
    assert index.read(0).key == "clip0"
    data = Examples(index, SequenceExamples("keyframes", HEARS), 0)
    assert data[0]["latents"].shape == (14, 4, 8, 8)


def test_members_that_are_no_clips_do_not_stop_the_others(tmp_path):
    write_clips(tmp_path, clips=1)
    with tarfile.open(tmp_path / "foreign.tar", "w") as tar:
        for name, content in (("odd.json", b"{}"), ("torn.latents.npy", b"\x93NUMPY"), ("readme", b"hello")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    data = examples(f"{tmp_path}/*.tar")
    named = {name for position in range(12) for name in data[position][SKIPPED]}
    assert len(named) == 3
    assert all("foreign.tar" in name for name in named)


def test_data_without_a_usable_clip_is_an_error(tmp_path):
    with pytest.raises(KeyFaceError, match="no file matches"):
        index_clips([f"{tmp_path}/*.tar"])
    with ShardWriter(tmp_path) as writer:
        writer.write("brief", clip_arrays(5, 0), image_size=64)
    with pytest.raises(KeyFaceError, match=r"every clip is unusable.*5 frames"):
        examples(f"{tmp_path}/*.tar", "interpolation")[0]
