"""Draws what `keyface demo` hears, feels and shows: docs/images/demo.png, and the face moving: demo.webp.

python scripts/picture_demo.py
"""

import sys
from pathlib import Path

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib import KeyFace, small
from keyface_lib.audio import load_audio
from keyface_lib.audio.peaks import peaks_of
from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.media.timeline_picture import draw_timeline
from keyface_lib.method.merging import to_bytes
from keyface_lib.method.timeline import FPS

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH = 1600
MOVING_SIDE = 256
EVERY = 2
"""Every second frame: half the file, and still a moving face."""


def main() -> None:
    keyface, curve = KeyFace.from_pretrained(device="cpu"), parse_emotion(small.EMOTION)
    waveform = load_audio(small.SPEECH)
    animation = keyface.animate(small.PORTRAIT, waveform, curve).animation
    keyframes = to_bytes(keyface.models.vae.decode_frames(torch.cat(list(animation.keyframes()))))
    n_frames = animation.timeline.n_frames
    picture = draw_timeline(n_frames, peaks_of(waveform), curve, keyframes=keyframes, width=WIDTH)
    picture.save(IMAGES / "demo.png")
    save_moving(torch.cat(list(animation))[::EVERY], IMAGES / "demo.webp")


def save_moving(frames: torch.Tensor, path: Path) -> None:
    """Writes frames (n, H, W, 3) uint8 as an animated WebP."""
    pictures = [Image.fromarray(frame.numpy()).resize((MOVING_SIDE,) * 2, Image.BICUBIC) for frame in frames]
    duration = round(1000 * EVERY / FPS)
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=duration, loop=0, quality=70, method=6
    )


if __name__ == "__main__":
    main()
