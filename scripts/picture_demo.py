"""Draws what `keyface demo` hears, feels and shows: docs/images/demo.png.

python scripts/picture_demo.py
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib import KeyFace, small
from keyface_lib.audio import load_audio
from keyface_lib.audio.peaks import peaks_of
from keyface_lib.media.timeline_picture import draw_timeline
from keyface_lib.method.emotion_text import parse_emotion
from keyface_lib.method.merging import to_bytes

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "demo.png"
WIDTH = 1600


def main() -> None:
    keyface, curve = KeyFace.from_pretrained(device="cpu"), parse_emotion(small.EMOTION)
    waveform = load_audio(small.SPEECH)
    animation = keyface.animate(small.PORTRAIT, waveform, curve).animation
    keyframes = to_bytes(keyface.models.vae.decode_frames(torch.cat(list(animation.keyframes()))))
    n_frames = animation.timeline.n_frames
    draw_timeline(n_frames, peaks_of(waveform), curve, keyframes=keyframes, width=WIDTH).save(PICTURE)


if __name__ == "__main__":
    main()
