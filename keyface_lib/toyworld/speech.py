"""Speech with the mouth that makes it: voices, 16 kHz sound, and phonemes turned into opening and width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..method.timeline import SAMPLE_RATE
from .espeak import Utterance, Voice, speak
from .sentences import Split, check_split

CONTROL_RATE = 100
"""Points a second of every curve before it is averaged to video frames."""
SPEECH_RMS = 0.08
LIPS_MOVE_S = 0.03
"""How long before a sound ends the lips leave it, at most."""

ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
SPEAKERS: dict[Split, tuple[str, ...]] = {
    "train": ("m1", "m2", "m3", "m4", "m7", "m8", "f1"),
    "test": ("m5", "m6", "f4"),
}
"""eSpeak's speakers: those of the test split never speak in training.

Not among them are f2, f3 and f5, whose breath eSpeak NG 1.52 makes of random numbers seeded with the time.
"""

Shape = tuple[float, float]
"""A mouth: opening in [0, 1], width in [-1, 1] (-1 is rounded, 1 is spread)."""

VOWELS: dict[str, tuple[Shape, ...]] = {
    "i": ((0.22, 0.8),),
    "I": ((0.35, 0.5),),
    "E": ((0.55, 0.45),),
    "a": ((0.85, 0.4),),
    "A": ((0.9, 0.0),),
    "0": ((0.75, -0.25),),
    "V": ((0.62, 0.1),),
    "@": ((0.42, 0.0),),
    "3": ((0.42, -0.2),),
    "O": ((0.62, -0.6),),
    "U": ((0.3, -0.7),),
    "u": ((0.24, -1.0),),
    "aI": ((0.85, 0.35), (0.35, 0.5)),
    "aU": ((0.85, 0.2), (0.3, -0.8)),
    "eI": ((0.55, 0.45), (0.28, 0.7)),
    "OI": ((0.62, -0.6), (0.35, 0.5)),
    "oU": ((0.55, -0.6), (0.26, -0.9)),
    "o@": ((0.62, -0.6), (0.45, -0.2)),
    "O@": ((0.62, -0.6), (0.45, -0.2)),
    "i@": ((0.3, 0.6), (0.42, 0.0)),
    "e@": ((0.55, 0.4), (0.42, 0.0)),
    "U@": ((0.3, -0.7), (0.42, -0.1)),
    "aI@": ((0.85, 0.35), (0.35, 0.5), (0.42, 0.0)),
    "@L": ((0.42, 0.0), (0.3, 0.0)),
}
CONSONANTS: dict[str, Shape] = {
    **dict.fromkeys("pbm", (0.0, 0.0)),
    **dict.fromkeys("fv", (0.06, 0.15)),
    **dict.fromkeys(("w",), (0.12, -1.0)),
    **dict.fromkeys(("S", "Z", "tS", "dZ"), (0.2, -0.5)),
    **dict.fromkeys(("j", ";"), (0.22, 0.5)),
    **dict.fromkeys("tdszTDn", (0.2, 0.15)),
    **dict.fromkeys(("r", "l", "k", "g", "N", "h", "?"), (0.3, -0.05)),
}
CLOSERS, ROUNDERS = tuple("pbmfv"), ("w",)
"""Consonants whose lips cannot give way to their neighbours, in opening and in width."""
SILENCE: Shape = (0.0, 0.0)


@dataclass(frozen=True)
class Spoken:
    """A sentence as sound and as phonemes.

    Attributes:
        waveform: (samples,) float64, mono at 16 kHz.
        phonemes: (first second, eSpeak mnemonic) in order, counted from the start of the waveform.
    """

    waveform: np.ndarray
    phonemes: tuple[tuple[float, str], ...]

    @property
    def seconds(self) -> float:
        return len(self.waveform) / SAMPLE_RATE


def draw_voice(rng: np.random.Generator, split: Split = "train") -> Voice:
    """A random speaker of the split with a random accent, speed, pitch and liveliness."""
    check_split(split)
    accent, speaker = rng.choice(ACCENTS), rng.choice(SPEAKERS[split])
    return Voice(
        name=f"{accent}+{speaker}",
        rate=int(rng.integers(130, 186)),
        pitch=int(rng.integers(30, 71)),
        pitch_range=int(rng.integers(30, 81)),
    )


def say(sentences: Sequence[str], voice: Voice) -> list[Spoken]:
    """Speaks the sentences: the same call gives the same samples.

    Raises:
        KeyFaceError: eSpeak NG is missing or does not know the voice.
    """
    return [_at_16k(utterance) for utterance in speak(sentences, voice)]


def sound_of(mnemonic: str) -> str:
    """The sound in `VOWELS` or `CONSONANTS` that an eSpeak mnemonic is a variant of, "_" if none.

    eSpeak marks variants with signs after the phoneme (`aI3`, `t#`), so the longest known beginning counts.
    """
    beginnings = (mnemonic[:length] for length in range(len(mnemonic), 0, -1))
    return next((sound for sound in beginnings if sound in VOWELS or sound in CONSONANTS), "_")


def mouth_curves(phonemes: Sequence[tuple[float, str]], seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Opening in [0, 1] and width in [-1, 1] of the speaking mouth, each (points,) at `CONTROL_RATE`.

    Neighbouring phonemes share the mouth by dominance (Cohen and Massaro 1993): each pulls towards its shape
    with a weight that decays before it starts and after it ends, and the mouth is the weighted mean.

    Args:
        phonemes: (first second, mnemonic) in order.
        seconds: length of the curves; the last phoneme lasts until then.
    """
    if not phonemes:
        phonemes = [(0.0, "_")]
    starts = [start for start, _ in phonemes] + [max(seconds, phonemes[-1][0])]
    rows = []
    for (start, mnemonic), stop in zip(phonemes, starts[1:], strict=True):
        sound = sound_of(mnemonic)
        shapes = VOWELS.get(sound) or (CONSONANTS.get(sound, SILENCE),)
        opening_pull = 6.0 if sound in CLOSERS else 2.0 if sound in VOWELS else 1.0
        width_pull = 3.0 if sound in ROUNDERS else 1.0 if sound in VOWELS else 0.4
        step = (stop - start) / len(shapes)
        rows += [(start + i * step, step, *shape, opening_pull, width_pull) for i, shape in enumerate(shapes)]
    first, length, opening, width, opening_pull, width_pull = np.array(rows).T
    time = (np.arange(round(seconds * CONTROL_RATE)) + 0.5)[:, None] / CONTROL_RATE
    # Lips are held for the middle of a sound; at its ends they are on their way.
    held = length / 2 - np.minimum(length / 4, LIPS_MOVE_S)
    outside = np.abs(time - (first + length / 2)) - held

    def blended(target: np.ndarray, pull: np.ndarray, decay_s: float) -> np.ndarray:
        weight = pull * np.exp(-np.maximum(outside, 0) / decay_s)
        return (weight * target).sum(axis=1) / (weight.sum(axis=1) + 1e-12)

    return blended(opening, opening_pull, 0.025), blended(width, width_pull, 0.045)


def _at_16k(utterance: Utterance) -> Spoken:
    """The utterance at 16 kHz with its silent end cut off and the loudness of all speech."""
    rate = utterance.rate
    waveform = _resampled(utterance.samples.astype(np.float64), rate)
    loud = np.flatnonzero(np.abs(waveform) > 0.01 * np.abs(waveform).max())
    waveform = waveform[: loud[-1] + 1] if len(loud) else waveform
    waveform *= SPEECH_RMS / (np.sqrt(np.mean(waveform**2)) + 1e-12)
    seconds = len(waveform) / SAMPLE_RATE
    phonemes = [(first / rate, mnemonic) for first, mnemonic in utterance.phonemes]
    return Spoken(waveform, tuple(item for item in phonemes if item[0] < seconds))


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """Sound (samples,) at `rate` as float64 at 16 kHz, by cutting its spectrum.

    In double precision, unlike `audio.reading`: its last digits depend on the machine but are far below the
    16 bits kept, so a seed gives the same bytes everywhere.
    """
    common = math.gcd(rate, SAMPLE_RATE)
    blocks = -(-len(samples) // (rate // common))
    before, after = blocks * (rate // common), blocks * (SAMPLE_RATE // common)
    spectrum = np.fft.rfft(samples, before)
    return np.fft.irfft(spectrum[: after // 2 + 1], after) * (after / before)
