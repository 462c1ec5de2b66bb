"""How well a generated face does what it should: pure functions on measured and true curves.

Curves are (frames,) at 25 fps, from `measure.measure` or a clip's truth.
"""

from dataclasses import dataclass

import torch

from ..errors import KeyFaceError
from ..method.timeline import FPS


def pearson(a: torch.Tensor, b: torch.Tensor) -> float:
    """Linear correlation in [-1, 1] of two curves; 0 where one of them is constant."""
    a, b = _pair(a, b)
    a, b = a - a.mean(), b - b.mean()
    spread = (a.square().sum() * b.square().sum()).sqrt()
    return float((a * b).sum() / spread) if spread > 1e-12 else 0.0


def spearman(a: torch.Tensor, b: torch.Tensor) -> float:
    """Rank correlation in [-1, 1]: how far b rises whenever a does; equal values share their mean rank."""
    return pearson(_ranks(a), _ranks(b))


def shifted_pearson(a: torch.Tensor, b: torch.Tensor, seconds: float = 0.4) -> float:
    """`pearson` with b that many seconds later, over the frames both have.

    A mouth that follows the sound correlates with the true one, and no more than the truth with itself with
    the truth shifted.
    """
    a, b = _pair(a, b)
    shift = round(abs(seconds) * FPS)
    if shift >= len(a) - 1:
        raise KeyFaceError(f"{len(a)} frames cannot be shifted by {seconds:g} s; use a longer clip")
    late, early = (a, b) if seconds >= 0 else (b, a)
    return pearson(late[shift:], early[: len(early) - shift])


def jitter(curve: torch.Tensor) -> float:
    """Root mean square of the second difference: what shakes from frame to frame, not what moves."""
    if len(curve) < 3:
        raise KeyFaceError(f"jitter needs 3 frames or more, not {len(curve)}; use a longer clip")
    return float(curve.double().diff(n=2).square().mean().sqrt())


def silence_ratio(opening: torch.Tensor, silent: torch.Tensor, speaking: torch.Tensor) -> float:
    """Mean mouth opening of the silent frames over that of the speaking ones.

    Args:
        opening: (frames,).
        silent, speaking: (frames,) bool; frames in neither do not count. `settled` leaves out the edges of
            silence, where a mouth still moves.
    """
    if not (silent.any() and speaking.any()):
        raise KeyFaceError("the clip has no silent or no speaking frames; use a clip that has both")
    opening = opening.double()
    return float(opening[silent].mean() / opening[speaking].mean().clamp(min=1e-12))


def settled(frames: torch.Tensor, margin: int = 3) -> torch.Tensor:
    """Which of (frames,) bool are at least `margin` frames inside their run; both ends of the clip count."""
    outside = (~frames).float()[None, None]
    near = torch.nn.functional.max_pool1d(outside, 2 * margin + 1, stride=1, padding=margin)
    return near[0, 0] == 0


@dataclass(frozen=True)
class Drift:
    """How an identity changes over a clip, per measured number; each (numbers,).

    Attributes:
        difference: mean of the last second less that of the first.
        trend: slope of a straight line through all frames, per second.
        deviation: standard deviation of the mean of a second around that line.
    """

    difference: torch.Tensor
    trend: torch.Tensor
    deviation: torch.Tensor

    def has_trend(self, seconds: float, times: float = 2.0) -> torch.Tensor:
        """Where the trend over so many seconds exceeds so many deviations, (numbers,) bool."""
        return self.trend.abs() * seconds > times * self.deviation


def identity_drift(identity: torch.Tensor) -> Drift:
    """How (frames, numbers), such as `Measurements.identity()`, changes over two seconds or more."""
    whole = len(identity) // FPS
    if whole < 2:
        raise KeyFaceError(f"drift needs 2 seconds or more, not {len(identity)} frames; use a longer clip")
    seconds = identity[: whole * FPS].double().reshape(whole, FPS, -1).mean(dim=1)
    time = torch.arange(whole, dtype=torch.float64)
    time = (time - time.mean())[:, None]
    trend = (time * seconds).sum(dim=0) / time.square().sum()
    residual = seconds - seconds.mean(dim=0) - time * trend
    last, first = identity[-FPS:].double().mean(dim=0), identity[:FPS].double().mean(dim=0)
    return Drift(last - first, trend, residual.square().mean(dim=0).sqrt())


def _pair(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise KeyFaceError(
            f"curves of shapes {tuple(a.shape)} and {tuple(b.shape)} cannot be compared; "
            "give two of one length, at least 2"
        )
    return a.double(), b.double()


def _ranks(curve: torch.Tensor) -> torch.Tensor:
    _, group, count = curve.unique(return_inverse=True, return_counts=True)
    last = count.cumsum(dim=0)
    return (last.double() - (count.double() - 1) / 2)[group]
