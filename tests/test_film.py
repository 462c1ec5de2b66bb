"""Videos and moving pictures of any rate are seen at 25 frames a second, as a viewer sees them."""

import struct
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from drawn_video import plain, write_video
from PIL import Image

from keyface_lib.errors import KeyFaceError
from keyface_lib.media import moving_picture, video_file
from keyface_lib.media.film import is_video, open_film, picture_at
from keyface_lib.media.frame_rate import at_25_fps

SPEECH = Path(__file__).parents[1] / "assets" / "speech.flac"


def levels(path: Path) -> list[int]:
    """The grey level of every frame at 25 fps."""
    shown = []
    with open_film(path) as opened:
        for picture, count in opened.frames():
            shown += [round(float(picture.mean() + 1) * 127.5)] * count
    return shown


@pytest.mark.parametrize("rate", [10, 24, 25, 30, 50, 60])
def test_every_frame_is_the_last_picture_that_began_by_its_time(tmp_path, rate):
    n = 2 * rate
    path = write_video(tmp_path / "video.mkv", [plain(2 * i) for i in range(n)], rate=rate)
    assert levels(path) == [2 * min(n - 1, i * rate // 25) for i in range(50)]


def test_a_variable_rate_is_followed_by_its_time_stamps(tmp_path):
    times = [0, 40, 55, 200, 1000, 1040]
    path = write_video(tmp_path / "video.mkv", [plain(40 * i) for i in range(6)], times)
    shown = levels(path)
    expected = [40 * max(i for i, t in enumerate(times) if t <= 40 * frame + 2) for frame in range(27)]
    assert shown[:27] == expected
    assert len(shown) == pytest.approx(27, abs=1)  # the last picture's own length is the container's guess


def test_a_clock_that_is_set_anew_ends_nothing():
    class Frame:
        duration = 40
        time_base = Fraction(1, 1000)

        def __init__(self, time):
            self.time = time

    class Broken(video_file.Video):
        def __init__(self):
            self._name = "broken"
            self._stream = type("Stream", (), {"average_rate": 25, "duration": None, "metadata": {}})

        def _decoded(self):
            return map(Frame, [7.0, 7.04, 0.5, 0.54, None, 9000.0])

    times = [start for start, _, _ in Broken()._timed()]
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])


@pytest.mark.parametrize(
    ("starts", "counts"), [([0.0], [1]), ([0.0, 0.01, 0.02], [1]), ([0.0, 0.5], [13]), ([0.0, 0.52], [13, 1])]
)
def test_there_is_at_least_one_frame_and_none_twice(starts, counts):
    assert [count for _, count in at_25_fps((start, 0.02, start) for start in starts)] == counts


def quarters() -> np.ndarray:
    """40 x 60 pixels; only the upper left quarter is white."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30] = 255
    return picture


@pytest.mark.parametrize(
    ("matrix", "clockwise"), [((0, 1, -1, 0), 1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 3), ((1, 0, 0, 1), 0)]
)
def test_a_telephones_video_is_turned_upright(tmp_path, matrix, clockwise):
    """The matrix in a track's header maps (x, y) to (a x + c y, b x + d y) (ISO 14496-12, section 6.2.2)."""
    path = write_video(tmp_path / "video.mp4", [quarters()] * 3, codec="libx264")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (round(65536 * value) for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    with open_film(path) as opened:
        picture, _ = next(opened.frames())
    upright = np.rot90(quarters(), -clockwise)[..., 0] > 128
    assert picture.shape[1:] == upright.shape
    assert ((picture[0] > 0).numpy() == upright).mean() > 0.98


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    video = tmp_path / "video.mp4"
    path = write_video(video, [plain(9, 36, 30)] * 2, codec="libx264", aspect=Fraction(16, 15))
    with open_film(path) as opened:
        assert next(opened.frames())[0].shape == (3, 36, 32)


def test_a_large_video_is_shrunk_while_it_is_read(tmp_path):
    path = write_video(tmp_path / "video.mkv", [plain(9)] * 2)
    with open_film(path, longest=24) as opened:
        assert next(opened.frames())[0].shape == (3, 16, 24)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_a_moving_picture_is_shown_as_long_as_it_says(tmp_path, suffix):
    pictures = [Image.fromarray(plain(50 * i)) for i in range(4)]
    path = tmp_path / f"moving{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[40, 200, 80, 120], loop=0, **options
    )
    assert levels(path) == pytest.approx([0] + [50] * 5 + [100] * 2 + [150] * 3, abs=1)


def test_a_picture_is_no_film(tmp_path):
    Image.fromarray(plain(7)).save(tmp_path / "a.gif")
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert open_film(tmp_path / "a.gif") is None
    assert open_film(tmp_path / "damaged.png") is None


def test_what_a_video_claims_is_known_before_it_is_read(tmp_path):
    path = write_video(tmp_path / "video.mp4", [plain(9)] * 30, rate=30, codec="libx264")
    with open_film(path) as opened:
        assert opened.expected == 25


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a video at all" * 100, "cannot be read as a video or picture"),
        (b"#EXTM3U\nhttp://127.0.0.1/x.ts\n", "cannot be read as a video or picture"),
        (SPEECH.read_bytes(), "cannot be read as a video or picture|has no video stream"),
    ],
)
def test_what_is_no_video_is_told_in_one_sentence(tmp_path, content, said):
    path = tmp_path / "input.mp4"
    path.write_bytes(content)
    with pytest.raises(KeyFaceError, match=said) as error:
        open_film(path)
    assert "\n" not in str(error.value)


def test_a_video_of_too_many_pixels_is_refused_before_room_is_made_for_one(tmp_path, monkeypatch):
    monkeypatch.setattr(video_file, "MAX_PIXELS", 256 * 256)
    path = write_video(tmp_path / "large.mp4", [plain(9, 256, 258)] * 3, codec="libx264")
    with pytest.raises(KeyFaceError, match="has more than 0 million pixels"):
        open_film(path)
    with open_film(write_video(tmp_path / "a.mp4", [plain(9, 256, 256)] * 3, codec="libx264")) as film:
        assert sum(times for _, times in film.frames()) == 3


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_a_moving_picture_of_too_many_pixels_is_refused_before_it_is_read(tmp_path, form, monkeypatch):
    """One of 147 kB with a hundred million takes 3.6 GB."""
    first, second = (Image.new("RGB", (64, 32), colour) for colour in ("black", "white"))
    first.save(tmp_path / "a.gif", form, save_all=True, append_images=[second])
    for bound in (2048, 2047):
        monkeypatch.setattr(moving_picture, "MAX_PIXELS", bound)
        if bound == 2048:
            open_film(tmp_path / "a.gif").close()
            continue
        with pytest.raises(KeyFaceError, match=r"a\.gif: moves and has more than 0 million pixels"):
            open_film(tmp_path / "a.gif")


def test_a_video_whose_pictures_grow_beyond_the_bound_shows_those_before(tmp_path, monkeypatch):
    monkeypatch.setattr(video_file, "MAX_PIXELS", 256 * 256)
    parts = [
        write_video(tmp_path / f"{side}.ts", [plain(9, side, side)] * 30, codec="libx264")
        for side in (128, 512)
    ]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_film(tmp_path / "both.ts") as film, pytest.warns(UserWarning, match="damaged packets"):
        assert {picture.shape for picture, _ in film.frames()} == {(3, 128, 128)}


def test_a_video_with_sound_alone_has_no_pictures(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(KeyFaceError, match="has no video stream"):
        open_film(path)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)


def test_a_video_that_ends_too_early_gives_what_it_has_with_a_warning(tmp_path):
    path = write_video(tmp_path / "video.mkv", map(noise, range(100)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_film(path) as opened, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frames = sum(count for _, count in opened.frames())
    assert 40 <= frames <= 60
    assert any("of the 4.00 s" in str(warning.message) for warning in told)


def test_a_damaged_video_gives_what_can_be_read_with_a_warning(tmp_path):
    path = write_video(tmp_path / "video.mp4", map(noise, range(50)), codec="libx264")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)
    with open_film(path) as opened, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frames = sum(count for _, count in opened.frames())
    assert frames >= 20
    assert frames == 50 or told


def test_a_film_goes_no_further_than_its_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(video_file, "MAX_SECONDS", 1)
    path = write_video(tmp_path / "video.mkv", [plain(9)] * 30)
    with open_film(path) as opened, pytest.raises(KeyFaceError, match="cut it into parts"):
        list(opened.frames())


def test_pictures_are_in_the_librarys_range(tmp_path):
    path = write_video(tmp_path / "video.mkv", [np.concatenate([plain(0), plain(255)])] * 2)
    with open_film(path) as opened:
        picture, count = next(opened.frames())
    assert picture.dtype == torch.float32
    assert (picture.min(), picture.max(), count) == (-1, 1, 1)


def test_what_is_shown_from_a_frame_on_is_the_end_of_the_whole(tmp_path):
    path = write_video(tmp_path / "video.mkv", [plain(20 * i) for i in range(10)], rate=10)
    with open_film(path) as opened:
        later = [(round(float(p.mean() + 1) * 127.5), times) for p, times in opened.frames(11)]
    assert [level for level, times in later for _ in range(times)] == levels(path)[11:]


def test_the_picture_at_a_time_is_the_one_a_viewer_sees_in_its_full_size(tmp_path):
    path = write_video(tmp_path / "video.mkv", [plain(20 * i, 8, 2600) for i in range(10)], rate=10)
    for at, level in ((0, 0), (0.25, 40), (0.92, 180)):
        picture = picture_at(path, at)
        assert picture.shape == (3, 8, 2600)
        assert float(picture.mean() + 1) * 127.5 == pytest.approx(level, abs=0.5)
    with pytest.raises(KeyFaceError, match=r"video\.mkv: has ended by 3 s; give an earlier time"):
        picture_at(path, 3)
    with pytest.raises(KeyFaceError, match="the time"):
        picture_at(path, -1)
    Image.new("RGB", (8, 8)).save(tmp_path / "still.png")
    with pytest.raises(KeyFaceError, match="does not move"):
        picture_at(tmp_path / "still.png", 1)


def test_videos_are_told_from_pictures_and_recordings(tmp_path):
    video = write_video(tmp_path / "video.mkv", [plain(0)])
    Image.new("RGB", (8, 8)).save(tmp_path / "still.png")
    (tmp_path / "notes.mp4").write_text("no video")
    others = [SPEECH, tmp_path / "still.png", tmp_path / "notes.mp4", tmp_path / "missing.mp4"]
    assert [is_video(path) for path in (video, *others)] == [True, False, False, False, False]
