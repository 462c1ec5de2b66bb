"""What is neither said nor voiced, muted: room noise, hum and short breaths then move no mouth.

A noise gate with hysteresis over the contrast between a sound and its noise floor, band by band, so hum
counts in its own bands alone and any steady colour of noise is as good as another. The floor follows the
recording by low quantiles of its levels, as in Stahl et al. 2000 ("Quantile based noise estimation for
spectral subtraction and Wiener filtering") and in the spirit of minimum statistics (Martin 2001). In doubt
sound stays: laughter, sighs and whispers are kept because they stand out from the floor, not because they are
known, and where noise is so loud that they might not, nothing is muted. docs/taste.md has what was measured.
"""

from functools import cache

import torch
import torch.nn.functional as F

from ..method.timeline import SAMPLE_RATE
from .spans import runs

STEP = SAMPLE_RATE // 50
"""Samples from one level to the next: half a video frame."""
OPENS, CLOSES = 5.0, 3.5
"""Mean contrast over bands in dB at which the gate opens, and below which it closes."""
ENOUGH = 13.0
"""Contrast in dB that one moment in twenty must exceed, as in speech 12 dB above white noise: in louder noise
sighs and whispers would be lost, so there nothing is muted."""
FAINT = 40.0
"""What lies that many dB below a loud moment's level in a band is never heard there."""
PUFF, PUFF_S = 25.0, 0.4
"""A sound that stays that many dB below loud moments for no longer than these seconds is a breath, unless it
is one of several:"""
HUSHED, TOGETHER_S = 15.0, 0.3
"""sounds that all stay that many dB below, and of which each begins within these seconds after the one
before, are a whisper, whose syllables are as short as breaths."""
SYLLABLE_S = 0.1
"""Shorter ones of them are no syllables: keys that are typed on."""
CLICK_S = 0.06
"""Shorter sounds are no voice."""
BEFORE_S, AFTER_S = 0.12, 0.2
"""Kept around every sound: quiet beginnings and ends of words."""
PAUSE_S = 0.3
"""Shorter pauses stay as they are: the mouth does not close in them."""
FADE_S = 0.02

FLOOR, FLOOR_S, FLOOR_STEP_S = 0.1, 20.0, 5.0
"""The quantile that is the noise floor, the seconds it is taken over, and how often."""
_WINDOW = 2 * STEP
_EDGES = [150 * (7500 / 150) ** (k / 12) for k in range(13)]
"""Hz between which bands lie: without rumble and most of a hum."""
_SMOOTH = 3
_BLOCK = 60 * SAMPLE_RATE
_CLIP = 20.0


def gated(waveform: torch.Tensor) -> torch.Tensor:
    """The sound with digital silence wherever nothing is said or voiced.

    Memory beside the result is about 8 kB a second.

    Args:
        waveform: (samples,) mono at 16 kHz, full scale being [-1, 1].

    Returns:
        (samples,), where nothing is muted the same tensor.
    """
    kept = voiced_spans(waveform)
    if kept == [(0, len(waveform))]:
        return waveform
    fade = round(FADE_S * SAMPLE_RATE)
    ramp = torch.linspace(0, 1, fade + 2)[1:-1]
    muted = torch.zeros_like(waveform)
    for start, stop in kept:
        muted[start:stop] = waveform[start:stop]
        if start > 0:
            muted[start : start + fade] *= ramp[: stop - start]
        if stop < len(waveform):
            muted[max(start, stop - fade) : stop] *= ramp.flip(0)[-(stop - start) :]
    return muted


def voiced_spans(waveform: torch.Tensor) -> list[tuple[int, int]]:
    """(first sample, sample after the last) of everything the gate keeps, padding included.

    It is the whole sound where nothing stands out, as in noise alone or at a low signal-to-noise ratio.
    """
    everything = [(0, len(waveform))]
    levels = band_levels(waveform)
    contrast = (levels - noise_floor(levels)).clamp(0, _CLIP).mean(dim=1)
    if _quantile(contrast, 0.95) < ENOUGH:
        return everything
    loudness = 10 * (10 ** (levels / 10)).mean(dim=1).log10()
    loud = _quantile(loudness, 0.95)
    heard = [
        (first, last)
        for first, last in runs(contrast >= CLOSES)
        if contrast[first : last + 1].max() >= OPENS and last + 1 - first >= CLICK_S * SAMPLE_RATE / STEP
    ]
    kept: list[tuple[int, int]] = []
    for first, last in _without_breaths(heard, loud - loudness):
        start = max(0, first * STEP - round(BEFORE_S * SAMPLE_RATE))
        stop = min(len(waveform), (last + 1) * STEP + round(AFTER_S * SAMPLE_RATE))
        before = kept[-1][1] if kept else 0
        if start - before < PAUSE_S * SAMPLE_RATE:
            start = kept.pop()[0] if kept else 0
        kept.append((start, stop))
    if kept and len(waveform) - kept[-1][1] < PAUSE_S * SAMPLE_RATE:
        kept[-1] = (kept[-1][0], len(waveform))
    return kept or everything


def _without_breaths(heard: list[tuple[int, int]], below: torch.Tensor) -> list[tuple[int, int]]:
    """Sounds (first step, last step) without those that are faint, short and alone.

    Args:
        below: (steps,), by how many dB each is below loud moments.
    """
    per_second = SAMPLE_RATE / STEP
    groups: list[list[tuple[int, int, float]]] = []
    for first, last in heard:
        faintness = float(below[first : last + 1].min())
        before = groups[-1][-1] if groups else None
        if (
            before is not None
            and min(faintness, before[2]) > HUSHED
            and first - before[1] <= TOGETHER_S * per_second
        ):
            groups[-1].append((first, last, faintness))
        else:
            groups.append([(first, last, faintness)])
    return [
        (first, last)
        for group in groups
        for first, last, faintness in group
        if faintness <= PUFF or _syllables(group) > PUFF_S * per_second
    ]


def _syllables(group: list[tuple[int, int, float]]) -> int:
    """Steps in all of the sounds that are long enough for one."""
    lengths = (last + 1 - first for first, last, _ in group)
    return sum(length for length in lengths if length >= SYLLABLE_S * SAMPLE_RATE / STEP)


def band_levels(waveform: torch.Tensor) -> torch.Tensor:
    """Levels in dB every `STEP` samples, averaged over three steps: (steps, 12)."""
    parts = []
    for start in range(0, len(waveform), _BLOCK):
        stop = min(start + _BLOCK, len(waveform))
        margin = _WINDOW  # what the first and last levels of the block are averaged with
        seen = waveform[max(0, start - margin) : stop + margin].float()
        missing = -(stop - start) % STEP
        before, after = margin - min(start, margin), margin - min(len(waveform) - stop, margin)
        frames = F.pad(seen, (before, after + missing)).unfold(0, _WINDOW, STEP)
        power = torch.fft.rfft(frames * torch.hann_window(_WINDOW)).abs().square() @ _bands()
        power = F.avg_pool1d(power.T[None], _SMOOTH, stride=1)[0].T
        steps = -(-(stop - start) // STEP)
        first = (len(power) - steps) // 2
        parts.append(10 * torch.log10(power[first : first + steps] + 1e-10))
    return torch.cat(parts)


def noise_floor(levels: torch.Tensor) -> torch.Tensor:
    """The level in dB at which nothing is heard yet: (steps, 12), like `levels`.

    It follows noise that changes within half a minute, and lies nowhere more than `FAINT` below loud moments.
    """
    per_second = SAMPLE_RATE / STEP
    reach, hop = (round(s * per_second) for s in (FLOOR_S / 2, FLOOR_STEP_S))
    centres = [*range(hop // 2, len(levels), hop)] or [0]
    floors = torch.stack([_low(levels, centre, reach) for centre in centres])
    loud = torch.stack([_quantile(band, 0.95) for band in levels.T])
    nearest = (torch.arange(len(levels)) // hop).clamp(max=len(centres) - 1)
    return torch.maximum(floors, loud - FAINT)[nearest]


def _low(levels: torch.Tensor, centre: int, reach: int) -> torch.Tensor:
    """The quantile `FLOOR` of each band around a step; near an end of the sound over as many steps within."""
    start = max(0, min(centre - reach, len(levels) - 2 * reach))
    return torch.stack([_quantile(band, FLOOR) for band in levels[start : start + 2 * reach].T])


def _quantile(values: torch.Tensor, share: float) -> torch.Tensor:
    return values.kthvalue(max(1, round(share * len(values)))).values


@cache
def _bands() -> torch.Tensor:
    """Which bin of the spectrum belongs to which band, as means: (321, 12)."""
    hertz = torch.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    edges = torch.tensor(_EDGES)
    inside = (hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:])
    return inside.float() / inside.sum(dim=0).clamp(min=1)
