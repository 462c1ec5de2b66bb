"""A face is followed through its video and laid into the frames of it, whatever the video is like."""

import math
import struct
import warnings
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from drawn_video import GREEN, RED, as_picture, find_squares, plain, squares, write_video
from PIL import Image
from tiny_models import recorded, tiny_folder, tiny_keyface, voice

from keyface_lib.cli import main
from keyface_lib.clip import background
from keyface_lib.errors import KeyFaceError
from keyface_lib.media import film
from keyface_lib.portrait.border import patch_of
from keyface_lib.portrait.following import AT_ONCE, PATIENCE, RARELY
from keyface_lib.portrait.framing import Framing
from keyface_lib.portrait.tracking import Tracker, face_in, moved

SPEECH = Path(__file__).parents[1] / "assets" / "speech.flac"
BOX = (20, 30, 40, 40)
AROUND = Framing(40, 50, 40)


@pytest.fixture(autouse=True)
def squares_are_faces(monkeypatch):
    monkeypatch.setattr(background, "find_detector", lambda: find_squares)


def red(x: float, y: int = 40, level: float = 1.0) -> tuple[int, int, int, int, float]:
    return RED, round(x), y, 20, level


def followed(pictures, at: int = 0, framing: Framing = AROUND, times: int = 1) -> torch.Tensor:
    """Where the square around the red face of a picture lies in all of them."""
    tracker = Tracker(find_squares)
    for number, places in enumerate(pictures):
        picture = as_picture(squares(*places))
        if number * times <= at < (number + 1) * times:
            face = face_in(find_squares(picture), framing)
            assert face is not None
            tracker.known(face)
        (tracker.before if number * times < at - times + 1 else tracker.after)(picture, times)
    return moved(framing, tracker.track, at)


@pytest.mark.parametrize("at", [0, 17, 39])
def test_the_square_goes_with_the_face_to_both_sides_of_the_moment_it_is_known(at):
    """Another face, which is larger and comes near, changes nothing."""
    places = [(red(30 + 2 * i), (GREEN, 140 - i, 90, 24, 1.0)) for i in range(40)]
    lane = followed(places, at, Framing(40 + 2 * at, 50, 40))
    expected = torch.tensor([[40 + 2 * i, 50, 40, 0] for i in range(40)]).double()
    assert (lane - expected).abs().max() < 1.5  # to half a pixel is what the squares are found
    assert lane[at].tolist() == pytest.approx([40 + 2 * at, 50, 40, 0])


def test_the_square_grows_with_the_face_and_stays_around_the_same_part_of_it():
    places = [((RED, 50, 40, 20 + i, 1.0),) for i in range(30)]
    lane = followed(
        places, framing=Framing(65, 50, 40)
    )  # its middle is a quarter of the face right of the face's
    assert lane[20].tolist() == pytest.approx([70 + 10, 40 + 20, 80, 0], abs=2)


def test_a_detector_s_tremble_is_not_seen():
    random = np.random.default_rng(0).integers(-2, 3, 60)
    lane = followed([(red(60 + int(step)),) for step in random], framing=Framing(70, 50, 40))
    assert lane[:, 0].diff().abs().mean() < 0.3 * np.abs(np.diff(random)).mean()


def test_a_face_that_is_gone_for_a_moment_is_bridged_and_for_long_left_as_it_is():
    for gone, unseen in ((AT_ONCE, 0), (PATIENCE + 8, PATIENCE + 8)):
        places = [() if 20 <= i < 20 + gone else (red(30),) for i in range(60)]
        lane = followed(places)
        assert unseen <= int(lane[:, 0].isnan().sum()) < unseen + RARELY
        assert not lane[[19, 20 + gone + RARELY]].isnan().any()


def test_a_cut_is_no_way_that_a_square_goes():
    places = [(red(40 if i < 20 else 56),) for i in range(40)]
    lane = followed(places, framing=Framing(50, 50, 40))
    assert lane[:20, 0].tolist() == pytest.approx([50] * 20)
    assert lane[20:, 0].tolist() == pytest.approx([66] * 20, abs=1)


def test_the_square_stands_still_while_a_picture_does():
    lane = followed([(red(30 + 6 * i),) for i in range(10)], times=3)
    assert lane.view(10, 3, 4).diff(dim=1).abs().max() < 1e-9
    assert (lane[::3, 0] - torch.arange(10) * 6 - 40).abs().max() < 2.5


def test_only_the_circle_around_a_moving_face_is_covered():
    patch = patch_of(Framing(50, 50, 40), 100, 100)
    weight = patch.round(0.1, 0, patch.rows)
    assert weight[20, 20] == 1
    assert weight[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [0] * 4
    assert torch.equal(patch.round(0.1, 7, 5), weight[7:12])
    assert patch_of(Framing(-90, 50, 40), 100, 100).columns == 0


def talk(path: Path, seconds: float = 0.8, **options) -> torch.Tensor:
    """Whole frames (n, height, width, 3) with the face of a video moving in them."""
    options = {"face": BOX, "steps": 1, "batch": 4, "background": "moving"} | options
    return torch.cat(list(tiny_keyface().animate(path, voice(seconds), **options)))


def outside(frames: torch.Tensor, shift: float = 0.0) -> torch.Tensor:
    """Pixels of a frame (height, width, 3) that the circle around the face does not reach."""
    y, x = torch.meshgrid(
        torch.arange(frames.shape[0]) + 0.5, torch.arange(frames.shape[1]) + 0.5, indexing="ij"
    )
    return frames[torch.hypot(x - 40 - shift, y - 50) > 23]


def walking(path: Path, n: int, **options) -> list[np.ndarray]:
    """A video whose face goes to the right and whose upper left corner counts frames, and its pictures."""
    pictures = [squares(red(30 + i), (2, 0, 0, 6, i / 120)) for i in range(n)]
    write_video(path, pictures, **options)
    return pictures


def test_the_face_moves_in_the_frames_of_the_video_and_all_else_is_the_video_s(tmp_path):
    pictures = walking(tmp_path / "film.mkv", 20)
    frames = talk(tmp_path / "film.mkv")
    assert frames.shape == (20, 120, 160, 3)
    for i, (frame, picture) in enumerate(zip(frames, pictures, strict=True)):
        behind = torch.from_numpy(picture)
        assert torch.equal(outside(frame, i), outside(behind, i)), i
        assert not torch.equal(frame, behind), i


def test_the_face_of_another_moment_is_followed_from_the_beginning(tmp_path):
    pictures = walking(tmp_path / "film.mkv", 20)
    frames = talk(tmp_path / "film.mkv", at=0.4, face=(30, 30, 40, 40))
    assert torch.equal(outside(frames[0]), outside(torch.from_numpy(pictures[0])))
    assert torch.equal(outside(frames[19], 19), outside(torch.from_numpy(pictures[19]), 19))


def counted(frames: torch.Tensor) -> list[int]:
    """The number that each frame's upper left corner shows."""
    return [round(float(frame[2, 2, 2]) / 255 * 120) for frame in frames]


def test_a_video_shorter_than_the_sound_is_told_and_its_last_picture_stays(tmp_path):
    walking(tmp_path / "short.mkv", 12)
    with pytest.warns(UserWarning, match=r"lasts 0\.48 s and the sound 0\.80 s; its last picture stays"):
        frames = talk(tmp_path / "short.mkv")
    assert counted(frames) == [*range(12)] + [11] * 8


def test_a_video_longer_than_the_sound_is_cut_and_not_read_to_its_end(tmp_path):
    walking(tmp_path / "long.mkv", 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert counted(talk(tmp_path / "long.mkv")) == [*range(20)]
    path = tmp_path / "long.mkv"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert counted(talk(path, 0.4)) == [*range(10)]


def test_a_moment_after_the_end_of_the_clip_is_followed_back_to_its_beginning(tmp_path):
    walking(tmp_path / "film.mkv", 30)
    frames = talk(tmp_path / "film.mkv", 0.4, at=1.0, face=(45, 30, 40, 40))
    assert counted(frames) == [*range(10)]


@pytest.mark.parametrize("rate", [10, 30])
def test_a_video_of_another_rate_goes_by_its_time(rate, tmp_path):
    walking(tmp_path / "film.mkv", rate, rate=rate)
    assert counted(talk(tmp_path / "film.mkv")) == [i * rate // 25 for i in range(20)]


def test_a_video_of_a_variable_rate_goes_by_its_time_stamps(tmp_path):
    times = [0, 80, 120, 360, 400, 440, 480, 520, 560, 900]
    walking(tmp_path / "film.mkv", 10, milliseconds=times)
    assert counted(talk(tmp_path / "film.mkv")) == [
        max(number for number, time in enumerate(times) if time <= 40 * frame + 1) for frame in range(20)
    ]


def test_one_picture_is_a_video_that_stays(tmp_path):
    walking(tmp_path / "one.mkv", 1)
    with pytest.warns(UserWarning, match=r"lasts 0\.04 s"):
        frames = talk(tmp_path / "one.mkv")
    assert counted(frames) == [0] * 20
    assert len({frame.numpy().tobytes() for frame in frames}) > 1


def test_a_video_that_is_damaged_in_the_middle_is_told_and_goes_on(tmp_path):
    pictures = [
        np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8) for i in range(60)
    ]  # packets large enough to hit
    path = write_video(tmp_path / "film.mp4", pictures, codec="libx264")
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 9000] = b"\xff" * 9000
    path.write_bytes(data)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frames = talk(path, 2.0, face=(10, 10, 40, 40))
    assert len(frames) == 50
    assert sum("damaged packets of video were left out" in str(one.message) for one in told) == 1


def test_a_telephone_s_video_is_laid_into_upright(tmp_path):
    """See `test_film`: the matrix in the track's header turns the pictures by a quarter."""
    path = write_video(tmp_path / "film.mp4", [plain(90, 120, 160)] * 5, codec="libx264")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="no face is found"):
        assert talk(path, 0.2).shape == (5, 160, 120, 3)


def test_a_large_video_is_laid_into_as_small_as_players_expect(tmp_path, monkeypatch):
    walking(tmp_path / "film.mkv", 10)
    monkeypatch.setattr(background, "LONGEST_SIDE", 80)
    clip = tiny_keyface().animate(
        tmp_path / "film.mkv", voice(0.4), face=BOX, steps=1, background="moving", at=0.0
    )
    assert clip.background.framing == Framing(20, 25, 20)
    assert torch.cat(list(clip)).shape == (10, 60, 80, 3)


def test_the_picture_of_a_video_is_taken_from_its_path_as_from_its_time(tmp_path):
    """What is no video, or ends sooner, is told as it is of a moving background."""
    walking(tmp_path / "film.mkv", 20)
    path = tmp_path / "film.mkv"
    for at in (None, 0.4):
        given = film.picture_at(path, at or 0.0)
        pictures = [
            talk(one, 0.2, at=when, background="still", full_frame=True)
            for one, when in ((path, at), (given, None))
        ]
        assert torch.equal(*pictures)
    Image.new("RGB", (80, 80)).save(tmp_path / "still.png")
    for picture, at, said in (
        (path, 0.9, r"has ended by 0\.9 s"),
        (without_pictures(tmp_path / "sound.mp4"), None, "give a PNG, JPEG"),
        (without_pictures(tmp_path / "sound.mp4"), 0.0, "has no video stream"),
        (tmp_path / "still.png", 0.0, "does not move; leave the time out"),
    ):
        with pytest.raises(KeyFaceError, match=said):
            talk(picture, 0.2, at=at, background="still")


def test_a_moving_picture_is_a_video_too(tmp_path):
    first, *others = (Image.fromarray(squares(red(30 + i))) for i in range(5))
    first.save(tmp_path / "film.gif", save_all=True, append_images=others, duration=40)
    assert talk(tmp_path / "film.gif", 0.2, at=0).shape == (5, 120, 160, 3)


def without_pictures(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_what_cannot_be_a_moving_background_is_one_sentence(tmp_path):
    Image.new("RGB", (80, 80)).save(tmp_path / "still.png")
    walking(tmp_path / "film.mkv", 10)
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 50)
    for picture, options, said in (
        (tmp_path / "still.png", {}, "does not move; a moving background needs a video"),
        (torch.zeros(3, 80, 80), {}, "a moving background needs a video; give its path"),
        (without_pictures(tmp_path / "sound.mp4"), {}, "has no video stream"),
        (tmp_path / "broken.mp4", {}, "cannot be read as a video"),
        (tmp_path / "missing.mp4", {}, "there is no such"),
        (tmp_path / "film.mkv", {"at": 0.5}, r"has ended by 0\.5 s; give an earlier time"),
        (tmp_path / "film.mkv", {"at": math.nan}, "the time"),
        (tmp_path / "film.mkv", {"background": "blurred"}, "background is 'blurred'"),
        (torch.zeros(3, 80, 80), {"at": 1.0, "background": "still"}, "a moment of a video"),
    ):
        with pytest.raises(KeyFaceError, match=said) as error:
            talk(picture, **options)
        assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:the face is not followed")
def test_a_video_that_changes_its_size_is_told_before_anything_is_computed(tmp_path, monkeypatch):
    walking(tmp_path / "film.mkv", 10)
    shown = [(torch.zeros(3, 120, 160), 5), (torch.zeros(3, 60, 80), 5)]
    monkeypatch.setattr(background, "_pictures", lambda _: iter(shown))
    with pytest.raises(KeyFaceError, match=r"160 x 120 pixels and from 0\.20 s on 80 x 60; convert it"):
        talk(tmp_path / "film.mkv")


def test_without_a_detector_or_a_face_the_square_stays_and_that_is_told(tmp_path, monkeypatch):
    pictures = walking(tmp_path / "film.mkv", 20)
    for detector, said in ((None, "no face detector is installed"), (lambda _: [], "no face is found")):
        monkeypatch.setattr(background, "find_detector", lambda detector=detector: detector)
        with pytest.warns(UserWarning, match=f"its square stays where it is while the video moves: {said}"):
            frames = talk(tmp_path / "film.mkv")
        assert torch.equal(outside(frames[19]), outside(torch.from_numpy(pictures[19])))


def test_frames_that_do_not_show_the_face_stay_as_they_are_and_are_counted(tmp_path):
    pictures = [squares(*([] if i < 30 else [red(30)]), (2, 0, 0, 6, i / 120)) for i in range(40)]
    path = write_video(tmp_path / "film.mkv", pictures)
    with pytest.warns(UserWarning, match=r"3[0-3] of 40 frames \(1\.[23]. s\) do not show the face"):
        frames = talk(path, 1.6, at=1.4)
    same = [
        torch.equal(frame, torch.from_numpy(picture)) for frame, picture in zip(frames, pictures, strict=True)
    ]
    assert same[:30] == [True] * 30
    assert same[33:] == [False] * 7


def test_the_video_is_read_along_with_the_frames_and_never_held(tmp_path, monkeypatch):
    walking(tmp_path / "film.mkv", 40)
    clip = tiny_keyface().animate(tmp_path / "film.mkv", voice(1.6), face=BOX, steps=1, background="moving")
    read = []
    shown = film.Video.frames

    def counting(self, first=0):
        for one in shown(self, first):
            read.append(one[1])
            yield one

    monkeypatch.setattr(film.Video, "frames", counting)
    stream = iter(clip)
    for number in range(1, 20):
        next(stream)
        assert sum(read) <= number + 1
    stream.close()


def test_the_command_lays_a_face_into_its_moving_video(tmp_path, capsys):
    pictures = walking(tmp_path / "film.mkv", 5)
    speech, frames = recorded(tmp_path / "speech.wav", 0.4), tmp_path / "frames"
    command = [
        "animate",
        tmp_path / "film.mkv",
        speech,
        "-o",
        frames,
        "--face-box",
        "20,30,40,40",
        "--steps",
        1,
    ]
    command = [*map(str, command), "--model", str(tiny_folder())]
    assert main([*command, "--background", "moving"]) == 0
    said = capsys.readouterr().err
    assert said.index("lasts 0.20 s and the sound 0.40 s") < said.index("10 frames (0.40 s)")
    with Image.open(frames / "000004.png") as last:
        assert last.size == (160, 120)
        behind = torch.from_numpy(pictures[4])
        assert torch.equal(outside(torch.from_numpy(np.array(last)), 4), outside(behind, 4))
    command[command.index(str(frames))] = str(tmp_path / "still")
    assert main([*command, "--full-frame"]) == 0
    assert "--background moving lays the face into the moving video" in capsys.readouterr().err


def test_the_command_refuses_a_moving_background_for_several_people(tmp_path, capsys):
    walking(tmp_path / "film.mkv", 5)
    people = [word for x in (0, 80) for word in ("--face", f"{x},0,60,60", str(SPEECH))]
    words = ["animate", str(tmp_path / "film.mkv"), *people, "-o", str(tmp_path / "a.mp4")]
    assert main([*words, "--background", "moving"]) == 1
    assert "--background moving follows a single face" in capsys.readouterr().err
