"""The picture of a clip's timeline shows what is there, where it is."""

import pytest
import torch
from PIL import ImageColor

from keyface_lib.audio import Vocalization
from keyface_lib.audio.peaks import peaks_of
from keyface_lib.emotion import constant
from keyface_lib.media import timeline_picture as drawn
from keyface_lib.media.timeline_picture import draw_timeline
from keyface_lib.timeline import FPS

WIDTH = 800


def columns_of(picture, colour: str, tolerance: int = 12, rows: slice = slice(None)) -> list[int]:
    """Columns in which a colour is seen."""
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    pixels = pixels.view(picture.height, picture.width, 3).int()
    near = (pixels - torch.tensor(ImageColor.getrgb(colour))).abs().amax(dim=-1) <= tolerance
    return near[rows].any(dim=0).nonzero().flatten().tolist()


def column(seconds: float, n_frames: int) -> float:
    left, right = drawn.MARGIN + drawn.LABELS, WIDTH - drawn.MARGIN
    return left + (right - left) * seconds * FPS / n_frames


def test_peaks_are_the_extremes_of_every_frame():
    waveform = torch.cat([torch.linspace(-0.5, 0.25, 640), torch.full((10,), 0.75)])
    assert torch.equal(peaks_of(waveform), torch.tensor([[-0.5, 0.25], [0.0, 0.75]]))


def test_silence_is_shaded_where_it_is():
    peaks = torch.tensor([[-0.5, 0.5]] * 50 + [[0.0, 0.0]] * 50)
    top = slice(drawn.MARGIN + 2, drawn.MARGIN + 6)
    shaded = columns_of(draw_timeline(100, peaks, width=WIDTH), drawn.QUIET, 2, top)
    assert min(shaded) == pytest.approx(column(2.0, 100), abs=2)
    assert max(shaded) == pytest.approx(column(4.0, 100), abs=2)


def test_a_vocalization_is_marked_from_its_start_to_its_end():
    peaks = torch.full((100, 2), 0.0)
    found = [Vocalization(1.0, 2.5, "laughter", 0.8)]
    marked = columns_of(draw_timeline(100, peaks, vocalizations=found, width=WIDTH), drawn.FOUND)
    assert min(marked) == pytest.approx(column(1.0, 100), abs=2)
    assert max(marked) == pytest.approx(column(2.5, 100), abs=2)


def test_one_tick_a_keyframe():
    ticks = columns_of(draw_timeline(131, width=WIDTH), drawn.TICK)
    groups = [x for x in ticks if x - 1 not in ticks and x > drawn.MARGIN + drawn.LABELS - 3]
    assert len(groups) == 11
    assert groups[1] == pytest.approx(column(13 / FPS, 131), abs=2)


def test_a_curve_runs_at_the_height_of_its_value():
    rows = []
    for value in (-1.0, 0.5, 1.0):
        picture = draw_timeline(100, curve=constant(value, 0.0), width=WIDTH)
        wanted = ImageColor.getrgb(drawn.VALENCE)
        x = WIDTH // 2
        near = [
            y
            for y in range(picture.height)
            if max(abs(a - b) for a, b in zip(picture.getpixel((x, y)), wanted, strict=True)) < 30
        ]
        rows.append(sum(near) / len(near))
    bottom, upper, top = rows
    assert top < upper < bottom
    assert (bottom - upper) / (bottom - top) == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("n_frames", [1, 14, 168, 15_000, 90_000])
def test_any_length_gives_a_picture_of_the_same_size(n_frames):
    peaks = torch.zeros(n_frames, 2)
    picture = draw_timeline(n_frames, peaks, constant(0.5, 0.5), width=WIDTH)
    assert picture.size == draw_timeline(50, torch.zeros(50, 2), constant(0, 0), width=WIDTH).size


def test_keyframe_pictures_appear_as_far_as_they_fit():
    red = torch.zeros(14, 8, 8, 3, dtype=torch.uint8)
    red[..., 0] = 255
    picture = draw_timeline(168, keyframes=red, width=WIDTH)
    assert len(columns_of(picture, "#ff0000")) > WIDTH / 3
