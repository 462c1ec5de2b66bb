"""Who is in the picture: colours and shapes of a drawn person, and which people are held out."""

import math
from dataclasses import dataclass

import numpy as np

from .sentences import Split, check_split

Colour = tuple[float, float, float]
"""Red, green and blue in [0, 1]."""

COLLARS = ("round", "pointed", "shirt")
HAIR_STYLES = ("short", "parted", "fringe", "bob", "long", "bun", "curly")
LONG_STYLES = ("bob", "long")
"""Styles whose locks cover the ears and the edges of the face."""
LOCKS_AT = 0.87
"""How far from the middle of the head its locks begin, in half widths of the head."""
NOSE_Y = 0.085
"""The nose below the middle of the head, in frame heights."""
SKINS = ((250, 216, 194), (240, 196, 160), (222, 172, 130), (190, 136, 96), (148, 98, 66), (106, 68, 48))
HAIRS = (
    (30, 26, 28),
    (72, 46, 32),
    (124, 78, 44),
    (176, 96, 44),
    (226, 184, 104),
    (168, 164, 160),
    (236, 228, 214),
    (104, 44, 38),
)
BACKGROUNDS = (
    (176, 208, 236),
    (190, 224, 190),
    (126, 172, 220),
    (208, 200, 238),
    (140, 188, 196),
    (196, 206, 216),
)
SHIRTS = ((60, 100, 170), (230, 180, 60), (70, 140, 100), (240, 240, 240), (70, 70, 84), (150, 110, 180))
EYES = ((80, 122, 176), (84, 132, 96), (112, 78, 48), (62, 48, 40), (110, 130, 140))
CONTRAST = 0.2
"""The least distance between the listed colours of skin and hair."""
HELD_OUT_OF = 5
"""One combination of skin, hair colour and hair style in so many is held out."""


@dataclass(frozen=True)
class Identity:
    """What stays the same about a person in a clip. Lengths are in frame heights, colours in [0, 1].

    Attributes:
        skin, hair, background, shirt, eyes: colours.
        hair_style: one of `HAIR_STYLES`.
        head_width, head_height: of the head without hair, across and from crown to chin.
        jaw: how much narrower the head is at the chin than at the crown.
        glasses: whether they wear any.
        collar: one of `COLLARS`.
        light: the side that the light comes from, -1 or 1.
        lights: out of focus behind the person: places (x, y) from the middle of the frame, and radii.
    """

    skin: Colour
    hair: Colour
    background: Colour
    shirt: Colour
    eyes: Colour
    hair_style: str
    head_width: float
    head_height: float
    jaw: float
    glasses: bool
    collar: str = "round"
    light: int = -1
    lights: tuple[tuple[float, float, float], ...] = ()

    @property
    def face_width(self) -> float:
        """How wide the face is at the height of the nose, between its edges or the locks that cover them."""
        v = 2 * NOSE_Y / self.head_height
        bare = (1 - self.jaw * v) * math.sqrt(1 - v * v)
        return self.head_width * (min(bare, LOCKS_AT) if self.hair_style in LONG_STYLES else bare)


def draw_identity(rng: np.random.Generator, split: Split = "train") -> Identity:
    """A random person of the split: nobody in "test" has the looks of someone in "train".

    Looks are the combination of skin, hair colour and hair style.
    """
    check_split(split)
    while True:
        skin, hair, style = (int(rng.integers(len(choices))) for choices in (SKINS, HAIRS, HAIR_STYLES))
        held_out = (skin + 2 * hair + 3 * style) % HELD_OUT_OF == 0
        contrast = np.linalg.norm(np.subtract(SKINS[skin], HAIRS[hair])) / 255
        if held_out == (split == "test") and contrast > CONTRAST:
            break
    return Identity(
        skin=_near(rng, SKINS[skin], 6),
        hair=_near(rng, HAIRS[hair], 8),
        background=_near(rng, BACKGROUNDS[rng.integers(len(BACKGROUNDS))], 12),
        shirt=_near(rng, SHIRTS[rng.integers(len(SHIRTS))], 10),
        eyes=_near(rng, EYES[rng.integers(len(EYES))], 10),
        hair_style=HAIR_STYLES[style],
        head_width=round(rng.uniform(0.51, 0.6), 4),
        head_height=round(rng.uniform(0.7, 0.76), 4),
        jaw=round(rng.uniform(0.05, 0.16), 4),
        glasses=bool(rng.random() < 0.3),
        collar=COLLARS[rng.integers(len(COLLARS))],
        light=int(rng.choice((-1, 1))),
        lights=tuple(_light_behind(rng) for _ in range(rng.integers(2, 5))),
    )


def _light_behind(rng: np.random.Generator) -> tuple[float, float, float]:
    """A light beside the head, away from the upper corners."""
    x = float(rng.choice((-1, 1)) * rng.uniform(0.33, 0.48))
    return round(x, 4), round(rng.uniform(-0.3, 0.25), 4), round(rng.uniform(0.04, 0.1), 4)


def _near(rng: np.random.Generator, colour: tuple[int, int, int], levels: int) -> Colour:
    """A colour whose channels differ from the given one by up to so many of 255 levels."""
    mixed = np.clip(np.array(colour) + rng.integers(-levels, levels + 1, 3), 0, 255)
    return tuple(round(float(level) / 255, 4) for level in mixed)
