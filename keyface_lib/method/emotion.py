"""What the face feels over time: two curves over seconds, valence and arousal, each in [-1, 1]."""

import difflib
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch

from ..errors import KeyFaceError
from .timeline import FPS, MAX_FRAMES
from .values import real, shown, whole

Mode = Literal["linear", "smooth", "hold"]

NAMED_STATES: dict[str, tuple[float, float]] = {
    "happy": (0.85, 0.75),
    "angry": (-0.443, 0.908),
    "surprised": (0.0, 0.85),
    "sad": (-0.85, -0.35),
    "neutral": (0.0, 0.0),
    "fear": (0.181, 0.949),
    "disgusted": (-0.8, 0.5),
    "contempt": (0.307, 0.535),
    "calm": (0.65, -0.5),
    "excited": (0.9, 0.9),
    "bored": (-0.6, -0.9),
    "confused": (-0.3, 0.4),
    "anxious": (-0.85, 0.9),
    "confident": (0.7, 0.4),
    "frustrated": (-0.8, 0.6),
    "amused": (0.7, 0.5),
    "proud": (0.8, 0.4),
    "ashamed": (-0.8, -0.3),
    "grateful": (0.7, 0.2),
    "jealous": (-0.7, 0.5),
    "hopeful": (0.7, 0.3),
    "disappointed": (-0.7, -0.3),
    "curious": (0.5, 0.5),
    "overwhelmed": (-0.6, 0.8),
}
"""(valence, arousal) of the states the authors name."""


LEAST_STEP = 1e-6
"""Seconds between two points; over much shorter ones a slope is no finite number."""


@dataclass(frozen=True)
class Point:
    """A value in [-1, 1] at a time; `mode` is how the curve runs from here to the next point."""

    seconds: float
    value: float
    mode: Mode = "smooth"


@dataclass(frozen=True)
class EmotionCurve:
    """Valence and arousal over seconds, each a lane of points in rising order of time.

    Before its first and after its last point a lane keeps their values; a lane without points is 0.

    Raises:
        KeyFaceError: what is no point; a time or value that is no finite number, a negative time, a value
            outside [-1, 1], points out of order or nearer than `LEAST_STEP`, an unknown mode.
    """

    valence: tuple[Point, ...] = ()
    arousal: tuple[Point, ...] = ()

    def __post_init__(self):
        for lane in ("valence", "arousal"):
            object.__setattr__(self, lane, _points(lane, getattr(self, lane)))
            _check_lane(lane, getattr(self, lane))

    def sample(self, seconds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Valence and arousal at the given times, each float64 in the shape of `seconds`."""
        seconds = seconds.to("cpu", torch.float64)
        return _sample_lane(self.valence, seconds), _sample_lane(self.arousal, seconds)

    def at_frames(self, n_frames: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Valence and arousal of the first `n_frames` video frames, each (n_frames,) float32.

        Frame i takes the value at i / 25 s.

        Raises:
            KeyFaceError: `n_frames` is no whole number of at least 1.
        """
        n_frames = whole("n_frames", n_frames, 1, MAX_FRAMES)
        valence, arousal = self.sample(torch.arange(n_frames, dtype=torch.float64) / FPS)
        return valence.float(), arousal.float()


def constant(valence: float, arousal: float) -> EmotionCurve:
    """The same feeling throughout."""
    return EmotionCurve((Point(0.0, valence),), (Point(0.0, arousal),))


def named(name: str, intensity: float = 1.0) -> EmotionCurve:
    """One of `NAMED_STATES` throughout, as strong as `state` makes it."""
    return constant(*state(name, intensity))


def state(name: str, intensity: float = 1.0) -> tuple[float, float]:
    """(valence, arousal) of a named state, both multiplied by `intensity` and kept in [-1, 1].

    An intensity of 1.5 is what the released code calls accentuated.

    Raises:
        KeyFaceError: an unknown name, or an intensity that is negative or not finite.
    """
    if not isinstance(name, str):
        raise KeyFaceError(f"emotion {shown(name)} is no name; use one of {', '.join(NAMED_STATES)}")
    if name not in NAMED_STATES:
        close = difflib.get_close_matches(name[:40], NAMED_STATES, n=1)
        suggestion = f"did you mean '{close[0]}'? " if close else ""
        raise KeyFaceError(f"emotion {name!r} is unknown; {suggestion}use one of {', '.join(NAMED_STATES)}")
    if not isinstance(intensity, float):
        intensity = real(f"the intensity of '{name}'", intensity)
    if not 0 <= intensity < math.inf:
        raise KeyFaceError(
            f"the intensity of '{name}' is {intensity:g}; it must be 0 or more: 1 is as named, 0 is neutral"
        )
    valence, arousal = (max(-1.0, min(1.0, intensity * value)) for value in NAMED_STATES[name])
    return valence, arousal


def nearest_state(valence: float, arousal: float) -> str:
    """The name of the state that lies closest to the given feeling."""
    return min(NAMED_STATES, key=lambda name: math.dist(NAMED_STATES[name], (valence, arousal)))


def _points(lane: str, points: object) -> tuple[Point, ...]:
    """The points of a lane, known to be points of numbers, as a tuple."""
    if not isinstance(points, (tuple, list)):
        raise KeyFaceError(f"{lane} is {shown(points)}; give a tuple of points, Point(seconds, value)")
    for point in points:
        if not isinstance(point, Point):
            raise KeyFaceError(f"{lane} has {shown(point)} where a Point(seconds, value) belongs")
        for name, value in (("time", point.seconds), ("value", point.value)):
            if type(value) is not float:  # a float's range is checked with its neighbours
                real(f"{lane}: the {name} of a point", value)
    return tuple(points)


def _check_lane(lane: str, points: tuple[Point, ...]) -> None:
    for point in points:
        where = f"{lane} at {point.seconds:g} s"
        if not 0 <= point.seconds < math.inf:
            raise KeyFaceError(f"{where}: a time must be 0 or more and finite; correct or remove this point")
        if not -1 <= point.value <= 1:
            raise KeyFaceError(f"{where} is {point.value:g}; it must lie in [-1, 1]: bring it in there")
        if point.mode not in get_args(Mode):
            raise KeyFaceError(f"{where} has the mode {point.mode!r}; use {', '.join(get_args(Mode))}")
    for before, point in pairwise(points):
        if abs(point.seconds - before.seconds) < LEAST_STEP:
            raise KeyFaceError(f"{lane} has two points at {point.seconds:g} s; keep one of them")
        if point.seconds < before.seconds:
            raise KeyFaceError(
                f"{lane} has its point at {point.seconds:g} s after the one at {before.seconds:g} s; "
                "sort the points by time"
            )


def _sample_lane(points: tuple[Point, ...], seconds: torch.Tensor) -> torch.Tensor:
    if not points:
        return torch.zeros_like(seconds)
    x = torch.tensor([point.seconds for point in points], dtype=torch.float64)
    y = torch.tensor([point.value for point in points], dtype=torch.float64)
    linear, quadratic, cubic = _polynomials(x, y, [point.mode for point in points])
    piece = (torch.searchsorted(x, seconds, right=True) - 1).clamp(min=0)
    dt = (seconds - x[piece]).clamp(min=0)
    return y[piece] + dt * (linear[piece] + dt * (quadratic[piece] + dt * cubic[piece]))


def _polynomials(x: torch.Tensor, y: torch.Tensor, modes: list[Mode]) -> tuple[torch.Tensor, ...]:
    """Linear, quadratic and cubic coefficient of the piece that starts at each of n points: three of (n,).

    All modes are cubic Hermite pieces: a linear one has its own slope as both tangents, and a held one is
    flat. So is the piece behind the last point, which never ends.
    """
    step = x.diff()
    smooth = torch.tensor([mode == "smooth" for mode in modes[:-1]], dtype=torch.bool)
    held = torch.tensor([mode == "hold" for mode in modes[:-1]], dtype=torch.bool)
    slope = torch.where(held, 0.0, y.diff() / step)
    start, end = _tangents(step, slope, smooth)
    quadratic = (2 * (slope - start) + (slope - end)) / step
    cubic = ((start - slope) + (end - slope)) / step**2
    return tuple(torch.cat([piece, piece.new_zeros(1)]) for piece in (start, quadratic, cubic))


def _tangents(
    step: torch.Tensor, slope: torch.Tensor, smooth: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Slopes at the start and the end of each of n pieces, each (n,).

    Where two smooth pieces meet: Steffen 1990, in the one-line form below his equation 11. At the outer end
    of a run of smooth pieces: the tangent that makes its last piece a parabola, which is monotone too (the
    choice of d3-shape's curveMonotoneX; Steffen's end points are others). A smooth piece without smooth
    neighbours is straight.
    """
    s0, s1, h0, h1 = slope[:-1], slope[1:], step[:-1], step[1:]
    parabola = s0 * (h1 / (h0 + h1)) + s1 * (h0 / (h0 + h1))
    steepest = torch.minimum(torch.minimum(s0.abs(), s1.abs()), parabola.abs() / 2)
    inner = (s0.sign() + s1.sign()) * steepest

    joined = smooth[:-1] & smooth[1:]
    false, none = joined.new_zeros(1), inner.new_zeros(1)
    starts_inside, ends_inside = torch.cat([false, joined]), torch.cat([joined, false])
    inner_start, inner_end = torch.cat([none, inner]), torch.cat([inner, none])

    start_of_run = torch.where(ends_inside, (3 * slope - inner_end) / 2, slope)
    end_of_run = torch.where(starts_inside, (3 * slope - inner_start) / 2, slope)
    return (
        torch.where(starts_inside, inner_start, start_of_run),
        torch.where(ends_inside, inner_end, end_of_run),
    )
