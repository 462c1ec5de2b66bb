"""Long sound in overlapping windows, laid out on an encoder's own grid of tokens.

Attention over an hour does not fit any memory, so sound longer than one window is encoded in windows that
overlap; of each, only tokens with `MARGIN_S` of context on both sides are kept. Sound of up to one window is
encoded whole.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..method.timeline import SAMPLE_RATE

WINDOW_S = 30.0
"""Seconds of sound an encoder hears at once: 1,500 tokens, whose attention is about 0.6 GB at full size."""
MARGIN_S = 4.0
"""Seconds at an inner end of a window whose tokens are left to the neighbouring window."""


@dataclass(frozen=True)
class Window:
    """Positions `start` to `stop` are seen, `keep_start` to `keep_stop` of them are kept."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def overlapping(total: int, length: int, margin: int) -> list[Window]:
    """Windows over `total` positions of which every one is kept exactly once.

    All windows have `length` positions (one window with all of them, where `total` is less) and keep at
    least `margin` positions of context on either side, but at the two ends of the sound.
    """
    if total <= length:
        return [Window(0, total, 0, total)]
    step = length - 2 * margin
    starts = [*range(0, total - length, step), total - length]
    ends = [*(start + length - margin for start in starts[:-1]), total]
    return [
        Window(start, start + length, keep_start, keep_stop)
        for start, keep_start, keep_stop in zip(starts, [0, *ends[:-1]], ends, strict=True)
    ]


@dataclass(frozen=True)
class TokenGrid:
    """Where an encoder's tokens lie on its 16 kHz samples.

    Attributes:
        hop: samples from one step to the next.
        field: samples that one step sees.
        tokens: tokens of one step.
    """

    hop: int
    field: int
    tokens: int = 1

    def steps(self, samples: int) -> int:
        """The whole steps that fit into `samples`."""
        return max(0, (samples - self.field) // self.hop + 1)

    def windows(self, samples: int, window_s: float = WINDOW_S) -> list[Window]:
        """Windows of `window_s` seconds over `samples`, counted in steps."""
        length, margin = (self.steps(int(s * SAMPLE_RATE)) for s in (window_s, MARGIN_S))
        return overlapping(self.steps(samples), length, margin)

    def sample_range(self, window: Window, samples: int) -> tuple[int, int]:
        """The samples a window over all `samples` sees; the last window sees them to their very end."""
        last = window.stop == self.steps(samples)
        return window.start * self.hop, samples if last else (window.stop - 1) * self.hop + self.field


@dataclass(frozen=True)
class Scaling:
    """What an encoder does to samples before it hears them: (sample - mean) / std.

    Attributes:
        silence: the sample value that fills up a sound's end, before scaling.
    """

    mean: float = 0.0
    std: float = 1.0
    silence: float = 0.0


def scaled_samples(waveform: torch.Tensor, start: int, stop: int, scaling: Scaling) -> torch.Tensor:
    """Samples `start` to `stop` of a waveform (samples,), scaled, with silence after its end."""
    samples = waveform[start:stop].float()
    samples = F.pad(samples, (0, stop - start - len(samples)), value=scaling.silence)
    return (samples - scaling.mean) / scaling.std
