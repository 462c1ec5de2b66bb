"""The people of a picture with several faces: what each says and feels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch.nn.functional as F

from ..errors import KeyFaceError
from ..messages import shown
from ..method.timeline import SAMPLE_RATE
from ..portrait.finding import Which
from ..portrait.framing import Box, Framing
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


def materials_of(
    image: Picture, people: Sequence[Person], normalize: bool = False, silence_gate: bool = False
) -> list[Material]:
    """What everybody's clip is made from, as long as the longest recording.

    Args:
        normalize, silence_gate: see `read_material`.

    Raises:
        KeyFaceError: as `read_material`; it is fewer than two people, or two have the same face.
    """
    if len(people) < 2 or not all(isinstance(person, Person) for person in people):
        raise KeyFaceError(f"people is {shown(people)}; give two or more of Person(face, audio, emotion)")
    picture, reduction = scaled_picture_of(image)
    framings = [framing_in(picture, reduction, person.face) for person in people]
    _check_distances([framing.scaled(reduction) for framing in framings])
    materials = [
        replace(
            read_material(
                picture,
                person.audio,
                person.emotion,
                person.sample_rate,
                normalize,
                silence_gate=silence_gate,
            ),
            framing=framing,
            reduction=reduction,
        )
        for person, framing in zip(people, framings, strict=True)
    ]
    longest = max(len(material.waveform) for material in materials)
    return [
        replace(material, waveform=F.pad(material.waveform, (0, longest - len(material.waveform))))
        for material in materials
    ]


def _check_distances(framings: Sequence[Framing]) -> None:
    """Raises KeyFaceError where two squares, in pixels of what was given, are around one face."""
    for (first, one), (second, other) in combinations(enumerate(framings, 1), 2):
        distance = math.hypot(one.x - other.x, one.y - other.y)
        if distance < LEAST_DISTANCE * min(one.side, other.side):
            raise KeyFaceError(
                f"the centres of persons {first} and {second} are {distance:.0f} pixels apart, so they are "
                "the same face; name another square for one of them"
            )
