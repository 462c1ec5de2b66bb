"""Several faces in one picture, each with its own recording and feeling, in one video."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import torch
import torch.nn.functional as F

from ..errors import KeyFaceError
from ..media.sound_mix import SoundMix
from ..messages import shown
from ..method.timeline import SAMPLE_RATE
from ..portrait.finding import Which
from ..portrait.framing import Box, Framing
from ..portrait.pasting import share
from .clip import Clip, Progress, save
from .material import Feeling, Material, Picture, Recording, framing_in, read_material, scaled_picture_of

LEAST_DISTANCE = 0.25
"""Of two faces' centres, of the smaller square's side; nearer ones are one face named twice."""


@dataclass(frozen=True)
class Person:
    """One of several faces in a picture.

    Attributes:
        face: its square in the picture, or which face it is, see `material.framing_in`.
        audio: what it says, see `KeyFace.animate`.
        emotion: what it feels.
        sample_rate: of audio that is no file, in Hz.
    """

    face: Box | Which
    audio: Recording
    emotion: Feeling = "neutral"
    sample_rate: int = SAMPLE_RATE


class Group:
    """A clip of several faces: (1, H, W, 3) uint8 whole pictures, each once, in order.

    Attributes:
        clips: one for each person, of the same length.
        apart: whether they are heard from left to right.
    """

    def __init__(self, clips: tuple[Clip, ...], apart: bool = False):
        self.clips = clips
        self.apart = apart
        self._pastings = [clip.pasting for clip in clips if clip.pasting is not None]
        share(self._pastings)

    def __iter__(self) -> Iterator[torch.Tensor]:
        streams = [(frame for frames in clip.animation for frame in frames) for clip in self.clips]
        first, *others = self._pastings
        for frame, *more in zip(*streams, strict=True):
            whole = first(frame)
            for pasting, frame in zip(others, more, strict=True):
                whole = pasting(frame, whole)
            yield whole[None]

    @property
    def n_frames(self) -> int:
        return self.clips[0].n_frames

    @property
    def height(self) -> int:
        """Of the frames, in pixels, like `width`."""
        return self.clips[0].height

    @property
    def width(self) -> int:
        return self.clips[0].width

    @property
    def calls(self) -> int:
        """Network calls it takes in all, counted in sequences."""
        return sum(clip.calls for clip in self.clips)

    @property
    def n_segments(self) -> int:
        return sum(clip.n_segments for clip in self.clips)

    def report_to(self, progress: Progress | None) -> None:
        """Has the progress called with (done, total) network calls; it may raise to interrupt."""
        done = [0] * len(self.clips)

        def reporter(number: int) -> Progress:
            def report(calls: int, _total: int) -> None:
                done[number] = calls
                if progress is not None:
                    progress(sum(done), self.calls)

            return report

        for number, clip in enumerate(self.clips):
            clip.report_to(progress and reporter(number))

    def save(self, path: str | Path, lossless: bool = False, progress: Progress | None = None) -> int:
        """Makes the clip and writes it with everybody's sound; see `Clip.save`."""
        return save(self, path, lossless, progress, SoundMix([clip.heard for clip in self.clips], self.apart))


def materials_of(image: Picture, people: Sequence[Person], normalize: bool = False) -> list[Material]:
    """What everybody's clip is made from, as long as the longest recording.

    Args:
        normalize: see `read_material`.

    Raises:
        KeyFaceError: as `read_material`; it is fewer than two people, or two have the same face.
    """
    if len(people) < 2 or not all(isinstance(person, Person) for person in people):
        raise KeyFaceError(f"people is {shown(people)}; give two or more of Person(face, audio, emotion)")
    picture, reduction = scaled_picture_of(image)
    framings = [framing_in(picture, reduction, person.face) for person in people]
    _check_distances(framings)
    materials = [
        replace(
            read_material(picture, person.audio, person.emotion, person.sample_rate, normalize),
            framing=framing,
        )
        for person, framing in zip(people, framings, strict=True)
    ]
    longest = max(len(material.waveform) for material in materials)
    return [
        replace(material, waveform=F.pad(material.waveform, (0, longest - len(material.waveform))))
        for material in materials
    ]


def _check_distances(framings: Sequence[Framing]) -> None:
    for (first, one), (second, other) in combinations(enumerate(framings, 1), 2):
        distance = math.hypot(one.x - other.x, one.y - other.y)
        if distance < LEAST_DISTANCE * min(one.side, other.side):
            raise KeyFaceError(
                f"the centres of persons {first} and {second} are {distance:.0f} pixels apart, so they are "
                "the same face; name another square for one of them"
            )
