"""A toy world: unlimited, seeded, labelled talking heads, and the measurements that read them back.

`make_clip` draws a person who speaks, laughs and feels; `measure` reads from pixels what a face does;
`scores` compares the two. See docs/toyworld.md.
"""

from .clip import Performance, ToyClip, make_clip, perform
from .face import draw
from .identity import Identity, draw_identity
from .measure import Measurements, measure
from .motion import Motion, at_rest
from .vocalizations import CLASSES

__all__ = [
    "CLASSES",
    "Identity",
    "Measurements",
    "Motion",
    "Performance",
    "ToyClip",
    "at_rest",
    "draw",
    "draw_identity",
    "make_clip",
    "measure",
    "perform",
]
