"""Draws docs/images/toyworld.jpg: held-out people in seven moods, and two of them speaking.

python scripts/picture_toyworld.py
"""

import sys
from pathlib import Path

import torch
from einops import rearrange
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib.method.emotion import named
from keyface_lib.toyworld import make_clip

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "toyworld.jpg"
MOODS = ("neutral", "happy", "surprised", "sad", "angry", "bored", "calm")
PEOPLE, SPEAKERS = (1, 3, 5, 6), {24: 15, 26: 20}
"""Seeds; and the frames at which those who speak begin a word."""
SIZE, EVERY = 128, 2


def main() -> None:
    rows = [
        torch.stack([make_clip(seed, 0.04, "test", SIZE, emotion=named(mood)).frames[0] for mood in MOODS])
        for seed in PEOPLE
    ]
    for seed, first in SPEAKERS.items():
        frames = make_clip(seed, 4.0, "test", SIZE).frames
        rows.append(frames[first::EVERY][: len(MOODS)])
    sheet = rearrange(torch.stack(rows), "down across h w c -> (down h) (across w) c")
    Image.fromarray(sheet.numpy()).save(PICTURE, quality=92)


if __name__ == "__main__":
    main()
