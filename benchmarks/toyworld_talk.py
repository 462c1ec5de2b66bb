"""What the parts of the toy world's benchmark share: held-out clips, and a model that makes them again."""

from functools import cache

import torch

from keyface_lib.method.emotion import EmotionCurve
from keyface_lib.method.merging import to_bytes
from keyface_lib.pipeline import KeyFace
from keyface_lib.toyworld import ToyClip, at_rest, draw, make_clip

Table = tuple[str, list[str], list[list]]
"""Title, header and rows."""
FIRST_SEED = 1000
"""Of the held-out clips that are scored; the demo's and the documentation's are below."""
FIRST_SEED_TO_COMPARE = 2000
"""Of other held-out clips, on which settings are compared and chosen."""


@cache
def held_out(number: int, seconds: float, size: int, emotion: EmotionCurve | None = None) -> ToyClip:
    """The clip of that number; its emotion is random where none is given."""
    return make_clip(FIRST_SEED + number, seconds, "test", size, emotion)


@cache
def to_compare(number: int, seconds: float, size: int) -> ToyClip:
    """As `held_out`, none of which it is."""
    return make_clip(FIRST_SEED_TO_COMPARE + number, seconds, "test", size)


def portrait(clip: ToyClip) -> torch.Tensor:
    """The person of a clip at rest, (3, size, size) in [-1, 1]."""
    frame = draw(clip.identity, at_rest(), clip.frames.shape[1])[0]
    return frame.movedim(-1, 0).float() / 127.5 - 1


def made_again(keyface: KeyFace, clip: ToyClip, **options) -> torch.Tensor:
    """What the model makes of a clip's person, sound and emotion: (frames, size, size, 3) uint8."""
    emotion = clip.performance.emotion
    return torch.cat(list(keyface.animate(portrait(clip), clip.waveform, emotion, **options)))


def keyframes_again(
    keyface: KeyFace, clip: ToyClip, emotion: EmotionCurve | None = None, **options
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `made_again`, keyframes only, with the frames of the clip they show; by default of its emotion."""
    emotion = emotion or clip.performance.emotion
    animation = keyface.animate(portrait(clip), clip.waveform, emotion, **options).animation
    latents = torch.cat(list(animation.keyframes()))
    return to_bytes(keyface.models.vae.decode_frames(latents)), animation.timeline.keyframe_frames()
