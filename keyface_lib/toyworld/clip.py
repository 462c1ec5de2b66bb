"""Whole clips: a seeded person who speaks, laughs, sighs and feels, with the truth of every frame."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import KeyFaceError
from ..messages import shown
from ..method.emotion import NAMED_STATES, EmotionCurve, Point, constant
from ..method.timeline import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from .espeak import Voice
from .face import SMALLEST, draw
from .identity import Identity, draw_identity
from .motion import Motion
from .sentences import Split, check_split, draw_sentence
from .speech import CONTROL_RATE, Spoken, draw_voice, mouth_curves, say
from .vocalizations import CLASSES, SPEECH, SYNTHESES, VocalGesture, vocalize

POINTS_PER_FRAME = CONTROL_RATE // FPS
LARGEST, LONGEST_S = 4096, 600
VOCALIZATION_SHARE = 0.35
"""How often a vocalization follows where otherwise a sentence would."""


@dataclass(frozen=True)
class Performance:
    """Everything about a clip but its pixels.

    Attributes:
        identity: the person.
        voice: how they speak.
        sentences: what they say, also what is cut off at the end.
        emotion: what they feel.
        waveform: (640 * frames,) float32, mono at 16 kHz, on the grid of 16-bit sound.
        motion: what the face does.
        vocalization: (frames,) int64 into `vocalizations.CLASSES`, what is heard in the middle of a frame.
    """

    identity: Identity
    voice: Voice
    sentences: tuple[str, ...]
    emotion: EmotionCurve
    waveform: torch.Tensor
    motion: Motion
    vocalization: torch.Tensor


@dataclass(frozen=True)
class ToyClip:
    """A clip of the toy world at 25 frames a second.

    Attributes:
        performance: what was drawn.
        frames: (frames, size, size, 3) uint8.
    """

    performance: Performance
    frames: torch.Tensor

    @property
    def waveform(self) -> torch.Tensor:
        """(640 * frames,) float32, mono at 16 kHz."""
        return self.performance.waveform

    @property
    def identity(self) -> Identity:
        return self.performance.identity

    @functools.cached_property
    def valence(self) -> torch.Tensor:
        """(frames,) float32 in [-1, 1]."""
        return self.performance.emotion.at_frames(len(self.frames))[0]

    @functools.cached_property
    def arousal(self) -> torch.Tensor:
        """(frames,) float32 in [-1, 1]."""
        return self.performance.emotion.at_frames(len(self.frames))[1]

    @property
    def truth(self) -> dict[str, torch.Tensor]:
        """What every frame shows, each (frames,): the curves of `face.Motion` and "vocalization"."""
        return {**vars(self.performance.motion), "vocalization": self.performance.vocalization}


def make_clip(
    seed: int,
    seconds: float,
    split: Split = "train",
    size: int = 128,
    emotion: EmotionCurve | None = None,
    device: torch.device | str = "cpu",
) -> ToyClip:
    """A clip of the toy world; equal arguments give equal bytes wherever eSpeak NG is the same.

    Args:
        seed: of everything random, from 0 up.
        seconds: length, rounded to whole frames.
        split: "test" clips show people, voices and sentences that never occur in "train".
        size: of a frame in pixels, from 32 up.
        emotion: what is felt; by default it is random too. It changes nothing but the face.
        device: where the pixels are computed.

    Raises:
        KeyFaceError: eSpeak NG is missing, the split is unknown, the seed is negative, or the clip or its
            frames are too small.
    """
    check_clip(seed, seconds, split, size)
    performance = perform(seed, seconds, split, emotion)
    return ToyClip(performance, draw(performance.identity, performance.motion, size, device))


def check_clip(seed: int, seconds: float, split: str, size: int = SMALLEST) -> None:
    """Checks the arguments of `make_clip` before anything is made.

    Raises:
        KeyFaceError: one is of another type, no number, or out of its range.
    """
    check_split(split)
    wholes = (("seed", seed, 0, 2**63 - 1), ("size", size, SMALLEST, LARGEST))
    for name, value, low, high in wholes:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise KeyFaceError(f"{name} is {shown(value)}; it must be a whole number from {low} to {high}")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 1 / FPS <= seconds <= LONGEST_S:
        raise KeyFaceError(f"seconds is {shown(seconds)}; it must be a number from {1 / FPS} to {LONGEST_S}")


def perform(
    seed: int, seconds: float, split: Split = "train", emotion: EmotionCurve | None = None
) -> Performance:
    """`make_clip` without its pixels."""
    check_clip(seed, seconds, split)
    n_frames = round(seconds * FPS)
    streams = np.random.SeedSequence([seed, ("train", "test").index(split)]).spawn(5)
    for_person, for_voice, for_sound, for_feeling, for_body = map(np.random.default_rng, streams)

    identity, voice = draw_identity(for_person, split), draw_voice(for_voice, split)
    felt = draw_emotion(for_feeling, n_frames / FPS) if emotion is None else emotion
    sentences = tuple(draw_sentence(for_sound, split) for _ in range(2 + int(seconds / 2)))
    track = _Track(n_frames)
    for pause, sound in _sounds(for_sound, sentences, voice):
        track.add(pause, sound)
        if track.full:
            break
    return Performance(
        identity=identity,
        voice=voice,
        sentences=sentences[: track.sentences],
        emotion=felt,
        waveform=track.waveform(),
        motion=_motion(track, felt, for_body),
        vocalization=track.labels(),
    )


def draw_emotion(rng: np.random.Generator, seconds: float) -> EmotionCurve:
    """A random feeling: constant in one clip of four, else wandering every 1.5 to 4 seconds."""
    if rng.random() < 0.25:
        return constant(*_feeling(rng))
    times = [0.0]
    while times[-1] < seconds:
        times.append(round(times[-1] + rng.uniform(1.5, 4.0), 3))
    lanes = zip(*(_feeling(rng) for _ in times), strict=True)
    return EmotionCurve(*(tuple(map(Point, times, lane)) for lane in lanes))


def _feeling(rng: np.random.Generator) -> tuple[float, float]:
    """Valence and arousal: a named state, or anywhere."""
    if rng.random() < 0.5:
        return list(NAMED_STATES.values())[rng.integers(len(NAMED_STATES))]
    valence, arousal = rng.uniform(-1, 1, 2).round(3)
    return float(valence), float(arousal)


def _sounds(
    rng: np.random.Generator, sentences: tuple[str, ...], voice: Voice
) -> Iterator[tuple[float, Spoken | VocalGesture]]:
    """(silence before it in seconds, sound): sentences in order and among them vocalizations, without end.

    Every vocalization comes before any comes again.
    """
    pitch_hz = (185.0 if "+f" in voice.name else 105.0) * 2 ** ((voice.pitch - 50) / 60)
    spoken, labels = iter(say(sentences, voice)), []
    pause_s = rng.uniform(0.1, 0.4)
    while True:
        sound = None if rng.random() < VOCALIZATION_SHARE else next(spoken, None)
        if sound is None:
            labels = labels or rng.permutation(list(SYNTHESES)).tolist()
            sound = vocalize(labels.pop(), rng, pitch_hz)
        yield pause_s, sound
        pause_s = rng.uniform(0.2, 1.0)


class _Track:
    """A clip's sound and what the mouth and head do for it, filled from the start."""

    def __init__(self, n_frames: int):
        self.n_frames = n_frames
        self.sentences = 0
        self._points = n_frames * POINTS_PER_FRAME
        self._sound = np.zeros(n_frames * SAMPLES_PER_FRAME)
        self._labels = np.zeros(self._points, np.int64)
        self._phonemes: list[tuple[float, str]] = [(0.0, "_")]
        self._gestures = {
            name: np.zeros(self._points) for name in ("opening", "width", "smile", "brow", "eye", "y")
        }
        self._end = 0

    @property
    def full(self) -> bool:
        return self._end >= self._points

    def add(self, pause_s: float, sound: Spoken | VocalGesture) -> None:
        """Lets a sound follow after a pause; what does not fit is cut off."""
        start = self._end + round(pause_s * CONTROL_RATE)
        self._end = start + math.ceil(sound.seconds * CONTROL_RATE)
        if start >= self._points:
            return
        first = start * SAMPLE_RATE // CONTROL_RATE
        heard = sound.waveform[: len(self._sound) - first]
        self._sound[first : first + len(heard)] += heard
        if isinstance(sound, Spoken):
            self.sentences += 1
            begin = start / CONTROL_RATE
            self._phonemes += [(begin + second, mnemonic) for second, mnemonic in sound.phonemes]
            self._phonemes.append((begin + sound.seconds, "_"))
            self._labels[start : self._end] = CLASSES.index(SPEECH)
        else:
            self._labels[start : self._end] = CLASSES.index(sound.label)
            for name, curve in sound.gesture.items():
                room = self._gestures[name][start : start + len(curve)]
                room += curve[: len(room)]

    def waveform(self) -> torch.Tensor:
        """(samples,) float32, rounded to 16 bits so that every machine has the same."""
        levels = np.clip(np.round(self._sound * 2**15), -(2**15), 2**15 - 1)
        return torch.from_numpy((levels / 2**15).astype(np.float32))

    def labels(self) -> torch.Tensor:
        return torch.from_numpy(self._labels[POINTS_PER_FRAME // 2 :: POINTS_PER_FRAME].copy())

    def curves(self) -> dict[str, np.ndarray]:
        """What the sounds ask of the face: {name: (frames,)}."""
        seconds = self._points / CONTROL_RATE
        phonemes = [item for item in self._phonemes if item[0] < seconds]
        opening, width = mouth_curves(phonemes, seconds)
        moves = {**self._gestures}
        moves["opening"], moves["width"] = moves["opening"] + opening, moves["width"] + width
        return {name: curve.reshape(-1, POINTS_PER_FRAME).mean(axis=1) for name, curve in moves.items()}


def _motion(track: _Track, emotion: EmotionCurve, rng: np.random.Generator) -> Motion:
    """The face: what the sounds ask, what the feeling shows, blinks and sway."""
    heard = track.curves()
    valence, arousal = (curve.double().numpy() for curve in emotion.at_frames(track.n_frames))
    seconds = np.arange(track.n_frames) / FPS
    # What displeases knits the brows of the excited and lifts their inner ends in the weary.
    frown = np.clip(-2 * valence, 0, 1) * (1.5 * arousal - 0.2)
    eye = np.clip(0.6 + 0.3 * arousal + heard["eye"], 0, 1) * (1 - _blinks(rng, seconds))
    curves = {
        "opening": np.clip(heard["opening"], 0, 1),
        "width": np.clip(heard["width"], -1, 1),
        "smile": np.clip(0.9 * valence + heard["smile"], -1, 1),
        "brow": np.clip(0.8 * arousal + heard["brow"], -1, 1),
        "frown": np.clip(frown, -0.7, 1),
        "eye": eye,
        "x": _sway(rng, seconds, 0.018),
        "y": _sway(rng, seconds, 0.009) + heard["y"],
        "tilt": _sway(rng, seconds, 0.05),
    }
    # Rounded, so that the last digit of an exponential or a sine never decides a pixel.
    return Motion(**{name: torch.from_numpy(curve.round(4)).float() for name, curve in curves.items()})


def _blinks(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """1 where the eyes are shut, for about a fifth of a second every 2 to 5 seconds; else 0."""
    shut, at = np.zeros(len(seconds)), rng.uniform(0.5, 3.5)
    while len(seconds) and at < seconds[-1]:
        shut = np.maximum(shut, np.clip(1.6 - np.abs(seconds - at) / 0.07, 0, 1))
        at += rng.uniform(2, 5)
    return shut


def _sway(rng: np.random.Generator, seconds: np.ndarray, reach: float) -> np.ndarray:
    """A slow wandering within [-reach, reach] that never repeats."""
    hertz, phase = rng.uniform((0.07, 0.15, 0.3), (0.15, 0.3, 0.55)), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * hertz * seconds[:, None] + phase)
    return reach * waves @ np.array([0.5, 0.3, 0.2])
