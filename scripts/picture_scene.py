"""Draws what templates start with beside a portrait, of people of the toy world.

    python scripts/picture_scene.py

assets/scene.jpg is two people in one wide picture; their squares, which the templates name, are printed.
assets/feeling.mp4 is somebody whose feeling changes.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from einops import rearrange
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.media.video import VideoWriter
from keyface_lib.method.emotion import named
from keyface_lib.toyworld import make_clip
from keyface_lib.toyworld.canvas import circle, smooth
from keyface_lib.toyworld.clip import Performance, perform
from keyface_lib.toyworld.face import draw
from keyface_lib.toyworld.head import draw_wall

ASSETS = Path(__file__).resolve().parents[1] / "assets"
FILMED, FEELING, FILM_SIDE = 21, "0:sad 1.5:sad 3:happy 4.5:surprised", 256
WIDTH, HEIGHT, SIDE = 960, 540, 416
WALL, LEFT = (0.74, 0.8, 0.9), -1
PEOPLE = {24: 48, 0: 496}
"""{seed: left edge of their square}; squares stand on the picture's lower edge."""
LIGHTS = ((0.07, 0.11, 0.05), (0.3, 0.07, 0.04), (0.485, 0.14, 0.06), (0.72, 0.1, 0.045), (0.95, 0.12, 0.055))
"""Out of focus behind them: places and radii, of the picture's width and height, and of its height."""


def wall() -> torch.Tensor:
    """(HEIGHT, WIDTH, 3) in [0, 1]: lit from above and the left, as the walls of single portraits are."""
    x = (torch.arange(WIDTH) + 0.5) / HEIGHT
    y = ((torch.arange(HEIGHT) + 0.5) / HEIGHT)[:, None]
    colour = torch.tensor(WALL)
    pixels = colour * (1.02 - 0.2 * y - 0.05 * x)[..., None]
    for across, down, radius in LIGHTS:
        disc = 0.3 * smooth(circle(x - across * WIDTH / HEIGHT, y - down, radius), 0.045)
        pixels = pixels + disc[..., None] * (1 - 0.4 * (1 - colour) - pixels)
    return pixels


def person(performance: Performance) -> tuple[torch.Tensor, torch.Tensor]:
    """A person without a wall: colours times coverage, and coverage, both (SIDE, SIDE, 3) in [0, 1].

    Coverage is what the difference between a white wall and a black one leaves over.
    """
    bare = replace(performance.identity, light=LEFT, lights=())
    black, white = (replace(bare, background=(level,) * 3) for level in (0.0, 1.0))
    before_black, before_white = (draw(one, performance.motion[:1], SIDE)[0] / 255 for one in (black, white))
    behind = rearrange(draw_wall(white, SIDE, "cpu"), "1 rgb h w -> h w rgb")
    return before_black, 1 - ((before_white - before_black) / behind).clamp(0, 1)


def film() -> None:
    """Five seconds of a head that moves and feels."""
    clip = make_clip(FILMED, 5.0, "test", FILM_SIDE, emotion=parse_emotion(FEELING))
    with VideoWriter(ASSETS / "feeling.mp4", FILM_SIDE, FILM_SIDE, clip.waveform, crf=24) as video:
        video.write(clip.frames)


def main() -> None:
    picture, top = wall(), HEIGHT - SIDE
    for seed, left in PEOPLE.items():
        colours, coverage = person(perform(seed, 0.04, "test", named("calm")))
        place = picture[top:, left : left + SIDE]
        place += colours - coverage * place
        print(f"{left}, {top}, {SIDE}, {SIDE}")
    Image.fromarray((picture * 255).round().clamp(0, 255).byte().numpy()).save(
        ASSETS / "scene.jpg", quality=93
    )
    film()


if __name__ == "__main__":
    main()
