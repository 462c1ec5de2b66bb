"""Videos are written while frames come in, end on the same frame as their sound, and survive every stop."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import Colorspace
from PIL import Image

from keyface_lib.errors import KeyFaceError
from keyface_lib.media import movie
from keyface_lib.media.sound import Sound
from keyface_lib.media.video import VideoWriter, check_output

FORMATS = [("a.mp4", False), ("a.mov", False), ("a.mkv", False), ("a.mkv", True), ("folder", False)]
each_format = pytest.mark.parametrize(("name", "lossless"), FORMATS, ids=lambda value: str(value))


def moving(n: int, height: int = 48, width: int = 64) -> torch.Tensor:
    """(n, height, width, 3) uint8: a smooth pattern that moves."""
    x = torch.arange(width)[None, None, :, None]
    y = torch.arange(height)[None, :, None, None]
    t = torch.arange(n)[:, None, None, None]
    phase = torch.tensor([0.0, 2.0, 4.0])
    return (torch.sin((x + t) / 9 + y / 7 + phase) * 100 + 128).to(torch.uint8)


def tone(seconds: float, rate: int = 16_000, hertz: float = 440) -> torch.Tensor:
    """(samples,) on the grid of 16 bits."""
    wave = torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * rate)) / rate) * 0.5
    return (wave * 32768).round() / 32768


@dataclass
class Probe:
    """What a player finds: frames (n, h, w, 3), sound (channels, samples), lengths in seconds."""

    frames: np.ndarray
    rate: float
    sound: np.ndarray | None
    sample_rate: int | None
    seconds: float
    sound_seconds: float | None


def probe(path: Path) -> Probe:
    if path.is_dir():
        frames = [np.array(Image.open(picture)) for picture in sorted(path.glob("*.png"))]
        sound, sample_rate, seconds = heard(path / "sound.wav")
        return Probe(np.stack(frames), 25, sound, sample_rate, len(frames) / 25, seconds)
    frames = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        rate, base = float(video.average_rate), video.time_base
        for frame in container.decode(video):
            assert frame.pts * base == pytest.approx(len(frames) / 25, abs=1e-3)
            if not frame.format.is_rgb:  # not every PyAV follows the tags of the file by itself
                matrix = {"src_colorspace": Colorspace.ITU709, "dst_colorspace": Colorspace.ITU601}
                frame = frame.reformat(format="rgb24", **matrix)
            frames.append(frame.to_ndarray(format="rgb24"))
        silent = not container.streams.audio
    sound = (None, None, None) if silent else heard(path)
    return Probe(np.stack(frames), rate, sound[0], sound[1], len(frames) / 25, sound[2])


def heard(path: Path) -> tuple[np.ndarray, int, float]:
    """Decoded sound from time 0 on, its rate, and how long the file says that it is."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.sample_rate
        seconds = float(stream.duration * stream.time_base) if stream.duration else None
        to_float = av.AudioResampler(format="fltp")
        blocks = [
            block.to_ndarray() for frame in container.decode(stream) for block in to_float.resample(frame)
        ]
    sound = np.concatenate(blocks, axis=1)
    return sound, rate, sound.shape[1] / rate if seconds is None else seconds


@each_format
@pytest.mark.parametrize("n", [1, 2, 25, 26, 61])
@pytest.mark.parametrize("seconds", [0.01, 3])
def test_video_and_sound_end_on_the_same_frame(tmp_path, name, lossless, n, seconds):
    with VideoWriter(tmp_path / name, 48, 64, tone(seconds), lossless=lossless) as writer:
        for frames in moving(n).split(7):
            writer.write(frames)
    result = probe(tmp_path / name)
    assert (len(result.frames), result.rate) == (n, 25)
    assert result.sound_seconds == pytest.approx(n / 25, abs=1e-9)


@pytest.mark.parametrize("name", ["a.mkv", "folder"])
def test_lossless_frames_and_sound_come_back_exactly(tmp_path, name):
    frames = torch.randint(
        0, 256, (9, 33, 47, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    sound = torch.stack([tone(0.2, 44_100, 440), tone(0.2, 44_100, 660)])
    with VideoWriter(tmp_path / name, 33, 47, sound, 44_100, lossless=True) as writer:
        writer.write(frames)
    result = probe(tmp_path / name)
    assert np.array_equal(result.frames, frames.numpy())
    assert result.sample_rate == 44_100
    assert np.array_equal(result.sound[:, : sound.shape[1]], sound.numpy())
    assert result.sound.shape[1] == 9 * 1764
    assert not result.sound[:, sound.shape[1] :].any()


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_compressed_frames_come_back_in_order_and_close(tmp_path, name):
    frames = moving(60)
    with VideoWriter(tmp_path / name, 48, 64) as writer:
        writer.write(frames)
    result = probe(tmp_path / name)
    assert result.sound is None
    distance = np.abs(result.frames[:, None].astype(float) - frames.numpy()[None, ::10]).mean((2, 3, 4))
    assert distance.argmin(axis=0).tolist() == [0, 10, 20, 30, 40, 50]
    assert distance.min(axis=0).max() < 6


def test_colours_are_those_of_bt709_and_say_so(tmp_path):
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).expand(3, 32, 32, 3)
    with VideoWriter(tmp_path / "a.mp4", 32, 32) as writer:
        writer.write(red)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        codec = container.streams.video[0].codec_context
        tags = (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range)
    planes = [bytes(plane)[0] for plane in frame.planes]
    assert planes == pytest.approx([63, 102, 240], abs=2)
    assert tags == (1, 1, 1, 1)


@pytest.mark.parametrize(("height", "width"), [(33, 48), (32, 47), (1, 1), (63, 31)])
def test_odd_sides_grow_by_a_copy_of_the_last_row_or_column(tmp_path, height, width):
    frames = moving(3, height, width)
    with VideoWriter(tmp_path / "a.mp4", height, width, crf=4) as writer:
        writer.write(frames)
    result = probe(tmp_path / "a.mp4").frames
    assert result.shape == (3, height + height % 2, width + width % 2, 3)
    assert np.abs(result[:, :height, :width].astype(float) - frames.numpy()).mean() < 8


def test_sound_lies_at_the_time_of_its_frame(tmp_path):
    click = torch.zeros(3 * 16_000)
    click[round(1.2 * 16_000)] = 1
    for name in ("a.mp4", "a.mov", "a.mkv"):
        with VideoWriter(tmp_path / name, 48, 64, click) as writer:
            writer.write(moving(75))
        sound, rate, _ = heard(tmp_path / name)
        assert np.abs(sound[0]).argmax() / rate == pytest.approx(1.2, abs=0.001)


def test_the_recording_itself_is_heard_at_its_rate_and_in_stereo(tmp_path):
    stereo = torch.stack([tone(2, 48_000, 440), torch.zeros(96_000)])
    with VideoWriter(tmp_path / "source.mkv", 48, 64, stereo, 48_000, lossless=True) as writer:
        writer.write(moving(50))
    with VideoWriter(tmp_path / "a.mkv", 48, 64, tmp_path / "source.mkv") as writer:
        writer.write(moving(40))
    result = probe(tmp_path / "a.mkv")
    assert result.sample_rate == 48_000
    assert np.array_equal(result.sound, stereo[:, : 40 * 1920].numpy())


@pytest.mark.parametrize(
    ("channels", "rate", "expected"),
    [(1, 8_000, (1, 8_000)), (2, 192_000, (2, 96_000)), (8, 44_100, (2, 44_100)), (1, 4_000, (1, 7_350))],
)
def test_sound_that_aac_cannot_hold_is_resampled_and_mixed(tmp_path, channels, rate, expected):
    sound = tone(1, rate).expand(channels, -1)
    with VideoWriter(tmp_path / "a.mp4", 48, 64, sound, rate) as writer:
        writer.write(moving(25))
    result = probe(tmp_path / "a.mp4")
    assert (len(result.sound), result.sample_rate) == expected
    assert result.sound_seconds == pytest.approx(1, abs=1e-9)
    middle = result.sound[0, result.sample_rate // 4 : result.sample_rate // 2]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_resampled_sound_keeps_its_end():
    sound = Sound(tone(1, 192_000), 192_000, rates=[96_000, 44_100])
    samples = sound.read(96_100)[0]
    assert np.abs(samples[95_950:96_000] - tone(1, 96_000)[-50:].numpy()).max() < 0.02
    assert not samples[96_010:].any()


def test_surround_recordings_are_mixed_down(tmp_path):
    with av.open(str(tmp_path / "surround.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=44_100, layout="7.1")
        samples = (tone(1, 44_100) * 6_000).to(torch.int16).repeat_interleave(8)[None].numpy()
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="7.1")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoWriter(tmp_path / "a.mp4", 48, 64, tmp_path / "surround.wav") as writer:
        writer.write(moving(25))
    result = probe(tmp_path / "a.mp4")
    assert len(result.sound) == 2
    assert np.abs(result.sound).max() > 0.05


@each_format
@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_a_stop_leaves_a_video_of_what_is_done(tmp_path, name, lossless, stop):
    def interrupted():
        with VideoWriter(tmp_path / name, 48, 64, tone(9), lossless=lossless) as writer:
            writer.write(moving(31))
            raise stop

    with pytest.raises(stop):
        interrupted()
    result = probe(tmp_path / name)
    assert len(result.frames) == 31
    assert result.sound_seconds == pytest.approx(31 / 25, abs=1e-9)


@each_format
def test_a_stop_before_the_first_frame_leaves_no_file(tmp_path, name, lossless):
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / name, 48, 64, tone(1), lossless=lossless):
        raise RuntimeError
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_program_leaves_videos_that_play_nearly_to_the_end(tmp_path):
    script = f"""
import os, signal, sys
sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parent)]!r}
from test_video import FORMATS, VideoWriter, moving, tone
writers = [VideoWriter(name if not lossless else "lossless.mkv", 48, 64, tone(9), lossless=lossless)
           for name, lossless in FORMATS]
for writer in writers:
    writer.write(moving(150))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for name in ("a.mp4", "a.mov", "a.mkv", "lossless.mkv", "folder"):
        result = probe(tmp_path / name)
        assert len(result.frames) >= 75
        assert result.sound.shape[1] / result.sample_rate >= len(result.frames) / 25 - 0.2


def test_the_file_grows_while_frames_come_in(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 48, 64, tone(20)) as writer:
        sizes = []
        for frames in moving(400).split(100):
            writer.write(frames)
            sizes.append(path.stat().st_size)
        assert all(later > earlier for earlier, later in itertools.pairwise(sizes))
        assert movie.playable_frames(path) >= 300
        assert heard(path)[0].shape[1] > 11 * 16_000


def boxes(path: Path) -> list[str]:
    """The top-level boxes of an MP4 file."""
    data, found, at = path.read_bytes(), [], 0
    while at < len(data):
        found.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    return found


def test_a_finished_mp4_is_an_ordinary_one_with_its_index_in_front(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 48, 64, tone(4)) as writer:
        writer.write(moving(100))
    found = boxes(tmp_path / "a.mp4")
    assert "moof" not in found
    assert found.index("moov") < found.index("mdat")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_without_room_to_rewrite_it_an_mp4_stays_in_fragments_and_whole(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(movie.os, "replace", full)
    with (
        pytest.warns(UserWarning, match=r"a\.mp4: plays, but stays in fragments"),
        VideoWriter(tmp_path / "a.mp4", 48, 64, tone(4)) as writer,
    ):
        writer.write(moving(100))
    assert "moof" in boxes(tmp_path / "a.mp4")
    assert len(probe(tmp_path / "a.mp4").frames) == 100
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@contextlib.contextmanager
def file_size_limit(size: int):
    """Files may not grow beyond `size` bytes, as on a disk that is full then."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@each_format
@pytest.mark.parametrize("part", [0.05, 0.5, 0.97])
def test_a_full_disk_is_told_with_what_can_be_played(tmp_path, name, lossless, part):
    noise = torch.randint(0, 256, (100, 48, 64, 3), dtype=torch.uint8)
    path, rehearsal = tmp_path / name, tmp_path / "rehearsal" / name
    rehearsal.parent.mkdir()
    with VideoWriter(rehearsal, 48, 64, tone(4), lossless=lossless) as writer:
        writer.write(noise)
    largest = rehearsal / "sound.wav" if rehearsal.is_dir() else rehearsal

    def write_all():
        with VideoWriter(path, 48, 64, tone(4), lossless=lossless, n_frames=100) as writer:
            for frames in noise.split(10):
                writer.write(frames)

    with pytest.raises(KeyFaceError) as told, file_size_limit(int(part * largest.stat().st_size)):
        write_all()
    frames = len(list(path.glob("*.png"))) if path.is_dir() else whole_frames(path)
    assert f"{frames} of 100 frames ({frames / 25:.2f} s) are on disk and can be played" in str(told.value)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)
    assert frames >= 100 * part - 12 or name == "folder"


def whole_frames(path: Path) -> int:
    """Frames that a decoder gets out of a file that ends too early."""
    frames = 0
    with av.open(str(path)) as container, contextlib.suppress(av.FFmpegError):
        for packet in container.demux(video=0):
            if not packet.is_corrupt:
                frames += len(packet.decode())
    return frames


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "link to a device"])
def test_what_is_no_file_is_refused_at_once_and_stays(tmp_path, name, kind):
    path = tmp_path / name
    with socket.socket(socket.AF_UNIX) as listening:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            listening.bind(str(path))
        else:
            path.symlink_to("/dev/zero" if kind == "device" else "/dev/full")
        for refuses in (check_output, lambda path: VideoWriter(path, 48, 64)):
            with pytest.raises(KeyFaceError, match=f"{name}: is a {kind.split()[-1]}; give"):
                refuses(path)
        assert path.exists()


@pytest.mark.parametrize("name", ["a.mp4", "folder"])
def test_a_dangling_link_names_the_folder_that_is_missing(tmp_path, name):
    (tmp_path / name).symlink_to(tmp_path / "gone" / name)
    with pytest.raises(KeyFaceError, match=r"the folder .*gone, where the link leads, does not exist"):
        check_output(tmp_path / name)


def test_through_a_link_the_file_it_leads_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "a.mp4").symlink_to(tmp_path / "there" / "b.mp4")
    for _ in range(2):
        check_output(tmp_path / "a.mp4")
        with VideoWriter(tmp_path / "a.mp4", 48, 64) as writer:
            writer.write(moving(3))
        assert (tmp_path / "a.mp4").is_symlink()
        assert len(probe(tmp_path / "there" / "b.mp4").frames) == 3
    assert os.listdir(tmp_path / "there") == ["b.mp4"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_an_old_video_stays_until_the_new_one_can_be_played(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    path.chmod(0o640)
    writer = VideoWriter(path, 48, 64, tone(9))
    assert path.read_bytes() == b"old"
    writer.write(moving(3))
    assert path.read_bytes() == b"old"
    writer.write(moving(200))
    assert movie.playable_frames(path) >= 25
    writer.close()
    assert len(probe(path).frames) == 203
    assert os.listdir(tmp_path) == [name]


def test_an_old_video_stays_where_the_new_one_stops_before_its_first_frame(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "a.mp4", 48, 64, tone(1)):
        raise RuntimeError
    assert (tmp_path / "a.mp4").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_killed_run_leaves_the_old_video_and_does_not_stand_in_the_way_of_the_next(tmp_path, name):
    (tmp_path / name).write_bytes(b"old")
    script = f"""
import os, signal, sys
sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parent)]!r}
from test_video import VideoWriter, moving
writer = VideoWriter({name!r}, 48, 64)
writer.write(moving(2))
print("writing", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"writing\n"
    for refuses in (check_output, lambda path: VideoWriter(path, 48, 64)):
        with pytest.raises(KeyFaceError, match=rf"{name}: is being written by another run .*{process.pid}"):
            refuses(tmp_path / name)
    process.kill()
    process.communicate()
    assert (tmp_path / name).read_bytes() == b"old"
    with VideoWriter(tmp_path / name, 48, 64) as writer:
        writer.write(moving(30))
    assert len(probe(tmp_path / name).frames) == 30
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "folder"])
def test_two_writers_of_one_place_are_one_too_many(tmp_path, name):
    with VideoWriter(tmp_path / name, 48, 64) as writer:
        with pytest.raises(KeyFaceError, match="is being written by another run"):
            VideoWriter(tmp_path / name, 48, 64)
        writer.write(moving(3))
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("nowhere/a.mp4", "the folder .*nowhere does not exist; create it"),
        ("nowhere/folder", "the folder .*nowhere does not exist; create it"),
        ("a.avi", "a video ends in .mp4, .mov, .mkv"),
        ("folder.mp4", "is a folder"),
        ("file", "is a file"),
        ("file/a.mp4", "Not a directory"),
        ("used", "not empty"),
        ("x" * 300 + ".mp4", "File name too long"),
    ],
)
def test_a_place_that_cannot_take_a_video_is_refused_before_anything_is_made(tmp_path, name, rule):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "000000.png").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KeyFaceError, match=rule) as refused:
        check_output(tmp_path / name)
    assert "\n" not in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize("name", ["a.mp4", "folder"])
def test_a_folder_without_rights_is_refused(name):
    with pytest.raises(KeyFaceError, match="cannot be written to"):
        check_output(f"/sys/kernel/{name}")


def test_a_good_place_is_left_as_it_was(tmp_path):
    (tmp_path / "old.mp4").write_bytes(b"old")
    (tmp_path / "empty").mkdir()
    for name in ("old.mp4", "new.MP4", "new.mkv", "new.mov", "empty", "new"):
        assert check_output(tmp_path / name) == tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "old.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == b"old"
    assert check_output(os.path.join(tmp_path, "new.mp4")) == tmp_path / "new.mp4"


def test_only_mkv_and_folders_are_lossless(tmp_path):
    with pytest.raises(KeyFaceError, match=r"\.mp4 is not lossless; choose \.mkv"):
        VideoWriter(tmp_path / "a.mp4", 48, 64, lossless=True)


def test_the_recording_is_never_overwritten(tmp_path):
    with VideoWriter(tmp_path / "talk.mp4", 48, 64, tone(1)) as writer:
        writer.write(moving(25))
    recording = (tmp_path / "talk.mp4").read_bytes()
    shutil.copy(tmp_path / "talk.mp4", tmp_path / "other.mp4")
    with pytest.raises(KeyFaceError, match="is the audio file as well"):
        VideoWriter(tmp_path / "talk.mp4", 48, 64, str(tmp_path / "talk.mp4"))
    assert (tmp_path / "talk.mp4").read_bytes() == recording


def test_audio_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    with VideoWriter(tmp_path / "silent.mp4", 48, 64) as writer:
        writer.write(moving(2))
    for name, rule in (
        ("text.wav", "cannot be read"),
        ("gone.wav", "no such recording"),
        ("silent.mp4", "no sound"),
    ):
        with pytest.raises(KeyFaceError, match=f"{name}: .*{rule}"):
            VideoWriter(tmp_path / "a.mp4", 48, 64, tmp_path / name)


def test_frames_of_another_shape_are_refused(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 48, 64) as writer, pytest.raises(ValueError, match="uint8"):
        writer.write(torch.zeros(1, 48, 63, 3, dtype=torch.uint8))
