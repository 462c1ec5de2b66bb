"""The feeling of a face in a video or picture becomes an emotion curve that says the same."""

import io
import json
import math
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_video import GREEN, RED, Brightness, as_picture, find_squares, plain, squares, write_video
from PIL import Image
from tiny_onnx import write_model

from keyface_lib.affect import hsemotion, models
from keyface_lib.affect.glimpses import MOST, Glimpses
from keyface_lib.affect.hsemotion import HSEmotion
from keyface_lib.affect.models import find_reader
from keyface_lib.affect.observing import observe
from keyface_lib.affect.reading import curve_of, read_file, read_pictures
from keyface_lib.affect.simplifying import simplified
from keyface_lib.affect.smoothing import smoothed
from keyface_lib.cli import main
from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.errors import KeyFaceError
from keyface_lib.media import image
from keyface_lib.method.emotion import EmotionCurve
from keyface_lib.method.emotion_text import to_json
from keyface_lib.toyworld import make_clip

TOLERANCE = 0.03
SPEECH = Path(__file__).parents[1] / "assets" / "speech.flac"


def felt(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A feeling that changes as feelings do, in every frame."""
    t = torch.arange(frames) / 25
    return 0.7 * torch.sin(1.1 * t), 0.3 + 0.5 * torch.cos(0.7 * t)


def tinted(frames: torch.Tensor) -> torch.Tensor:
    """Frames (n, h, w, 3) uint8 whose mean red and green are what `felt` says, as far as a byte can."""
    pixels = frames.float() / 127.5 - 1
    for channel, lane in enumerate(felt(len(frames))):
        drawn = pixels[..., channel] - pixels[..., channel].mean((1, 2), True)
        # Squeezed, so that nothing is cut off at black and white.
        pixels[..., channel] = 0.1 * drawn + lane.clamp(-0.8, 0.8)[:, None, None]
    return ((pixels + 1) * 127.5).round().clamp(0, 255).byte()


@pytest.fixture(scope="module")
def toy_video(tmp_path_factory):
    """A speaking, feeling face of the toy world whose colours tell another feeling, and that feeling."""
    frames = tinted(make_clip(3, 4.0, size=64).frames)
    folder = tmp_path_factory.mktemp("toy")
    path = write_video(folder / "toy.mkv", frames.numpy())
    means = frames.float().mean((1, 2)) / 127.5 - 1
    return path, means[:, 0], means[:, 1]


@pytest.fixture
def brightness(monkeypatch):
    """The command reads brightness, and finds squares."""
    monkeypatch.setattr(models, "HSEmotion", lambda _path: Brightness())
    monkeypatch.setattr("keyface_lib.portrait.detectors.find_detector", lambda **_: find_squares)
    monkeypatch.setenv(models.VARIABLE, "any.onnx")
    monkeypatch.setattr(models, "onnxruntime", lambda: True)  # the stand-in needs none


def off(curve: EmotionCurve, valence: torch.Tensor, arousal: torch.Tensor) -> float:
    lanes = zip(curve.at_frames(len(valence)), (valence, arousal), strict=True)
    return max(float((lane - truth).abs().max()) for lane, truth in lanes)


@pytest.mark.parametrize("smooth", [0, 0.2])
def test_the_command_writes_a_curve_that_feels_what_the_video_shows(toy_video, tmp_path, brightness, smooth):
    video, valence, arousal = toy_video
    curve, picture = tmp_path / "curve.json", tmp_path / "curve.png"
    command = ["emotion", str(video), "-o", str(curve), "--which", "centre", "--smooth", str(smooth)]
    assert main([*command, "--picture", str(picture)]) == 0
    read = parse_emotion(curve)
    assert off(read, valence, arousal) < TOLERANCE + 0.01
    assert 4 <= len(read.valence) + len(read.arousal) <= 40
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"


def test_a_variable_rate_changes_nothing_of_what_is_felt(tmp_path):
    times = np.random.default_rng(1).integers(5, 90, 120).cumsum().tolist()
    times = [0, *times]
    lane = [round(127.5 * (1 + 0.8 * math.sin(0.0012 * t))) for t in times]
    path = write_video(tmp_path / "variable.mkv", [plain(level) for level in lane], times)
    observed = read_file(path, Brightness(), which="centre")
    assert observed.n_frames == pytest.approx(times[-1] / 40, abs=2)
    t = torch.arange(observed.n_frames) / 25
    truth = 0.8 * torch.sin(1.2 * t)
    assert (observed.valence - truth).abs().max() < 0.09  # a picture is held for up to 90 ms
    assert off(curve_of(observed, 0.1), truth, truth) < 0.09 + TOLERANCE


def moving_square(levels, hidden=()) -> list[np.ndarray]:
    """A red face that wanders and tells levels by its brightness, and a steady green one beside it."""
    return [
        squares(
            *([] if frame in hidden else [(RED, 10 + frame, 20, 40, level)]),
            (GREEN, 120, 80, 30, 0.5),
        )
        for frame, level in enumerate(levels)
    ]


def test_frames_without_the_face_are_bridged_and_counted(tmp_path):
    levels = np.linspace(0.3, 1.0, 50)
    hidden = {0, 1, 20, 21, 22, 23, 24, 49}
    path = write_video(tmp_path / "hidden.mkv", moving_square(levels, hidden))

    def detector(picture: torch.Tensor):
        return [face for face in find_squares(picture) if face.height > 35]

    with pytest.warns(UserWarning, match=r"8 of 50 frames \(0\.32 s\) do not show the face"):
        observed = read_file(path, Brightness(), detector)
    assert observed.seen.tolist() == [frame not in hidden for frame in range(50)]
    expected = np.interp(
        range(50), *zip(*((f, levels[f]) for f in range(50) if f not in hidden), strict=True)
    )
    assert observed.valence.numpy() == pytest.approx(2 * expected - 1, abs=0.12)


def test_the_face_that_is_meant_is_read_and_not_its_neighbour(tmp_path):
    path = write_video(tmp_path / "two.mkv", moving_square(np.linspace(0.3, 1.0, 40)))
    first = read_file(path, Brightness(), find_squares)
    second = read_file(path, Brightness(), find_squares, "from the left", number=2)
    same = read_file(path, Brightness(), find_squares, "nearest", point=(130, 90))
    assert first.valence[-1] - first.valence[0] == pytest.approx(1.4, abs=0.15)
    assert second.arousal.numpy() == pytest.approx(np.zeros(40), abs=0.15)
    assert torch.equal(second.arousal, same.arousal)


def test_a_point_counts_pixels_of_the_file_even_where_that_is_read_smaller(tmp_path, monkeypatch):
    shown = squares((RED, 250, 300, 200, 1.0), (GREEN, 1100, 60, 160, 0.8), height=800, width=3000)
    film = write_video(tmp_path / "film.mkv", [shown] * 3)
    Image.fromarray(shown).save(tmp_path / "still.png")
    monkeypatch.setattr(image, "MAX_EXACT_PIXELS", 1_000_000)
    for path in (film, tmp_path / "still.png"):
        for point, lane in (((720, 300), "valence"), ((780, 300), "arousal")):
            observed = read_file(path, Brightness(), find_squares, "nearest", point=point)
            assert getattr(observed, lane)[0] > 0, (path, point)


def test_a_video_of_one_frame_is_one_point(tmp_path):
    path = write_video(tmp_path / "one.mkv", [plain(204)])
    observed = read_file(path, Brightness(), which="centre")
    curve = curve_of(observed)
    assert observed.n_frames == 1
    assert [(p.seconds, p.value) for p in curve.valence] == [(0.0, pytest.approx(0.6, abs=0.001))]


@pytest.mark.parametrize("name", ["face.png", "face.jpg", "still.gif"])
def test_a_picture_is_felt_throughout(tmp_path, name):
    Image.fromarray(plain(204)).save(tmp_path / name)
    curve = curve_of(read_file(tmp_path / name, Brightness(), which="centre"))
    assert off(curve, torch.full((100,), 0.6), torch.full((100,), 0.6)) < 0.01


def test_a_moving_picture_is_a_video(tmp_path):
    frames = [Image.fromarray(plain(level)) for level in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=[400, 600])
    observed = read_file(tmp_path / "a.gif", Brightness(), which="centre")
    assert observed.valence.tolist() == [-1.0] * 10 + [1.0] * 15


def test_held_pictures_are_read_at_their_own_rate():
    pictures = [as_picture(plain(level)) for level in (0, 255) for _ in range(5)]
    observed = read_pictures(pictures, Brightness(), which="centre", fps=10)
    assert observed.valence.tolist() == [-1.0] * 13 + [1.0] * 12
    with pytest.raises(KeyFaceError, match="there are no pictures"):
        read_pictures([], Brightness(), which="centre")


def test_without_a_detector_the_central_square_is_read_with_a_warning(tmp_path):
    picture = plain(255)
    picture[:, :8] = picture[:, -8:] = 0  # beside the square
    path = write_video(tmp_path / "wide.mkv", [picture] * 3)
    with pytest.warns(UserWarning, match="no face detector is at hand, so the central square is read"):
        observed = read_file(path, Brightness())
    assert observed.valence.tolist() == pytest.approx([1.0] * 3)
    with pytest.raises(KeyFaceError, match="there is no face detector"):
        read_file(path, Brightness(), which="from the left")


def test_a_face_that_is_never_seen_is_told(tmp_path):
    path = write_video(tmp_path / "none.mkv", [squares()] * 3)
    with pytest.raises(KeyFaceError, match="no face was found in 3 frames"):
        read_file(path, Brightness(), find_squares)
    path = write_video(tmp_path / "one.mkv", [squares((RED, 9, 9, 30, 1.0))] * 3)
    with pytest.raises(KeyFaceError, match="no such face in 3 frames: at most 1 face"):
        read_file(path, Brightness(), find_squares, "from the left", number=2)


def test_no_more_than_a_picture_is_held_however_long_the_film():
    alive: list[weakref.ref] = []
    most = 0

    def film():
        nonlocal most
        for _ in range(500):
            picture = torch.zeros(3, 16, 16)
            alive.append(weakref.ref(picture))
            yield picture, 1
            most = max(most, sum(ref() is not None for ref in alive))

    assert observe(film(), Brightness(), None).n_frames == 500
    assert most <= 2


# Smoothing and simplifying


@pytest.mark.parametrize("width", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("frames", [2, 5, 200])
def test_straight_lines_stay_as_they_are_to_both_ends(width, frames):
    line = torch.linspace(-0.9, 0.7, frames, dtype=torch.float64)
    torch.testing.assert_close(smoothed(line, width), line)


def test_a_bump_is_neither_delayed_nor_lopsided():
    bump = torch.exp(-(((torch.arange(201) - 100) / 12.0) ** 2)).double()
    result = smoothed(bump, 0.5)
    assert int(result.argmax()) == 100
    torch.testing.assert_close(result, result.flip(0))


@pytest.mark.parametrize(("hertz", "least", "most"), [(0.2, 0.95, 1.0), (1.0, 0.2, 0.6), (4.0, 0.0, 0.01)])
def test_syllables_are_evened_out_and_moods_are_not(hertz, least, most):
    t = torch.arange(500) / 25
    wave = torch.sin(2 * math.pi * hertz * t)
    kept = smoothed(wave, 0.5)[100:-100].std() / wave[100:-100].std()
    assert least <= kept <= most


def test_a_width_of_nothing_changes_nothing_and_nothing_leaves_the_range():
    values = (torch.rand(60, generator=torch.Generator().manual_seed(0)) * 2 - 1).double()
    assert torch.equal(smoothed(values, 0), values)
    assert torch.equal(smoothed(values[:1], 1.0), values[:1])
    steep = torch.tensor([-1.0] * 20 + [1.0] * 3).double()
    assert smoothed(steep, 1.0).abs().max() <= 1


@pytest.mark.parametrize("tolerance", [0.002, 0.03, 0.2])
@pytest.mark.parametrize("seed", range(4))
def test_the_simplified_curve_is_within_the_tolerance_at_every_frame(seed, tolerance):
    steps = torch.randn(300, generator=torch.Generator().manual_seed(seed)).double() * 0.08
    values = steps.cumsum(0).clamp(-1, 1)
    points = simplified(values, tolerance)
    drawn, _ = EmotionCurve(valence=points).at_frames(300)
    assert (drawn - values).abs().max() <= tolerance + 1e-6
    assert len(points) < 300 or tolerance == 0.002


def test_no_point_can_be_left_out():
    values = smoothed(torch.randn(200, generator=torch.Generator().manual_seed(5)) * 0.5, 0.5)
    points = simplified(values, 0.05)
    assert len(points) > 5
    for place in range(1, len(points) - 1):
        fewer = EmotionCurve(valence=points[:place] + points[place + 1 :])
        assert (fewer.at_frames(200)[0] - values).abs().max() > 0.05


def test_a_curve_of_few_points_comes_back_as_few():
    drawn, _ = parse_emotion("0:(0,0) 2:(0.8,0) 5:(-0.5,0) 8:(0.3,0)").at_frames(201)
    assert len(simplified(drawn, 0.03)) <= 6


def test_a_steady_feeling_is_one_point():
    values = 0.4 + 0.01 * torch.sin(torch.arange(100.0))
    (point,) = simplified(values, 0.03)
    assert (point.seconds, point.value) == (0.0, pytest.approx(0.4, abs=0.01))


@pytest.mark.parametrize(
    "options", [{"smooth": -1}, {"smooth": math.nan}, {"tolerance": 0}, {"tolerance": "a"}]
)
def test_a_number_out_of_range_is_told(options):
    observed = read_pictures([as_picture(plain(9))], Brightness(), which="centre")
    with pytest.raises(KeyFaceError, match=next(iter(options))):
        curve_of(observed, **options)


# The model's file


NOTHING = [[0.0] * 3] * 8
RED_AND_GREEN = [*NOTHING, [0.1, 0, 0], [0, 0.2, 0]]


@pytest.fixture
def runtime():
    return pytest.importorskip("onnxruntime")


def test_a_model_gets_normalized_colours_and_gives_valence_and_arousal(tmp_path, runtime):
    path = write_model(tmp_path / "enet_b0_8_va_mtl.onnx", RED_AND_GREEN, [9.0] * 8 + [0.25, -0.5])
    reader = HSEmotion(path)
    assert reader.size == 224
    faces = torch.stack([torch.full((3, 224, 224), level) for level in (-1.0, 0.0, 1.0)])
    faces[2, 1] = -1
    assert reader(faces).tolist() == [
        pytest.approx([0.25 + 0.1 * (red - 0.485) / 0.229, -0.5 + 0.2 * (green - 0.456) / 0.224], abs=1e-4)
        for red, green in ((0, 0), (0.5, 0.5), (1, 0))
    ]


def test_a_model_of_112_pixels_is_normalized_as_it_was_trained(tmp_path, runtime):
    reader = HSEmotion(write_model(tmp_path / "mbf.onnx", RED_AND_GREEN, [0.0] * 10, size=112))
    assert reader(torch.full((1, 3, 112, 112), 0.5))[0].tolist() == pytest.approx([0.05, 0.1])


def test_what_is_beyond_the_range_is_clamped(tmp_path, runtime):
    reader = HSEmotion(write_model(tmp_path / "m.onnx", [[0.0] * 3] * 10, [0.0] * 8 + [1.4, -3.0]))
    assert reader(torch.zeros(1, 3, 224, 224)).tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize(
    ("outputs", "size", "bias", "said"),
    [
        (8, 224, 0.0, "8 expressions, valence and arousal"),
        (10, 260, 0.0, "faces of 260 pixels"),
        (10, 224, math.nan, "not a number"),
    ],
)
def test_another_model_is_told(tmp_path, runtime, outputs, size, bias, said):
    path = write_model(tmp_path / "other.onnx", [[0.0] * 3] * outputs, [bias] * outputs, size)
    with pytest.raises(KeyFaceError, match=said):
        HSEmotion(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"<html>404</html>", "is no HSEmotion model"),
        (b"PK\x03\x04 archive/data.pkl", "PyTorch's own files can run programs"),
        (b"\x80\x02 pickle", "PyTorch's own files can run programs"),
    ],
)
def test_a_file_that_is_no_model_is_told_in_one_sentence(tmp_path, runtime, content, said):
    path = tmp_path / "enet_b0_8_va_mtl.pt"
    path.write_bytes(content)
    with pytest.raises(KeyFaceError, match=said) as error:
        HSEmotion(path)
    assert "\n" not in str(error.value)


def test_the_model_is_looked_for_where_it_may_lie(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "HSEmotion", lambda path: path)
    monkeypatch.setattr(models, "onnxruntime", lambda: True)
    monkeypatch.delenv(models.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder, cache = tmp_path / "models", tmp_path / ".emotiefflib"
    folder.mkdir(), cache.mkdir()
    with pytest.raises(KeyFaceError, match=r"enet_b0_8_va_mtl\.onnx.*github\.com/sb-ai-lab.*KEYFACE_EMOTION"):
        find_reader(folders=[folder])
    (cache / "enet_b0_8_va_mtl.onnx").touch()
    assert find_reader(folders=[folder]) == cache / "enet_b0_8_va_mtl.onnx"
    (folder / "mbf_va_mtl.onnx").touch()
    assert find_reader(folders=[folder]) == folder / "mbf_va_mtl.onnx"
    (folder / "mobilevit_va_mtl.onnx").touch()
    assert find_reader(folders=[folder]) == folder / "mobilevit_va_mtl.onnx"
    monkeypatch.setenv(models.VARIABLE, "named.onnx")
    assert find_reader(folders=[folder]) == "named.onnx"
    assert find_reader("given.onnx", folders=[folder]) == "given.onnx"


def test_without_onnx_runtime_it_is_told_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(hsemotion, "onnxruntime", lambda: None)
    with pytest.raises(KeyFaceError, match="pip install onnxruntime"):
        HSEmotion(tmp_path / "any.onnx")


def test_all_that_is_missing_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "onnxruntime", lambda: None)
    monkeypatch.delenv(models.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(KeyFaceError, match=r"install onnxruntime.*and an emotion model.*enet_b0_8"):
        find_reader(folders=[tmp_path])


def test_a_part_of_a_video_is_read_as_if_it_were_the_video(toy_video):
    video, _, _ = toy_video
    whole = read_file(video, Brightness(), which="centre")
    done = []
    part = read_file(
        video, Brightness(), which="centre", start=1.0, length=2.0, progress=lambda *now: done.append(now)
    )
    assert part.valence.tolist() == whole.valence[25:75].tolist()
    assert done[-1] == (50, 50)
    assert len(read_file(video, Brightness(), which="centre", start=3.0).seen) == 25
    with pytest.raises(KeyFaceError, match="there are no pictures"):
        read_file(video, Brightness(), which="centre", start=60.0)


def test_a_video_in_memory_is_read_like_its_file(toy_video):
    video, _, _ = toy_video
    held = read_file(io.BytesIO(video.read_bytes()), Brightness(), which="centre")
    assert torch.equal(held.valence, read_file(video, Brightness(), which="centre").valence)


def test_who_watches_gets_the_face_that_was_read(tmp_path):
    """A face that goes: of the frames without it there is none to see."""
    pictures = [squares((RED, 20, 30, 40, 1.0))] * 3 + [squares()] * 2
    watched = []
    with pytest.warns(UserWarning, match="2 of 5 frames"):
        read_file(
            write_video(tmp_path / "goes.mkv", pictures),
            Brightness(),
            find_squares,
            watch=lambda first, frames, face: watched.append((first, frames, face)),
        )
    assert [(first, frames) for first, frames, _ in watched] == [(number, 1) for number in range(5)]
    assert [face is None for _, _, face in watched] == [False] * 3 + [True] * 2
    assert watched[0][2].shape == (3, 16, 16)
    assert watched[0][2][0].mean() > 0.9


def test_a_stronger_curve_is_what_was_read_times_as_much(toy_video):
    observed = read_file(toy_video[0], Brightness(), which="centre")
    plain_one, twice = (curve_of(observed, strength=strength).at_frames(100)[0] for strength in (1.0, 2.0))
    inside = plain_one.abs() < 0.45
    assert inside.any()
    assert (twice - 2 * plain_one)[inside].abs().max() < 0.15
    assert twice.abs().max() <= 1
    assert curve_of(observed, strength=0.0).at_frames(100)[0].abs().max() == 0


@pytest.mark.parametrize("frames", [1, 30, 5000])
def test_the_picture_of_a_reading_shows_each_face_at_its_time(frames):
    """Faces that brighten, then none: the small pictures brighten from left to right, and end in black."""
    glimpses = Glimpses()
    gap = frames * 3 // 4 if frames > 1 else 1
    for number in range(frames):
        face = torch.full((3, 16, 16), 1.6 * number / frames - 0.8) if number < gap else None
        glimpses(number, 1, face)
    drawn = np.asarray(glimpses.drawn(frames, EmotionCurve()).convert("L"), dtype=float)
    row = drawn[-90, 120:-30]  # through the small pictures, beside their numbers
    if frames == 1:
        assert row[0] == pytest.approx(0.2 * 127.5, abs=2)
        return
    shown = row[:: len(row) // 8]
    assert row[: len(row) // 2].max() > row[: len(row) // 8].max() + 20
    assert shown[-1] < 50
    assert len(glimpses) <= MOST


# The command


def test_the_command_runs_a_real_model_from_the_file_to_the_curve(toy_video, tmp_path, runtime, capsys):
    video, valence, arousal = toy_video
    model = write_model(tmp_path / "model.onnx", RED_AND_GREEN, [0.0] * 10)
    curve = tmp_path / "curve.json"
    words = ["emotion", str(video), "-o", str(curve), "--model", str(model), "--which", "centre", "--json"]
    assert main([*words, "--smooth", "0"]) == 0
    read = parse_emotion(curve)
    expected = 0.1 * ((valence + 1) / 2 - 0.485) / 0.229, 0.2 * ((arousal + 1) / 2 - 0.456) / 0.224
    assert off(read, *expected) < TOLERANCE + 0.01
    result = json.loads(capsys.readouterr().out)
    assert result == {
        "output": str(curve),
        "frames": 100,
        "seconds": 4.0,
        "frames_without_face": 0,
        "points": len(read.valence) + len(read.arousal),
    }


def test_the_command_reads_the_face_that_is_named(tmp_path, brightness, capsys):
    video = write_video(tmp_path / "two.mkv", moving_square(np.linspace(0.3, 1.0, 40)))
    rises = []
    for which in ("largest", "1", "30,40", "2", "130,90"):
        curve = tmp_path / f"{which}.json"
        assert main(["emotion", str(video), "-o", str(curve), "--which", which]) == 0
        valence, _ = parse_emotion(curve).at_frames(40)
        rises.append(float(valence[-1] - valence[0]) > 1)
    assert rises == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["missing.mp4", "-o", "a.json"], 1, "there is no such video or picture"),
        ([SPEECH, "-o", "a.csv"], 1, "the output ends in .json"),
        ([SPEECH, "-o", "nowhere/a.json"], 1, "does not exist"),
        ([SPEECH, "-o", "a.json", "--smooth", "-1"], 1, "--smooth"),
        ([SPEECH, "-o", "a.json", "--tolerance", "0"], 1, "--tolerance"),
        ([SPEECH, "-o", "a.json", "--strength", "5"], 1, "--strength"),
        ([SPEECH, "-o", "a.json", "--picture", "a.mp4"], 1, "ends in .png"),
        ([SPEECH, "-o", "a.json", "--model", "missing.onnx"], 1, "there is no such emotion model"),
        ([SPEECH, "-o", "a.json"], 1, "cannot be read as a video"),
        ([SPEECH, "-o", "a.json", "--which", "0"], 2, "is no face"),
        ([SPEECH, "-o", "a.json", "--which", "left"], 2, "is no face"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(words, status, said, tmp_path, capsys, monkeypatch, brightness):
    monkeypatch.chdir(tmp_path)
    if status == 2:
        with pytest.raises(SystemExit) as error:
            main(["emotion", *map(str, words)])
        assert error.value.code == 2
    else:
        assert main(["emotion", *map(str, words)]) == status
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("keyface: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "a.json").exists()


def test_ctrl_c_leaves_the_former_curve(toy_video, tmp_path, monkeypatch, capsys, brightness):
    curve = tmp_path / "curve.json"
    curve.write_text("former")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Brightness, "__call__", stop)
    assert main(["emotion", str(toy_video[0]), "-o", str(curve), "--which", "centre"]) == 130
    assert "stopped; nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["curve.json"]
    assert curve.read_text() == "former"


def test_what_is_read_can_be_written_and_read_again_exactly(toy_video):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = curve_of(read_file(toy_video[0], Brightness(), which="centre"))
    assert parse_emotion(to_json(curve)) == curve
