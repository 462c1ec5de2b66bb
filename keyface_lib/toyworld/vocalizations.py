"""Sounds a voice makes that are not speech, synthesised together with what the face does meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..method.timeline import SAMPLE_RATE
from .speech import CONTROL_RATE

SILENCE, SPEECH = "silence", "speech"
CLASSES = (
    SILENCE,
    "mhm",
    "oh",
    "ah",
    "cough",
    "sigh",
    "yawn",
    "throat clearing",
    "laughter",
    SPEECH,
)
"""What is heard in a frame, by number: KeyFace's nine classes (section 4.2) and silence."""
HARMONICS_TO_HZ = 5000
POINT = SAMPLE_RATE // CONTROL_RATE

Formants = tuple[tuple[float, float, float], ...]
"""(Hz, bandwidth in Hz, gain) of the resonances of the mouth."""
OPEN: Formants = ((750, 130, 1.0), (1250, 150, 0.5), (2600, 250, 0.15))
ROUND: Formants = ((480, 110, 1.0), (850, 130, 0.5), (2500, 250, 0.08))
NASAL: Formants = ((260, 90, 1.0), (1050, 250, 0.12), (2200, 300, 0.05))
NARROW: Formants = ((430, 120, 1.0), (1500, 220, 0.3), (2500, 300, 0.12))
BREATH: Formants = ((900, 900, 1.0), (2200, 1400, 0.6))


@dataclass(frozen=True)
class VocalGesture:
    """A sound and its gesture.

    Attributes:
        label: one of `CLASSES`.
        waveform: (samples,) float64, mono at 16 kHz.
        gesture: {name: (points,)} at `CONTROL_RATE`. "opening" and "width" are the mouth's; "smile", "brow",
            "eye" (opening) and "y" (nod, in frame heights) are added to what the face does anyway.
    """

    label: str
    waveform: np.ndarray
    gesture: dict[str, np.ndarray]

    @property
    def seconds(self) -> float:
        return len(self.waveform) / SAMPLE_RATE


def vocalize(label: str, rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    """A new instance of one of the eight vocalizations, in a voice of the given pitch."""
    return SYNTHESES[label](rng, pitch_hz)


def _laughter(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    beats, beat = int(rng.integers(4, 9)), rng.uniform(0.17, 0.24)
    time = _time(beats * beat + 0.15)
    within, count = time % beat / beat, np.minimum(time // beat, beats - 1)
    fade = np.clip(1.1 - 0.7 * time / time[-1], 0, 1)
    burst = np.clip(within / 0.15, 0, 1) * np.clip((0.62 - within) / 0.3, 0, 1) * (time < beats * beat) * fade
    wave = _voiced(pitch_hz * (1.7 - 0.06 * count - 0.25 * within), burst, OPEN)
    wave += 0.35 * _breath(rng, np.clip(1 - within / 0.35, 0, 1) * burst + 0.1 * burst, BREATH)
    pulse = _points(np.sin(np.pi * np.clip(within, 0, 1)) ** 2 * fade)
    hold = _hump(time, 0.15, 0.35)
    return _made(
        "laughter",
        wave,
        opening=hold * (0.3 + 0.5 * pulse),
        width=0.6 * hold,
        smile=0.6 * hold,
        eye=-0.25 * hold,
        brow=0.2 * hold,
        y=-0.012 * pulse * hold,
    )


def _sigh(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    time = _time(rng.uniform(1.0, 1.5))
    out = np.clip(time / 0.15, 0, 1) * np.exp(-2.2 * time / time[-1]) * np.clip((time[-1] - time) / 0.2, 0, 1)
    wave = 0.8 * _breath(rng, out, BREATH) + 0.15 * _voiced(pitch_hz * (1.1 - 0.3 * time), out, NARROW)
    hold = _hump(time, 0.2, 0.6)
    return _made("sigh", wave, opening=0.32 * hold, width=-0.25 * hold, brow=0.3 * hold, eye=-0.25 * hold,
                 y=0.012 * hold)  # fmt: skip


def _cough(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    beats, beat = int(rng.integers(2, 4)), rng.uniform(0.3, 0.4)
    time = _time(beats * beat + 0.1)
    within = time % beat
    burst = (within > 0.04) * np.exp(-np.maximum(within - 0.04, 0) / 0.07) * (time < beats * beat)
    wave = _breath(rng, burst, BREATH) + 0.3 * _voiced(pitch_hz * (1.2 - within), burst, OPEN)
    shut = _points(np.clip((within - 0.02) / 0.05, 0, 1) * np.exp(-np.maximum(within - 0.1, 0) / 0.1))
    hold = _hump(time, 0.08, 0.2)
    return _made("cough", wave, opening=0.6 * shut * hold, width=-0.3 * hold, eye=-0.5 * hold,
                 brow=-0.3 * hold, y=0.02 * shut * hold)  # fmt: skip


def _yawn(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    time = _time(rng.uniform(1.9, 2.6))
    part = time / time[-1]
    breath_in = np.clip(part / 0.1, 0, 1) * np.clip((0.45 - part) / 0.1, 0, 1)
    voice_out = np.clip((part - 0.42) / 0.08, 0, 1) * np.clip((1 - part) / 0.4, 0, 1)
    wave = 0.25 * _breath(rng, breath_in, BREATH) + 0.1 * _breath(rng, voice_out, BREATH)
    wave += 0.6 * _voiced(pitch_hz * (1.5 - 0.7 * part), voice_out, OPEN)
    hold = _hump(time, 0.7, 0.7)
    return _made("yawn", wave, opening=hold, width=-0.35 * hold, eye=-0.7 * hold, brow=0.5 * hold,
                 y=-0.02 * hold)  # fmt: skip


def _mhm(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    time = _time(rng.uniform(0.45, 0.65))
    part = time / time[-1]
    loud = np.sin(np.pi * part) ** 0.5 * (1 - 0.75 * np.exp(-(((part - 0.45) / 0.08) ** 2)))
    wave = _voiced(pitch_hz * (0.95 + 0.3 * (part > 0.45) * (part - 0.45) + 0.05 * part), loud, NASAL)
    nod = _points(np.sin(2 * np.pi * part) ** 2)
    return _made("mhm", wave, opening=0 * nod, width=0.1 * nod, smile=0.15 * nod, y=0.018 * nod)


def _oh(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    time = _time(rng.uniform(0.45, 0.75))
    loud = np.clip(time / 0.06, 0, 1) * np.clip((time[-1] - time) / 0.2, 0, 1)
    wave = _voiced(pitch_hz * (1.35 - 0.5 * time), loud, ROUND)
    hold = _hump(time, 0.1, 0.2)
    return _made("oh", wave, opening=0.55 * hold, width=-0.9 * hold, brow=0.5 * hold, eye=0.15 * hold)


def _ah(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    time = _time(rng.uniform(0.5, 0.9))
    loud = np.clip(time / 0.08, 0, 1) * np.clip((time[-1] - time) / 0.25, 0, 1)
    wave = _voiced(pitch_hz * (1.15 + 0.15 * np.sin(np.pi * time / time[-1])), loud, OPEN)
    hold = _hump(time, 0.1, 0.22)
    return _made("ah", wave, opening=0.85 * hold, width=0.2 * hold, brow=0.3 * hold)


def _throat_clearing(rng: np.random.Generator, pitch_hz: float) -> VocalGesture:
    beats, beat = 2, rng.uniform(0.28, 0.36)
    time = _time(beats * beat)
    within = time % beat / beat
    loud = np.clip(within / 0.15, 0, 1) * np.clip((0.85 - within) / 0.4, 0, 1)
    # A rough voice: the pitch jumps from pulse to pulse and every second one is weaker.
    jitter = np.repeat(rng.uniform(0.75, 1.25, len(time) // 80 + 1), 80)[: len(time)]
    wave = _voiced(0.75 * pitch_hz * jitter, loud * (0.7 + 0.3 * np.sin(2 * np.pi * 38 * time)), NARROW)
    wave += 0.25 * _breath(rng, loud, BREATH)
    hold = _hump(time, 0.1, 0.15)
    return _made("throat clearing", wave, opening=(0.1 + 0.12 * _points(loud)) * hold, width=0.1 * hold,
                 brow=-0.4 * hold, eye=-0.15 * hold, y=0.01 * _points(loud) * hold)  # fmt: skip


SYNTHESES: dict[str, Callable[[np.random.Generator, float], VocalGesture]] = {
    "mhm": _mhm,
    "oh": _oh,
    "ah": _ah,
    "cough": _cough,
    "sigh": _sigh,
    "yawn": _yawn,
    "throat clearing": _throat_clearing,
    "laughter": _laughter,
}


def _time(seconds: float) -> np.ndarray:
    """Seconds of every sample, for a whole number of control points."""
    return np.arange(round(seconds * CONTROL_RATE) * POINT) / SAMPLE_RATE


def _points(curve: np.ndarray) -> np.ndarray:
    """A curve over samples, averaged to control points."""
    return curve.reshape(-1, POINT).mean(axis=1)


def _hump(time: np.ndarray, rise_s: float, fall_s: float) -> np.ndarray:
    """0 to 1 and back to 0 with smooth flanks, over control points."""
    up, down = np.clip(time / rise_s, 0, 1), np.clip((time[-1] - time) / fall_s, 0, 1)
    edge = np.minimum(up, down)
    return _points(edge * edge * (3 - 2 * edge))


def _gain(hertz: np.ndarray, formants: Formants) -> np.ndarray:
    return sum(gain / (1 + ((hertz - centre) / (width / 2)) ** 2) for centre, width, gain in formants)


def _voiced(pitch_hz: np.ndarray, loudness: np.ndarray, formants: Formants) -> np.ndarray:
    """A buzzing voice as the sum of its harmonics, each as loud as the mouth lets it pass."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
    harmonics = range(1, int(HARMONICS_TO_HZ / pitch_hz.max()) + 1)
    wave = sum(_gain(k * pitch_hz, formants) / k**0.7 * np.sin(k * phase) for k in harmonics)
    return _levelled(wave) * loudness


def _breath(rng: np.random.Generator, loudness: np.ndarray, formants: Formants) -> np.ndarray:
    """Noise with the colour of the mouth."""
    spectrum = np.fft.rfft(rng.standard_normal(len(loudness)))
    hertz = np.fft.rfftfreq(len(loudness), 1 / SAMPLE_RATE)
    return _levelled(np.fft.irfft(spectrum * _gain(hertz, formants), len(loudness))) * loudness


def _levelled(wave: np.ndarray) -> np.ndarray:
    return 0.12 * wave / np.sqrt(np.mean(wave**2) + 1e-12)


def _made(label: str, wave: np.ndarray, **gesture: np.ndarray) -> VocalGesture:
    return VocalGesture(label, wave, gesture)
