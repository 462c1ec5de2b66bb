"""The picture of a clip's timeline shows what is there, where it is."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import ImageColor

from keyface_lib.audio import Vocalization
from keyface_lib.audio.peaks import peaks_of
from keyface_lib.errors import KeyFaceError
from keyface_lib.media import timeline_picture as drawn
from keyface_lib.media.timeline_picture import draw_timeline
from keyface_lib.method.emotion import NAMED_STATES, EmotionCurve, Point, constant, named
from keyface_lib.method.timeline import FPS, Timeline

WIDTH = 800
LEFT, RIGHT = drawn.MARGIN + drawn.NAMES, WIDTH - drawn.MARGIN
LOUD = torch.tensor([-0.5, 0.5])


def column(seconds: float, n_frames: int) -> float:
    return LEFT + (RIGHT - LEFT) * seconds * FPS / n_frames


def seen(picture, colour: str, tolerance: int = 12) -> np.ndarray:
    """(height, width) bool: where in the lanes a colour is seen."""
    near = np.abs(np.asarray(picture).astype(int) - ImageColor.getrgb(colour)).max(axis=-1) <= tolerance
    near[:, : LEFT - 2] = False
    return near


def columns(picture, colour: str, tolerance: int = 12) -> np.ndarray:
    return np.flatnonzero(seen(picture, colour, tolerance).any(axis=0))


def groups(columns: np.ndarray) -> list[np.ndarray]:
    """Runs of neighbouring columns."""
    return np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)


def test_peaks_are_the_extremes_of_every_frame():
    waveform = torch.cat([torch.linspace(-0.5, 0.25, 640), torch.full((10,), 0.75)])
    assert torch.equal(peaks_of(waveform), torch.tensor([[-0.5, 0.25], [0.0, 0.75]]))


def test_peaks_of_a_sound_may_be_taken_slice_by_slice():
    waveform = torch.rand(3 * 640 + 100, generator=torch.Generator().manual_seed(0)) - 0.5
    slices = [peaks_of(part) for part in waveform.split(640)]
    assert torch.equal(torch.cat(slices), peaks_of(waveform))


def test_a_pause_is_shaded_where_it_is():
    peaks = torch.cat([LOUD.repeat(50, 1), torch.zeros(25, 2), LOUD.repeat(25, 1)])
    shaded = columns(draw_timeline(100, peaks, width=WIDTH), drawn.QUIET, 2)
    assert shaded[0] == pytest.approx(column(2.0, 100), abs=2)
    assert shaded[-1] == pytest.approx(column(3.0, 100), abs=2)
    assert len(columns(draw_timeline(100, LOUD.repeat(100, 1), width=WIDTH), drawn.QUIET, 2)) == 0


def test_the_waveform_reaches_as_far_up_and_down_as_the_sound():
    peaks = torch.tensor([[-0.25, 1.0]]).repeat(100, 1)
    rows = np.flatnonzero(seen(draw_timeline(100, peaks, width=WIDTH), drawn.SOUND)[:, WIDTH // 2])
    middle, half = drawn.MARGIN + drawn.SOUND_HEIGHT / 2, drawn.SOUND_HEIGHT / 2 - 6
    assert rows[0] == pytest.approx(middle - half, abs=1.5)
    assert rows[-1] == pytest.approx(middle + half / 4, abs=1.5)


def test_one_loud_frame_in_an_hour_is_seen():
    peaks = torch.zeros(90_000, 2)
    peaks[45_020] = LOUD
    rows = seen(draw_timeline(90_000, peaks, width=WIDTH), drawn.SOUND, 100)
    x = round(column(45_020 / FPS, 90_000))
    assert rows[:, x - 2 : x + 3].any(axis=1).sum() > drawn.SOUND_HEIGHT / 2


def test_a_vocalization_is_marked_from_its_start_to_its_end():
    found = [Vocalization(1.0, 2.5, "laughter", 0.8)]
    picture = draw_timeline(100, torch.zeros(100, 2), vocalizations=found, width=WIDTH)
    marked = columns(picture, drawn.FOUND)
    assert marked[0] == pytest.approx(column(1.0, 100), abs=2)
    assert marked[-1] == pytest.approx(column(2.5, 100), abs=2)


@pytest.mark.parametrize("seed", range(5))
def test_names_of_vocalizations_and_the_lines_to_their_sounds_never_cross(seed):
    random = np.random.default_rng(seed)
    names = random.choice(["sigh", "throat clearing", "laughter"], 60)
    starts = np.sort(random.uniform(0, 59, 60))
    found = [Vocalization(start, start + 1, name, 0.5) for start, name in zip(starts, names, strict=True)]
    labels = drawn._labels(drawn.Axis(LEFT, RIGHT, 60.0), found)
    assert len(labels) > 10
    for i, (x, left, row, name) in enumerate(labels):
        assert LEFT <= left < left + drawn.text_width(name) <= RIGHT
        for j, (_, start, other_row, other) in enumerate(labels):
            end = start + drawn.text_width(other)
            if i != j and row == other_row:
                assert end < left or left + drawn.text_width(name) < start
            if row < other_row:
                assert not start < x < end


def test_a_curve_runs_at_the_height_of_its_value():
    def row(value: float) -> float:
        picture = draw_timeline(100, curve=constant(value, 0.0), width=WIDTH)
        return np.flatnonzero(seen(picture, drawn.VALENCE, 30)[:, WIDTH // 2]).mean()

    bottom, upper, top = row(-1.0), row(0.5), row(1.0)
    assert top < upper < bottom
    assert (bottom - upper) / (bottom - top) == pytest.approx(0.75, abs=0.02)


def test_points_of_a_curve_are_dots_at_their_times():
    curve = EmotionCurve(valence=(Point(1.0, 0.5), Point(3.0, 0.5)))
    lane = seen(draw_timeline(100, curve=curve, width=WIDTH), drawn.VALENCE)
    dots = groups(np.flatnonzero(lane.sum(axis=0) > 4))
    assert [dot.mean() for dot in dots] == pytest.approx([column(1.0, 100), column(3.0, 100)], abs=1.5)


def test_the_nearest_feeling_is_named_where_it_begins(monkeypatch):
    written = {}
    monkeypatch.setattr(drawn.Canvas, "text", lambda self, x, y, text, *rest: written.setdefault(text, x))
    (happy,), (sad,) = named("happy").valence, named("sad").valence
    curve = EmotionCurve(
        (Point(0.0, happy.value, "hold"), Point(2.0, sad.value)),
        (Point(0.0, 0.75, "hold"), Point(2.0, -0.35)),
    )
    draw_timeline(100, curve=curve, width=WIDTH)
    assert written["happy"] == pytest.approx(LEFT, abs=6)
    assert written["sad"] == pytest.approx(column(2.0, 100), abs=8)


def test_names_of_feelings_never_overlap(monkeypatch):
    written = []
    monkeypatch.setattr(drawn.Canvas, "text", lambda self, x, y, text, *rest: written.append((x, text)))
    back_and_forth = tuple(Point(float(second), (-1.0) ** second) for second in range(20))
    draw_timeline(500, curve=EmotionCurve(back_and_forth, back_and_forth), width=WIDTH)
    names = sorted((x, text) for x, text in written if text in NAMED_STATES)
    assert len(names) > 5
    assert all(x + drawn.text_width(text) < following for (x, text), (following, _) in pairwise(names))


@pytest.mark.parametrize(
    ("n_frames", "last"),
    [(1, "0.04 s"), (150, "6.0 s"), (1500, "1:00"), (15_000, "10:00"), (90_000, "1:00:00")],
)
def test_the_axis_counts_in_round_times_to_the_end(monkeypatch, n_frames, last):
    written = []
    monkeypatch.setattr(drawn.Canvas, "text", lambda self, x, y, text, *rest: written.append((x, text)))
    draw_timeline(n_frames, width=WIDTH)
    times = [(x, text) for x, text in written if text[0].isdigit()]
    assert times[-1][1] == last
    assert 4 <= len(times) <= 16
    for (x, text), (following, _) in pairwise(times):
        assert following - x > drawn.text_width(text)


def test_one_tick_a_keyframe():
    ticks = groups(columns(draw_timeline(131, width=WIDTH), drawn.TICK, 70))
    assert len(ticks) == Timeline(131).n_keyframes == 11
    assert ticks[1].mean() == pytest.approx(column(13 / FPS, 131), abs=1.5)


def test_windows_of_keyframes_are_bracketed_in_turn():
    picture = draw_timeline(13 * 13 * 3, width=WIDTH)
    first, third = groups(columns(picture, drawn.WINDOWS[0]))
    (second, *_) = groups(columns(picture, drawn.WINDOWS[1]))
    assert first[-1] == pytest.approx(column(12 * 13 / FPS, 507), abs=2)
    assert second[0] == pytest.approx(column(13 * 13 / FPS, 507), abs=2)
    assert third[0] == pytest.approx(column(26 * 13 / FPS, 507), abs=2)


@pytest.mark.parametrize("n_frames", [168, 15_000])
def test_keyframe_pictures_stand_at_their_times_without_overlap(n_frames):
    timeline = Timeline(n_frames)
    fit = []
    for shape in ((8, 8), (8, 24)):
        pictures = torch.zeros(timeline.n_keyframes, *shape, 3, dtype=torch.uint8)
        pictures[..., 0] = 255
        shown = groups(columns(draw_timeline(n_frames, keyframes=pictures, width=WIDTH), "#ff0000"))
        width = (drawn.TICKS_HEIGHT + drawn.THUMBNAIL - 34) * shape[1] / shape[0]
        assert all(len(picture) == pytest.approx(width, abs=2) for picture in shown)
        times = np.array([column(frame / FPS, n_frames) for frame in timeline.keyframe_frames().tolist()])
        assert all(np.abs(times - picture[0]).min() < 2 for picture in shown[:-1])
        fit.append(len(shown))
    assert fit[0] > fit[1] >= 3


@pytest.mark.parametrize("n_frames", [14, 168, 15_000])
def test_only_the_keyframe_pictures_said_to_be_shown_are_looked_at(n_frames):
    black = torch.zeros(Timeline(n_frames).n_keyframes, 8, 8, 3, dtype=torch.uint8)
    shown = drawn.thumbnails_shown(n_frames, WIDTH)
    others = sorted(set(range(len(black))) - set(shown))
    plain = np.asarray(draw_timeline(n_frames, keyframes=black, width=WIDTH))
    for numbers, same in ((others, True), (shown[-1:], False)):
        pictures = black.clone()
        pictures[numbers] = 255
        drawn_now = np.asarray(draw_timeline(n_frames, keyframes=pictures, width=WIDTH))
        assert np.array_equal(drawn_now, plain) is same


def test_kept_keyframes_are_framed():
    black = torch.zeros(Timeline(168).n_keyframes, 8, 8, 3, dtype=torch.uint8)
    plain, framed = (draw_timeline(168, keyframes=black, width=WIDTH, kept=kept) for kept in ((), {4}))
    differs = (np.asarray(plain) != np.asarray(framed)).any(axis=(0, 2)).nonzero()[0]
    side = drawn.TICKS_HEIGHT + drawn.THUMBNAIL - drawn.ABOVE - drawn.BELOW
    assert differs[0] == pytest.approx(column(4 * 13 / FPS, 168), abs=2)
    assert differs[-1] - differs[0] == pytest.approx(side, abs=3)
    assert np.abs(np.asarray(framed).astype(int) - ImageColor.getrgb(drawn.KEPT)).max(axis=-1).min() < 12


@pytest.mark.parametrize("n_frames", [1, 14, 168, 15_000, 90_000])
def test_any_length_gives_a_picture_of_the_same_size(n_frames):
    picture = draw_timeline(n_frames, torch.zeros(n_frames, 2), constant(0.5, 0.5), width=WIDTH)
    assert picture.size == draw_timeline(50, torch.zeros(50, 2), constant(0, 0), width=WIDTH).size


def test_a_height_is_kept_and_shared_among_the_lanes():
    natural = draw_timeline(100, curve=constant(1.0, 0.0), width=WIDTH)
    tall = draw_timeline(100, curve=constant(1.0, 0.0), width=WIDTH, height=2 * natural.height)
    assert tall.size == (WIDTH, 2 * natural.height)
    lanes = [seen(picture, drawn.PANEL, 2)[:, RIGHT - 3].sum() for picture in (natural, tall)]
    assert lanes[1] > 2 * lanes[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"peaks": torch.zeros(99, 2)}, r"\(99, 2\).*100 frames"),
        ({"keyframes": torch.zeros(3, 8, 8, 3, dtype=torch.uint8)}, "3 keyframe pictures.*all 9"),
        ({"width": 100}, "100 pixels wide.*240 or more"),
        ({"height": 50}, "50 pixels high.*give 82 or more"),
    ],
)
def test_what_does_not_belong_or_fit_is_refused(wrong, message):
    with pytest.raises(KeyFaceError, match=message):
        draw_timeline(100, **wrong)


def test_the_least_height_the_message_names_is_enough():
    with pytest.raises(KeyFaceError) as refused:
        draw_timeline(100, curve=constant(0, 0), height=10)
    least = int(str(refused.value).split("give ")[1].split()[0])
    assert draw_timeline(100, curve=constant(0, 0), height=least).height == least
