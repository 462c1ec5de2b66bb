"""What the networks see beside the noise: pure functions from latents, audio and emotion to plain tensors.

Latents here are *unscaled*, as the VAE encodes them: that is what the networks were trained to see
concatenated to their (scaled) noisy input.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import repeat

from .timeline import SLOTS

EMOTION_CHANNELS = 256
"""Width of the sinusoidal embedding of valence, and of arousal."""


@dataclass(frozen=True)
class Conditioning:
    """The conditions of a batch of sequences.

    Attributes:
        concat: (sequences, 14, 4 or 5, h, w), joined to the noisy latents channel by channel.
        context: (sequences, 14, d), audio tokens that every frame attends to.
        vector: (sequences, 14, v), added to the timestep embedding after an MLP, frame by frame.
    """

    concat: torch.Tensor
    context: torch.Tensor
    vector: torch.Tensor

    def __getitem__(self, sequences: slice) -> "Conditioning":
        return Conditioning(self.concat[sequences], self.context[sequences], self.vector[sequences])


def stack(batches: list[Conditioning]) -> Conditioning:
    """Joins batches one after the other, for one network call."""
    return Conditioning(
        *(torch.cat([getattr(b, name) for b in batches]) for name in ("concat", "context", "vector"))
    )


def audio_tokens(audio: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """The trained linear layer over the mean of a frame's two feature vectors (section 3.4).

    Args:
        audio: (sequences, 14, 2, c) encoder features.
        weight, bias: (d, c) and (d,).

    Returns:
        (sequences, 14, d)
    """
    return F.linear(audio.to(weight).mean(dim=2), weight, bias)


def sinusoid(values: torch.Tensor, channels: int = EMOTION_CHANNELS) -> torch.Tensor:
    """Embeds values (...), not scaled, by [cos | sin] of `channels / 2` frequencies (eq. 2)."""
    half = channels // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=values.device) / half)
    angles = values.float()[..., None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def keyframe_conditioning(
    identity: torch.Tensor, tokens: torch.Tensor, valence: torch.Tensor, arousal: torch.Tensor
) -> Conditioning:
    """Conditions of keyframe windows (section 3.2).

    Zero `identity` or zero `tokens` is the network's "no identity" or "no audio"; the emotion always stays.

    Args:
        identity: (windows, 4, h, w) unscaled latent of the portrait.
        tokens: (windows, 14, d) from `audio_tokens`.
        valence, arousal: (windows, 14), each in [-1, 1].
    """
    emotion = torch.cat([sinusoid(valence), sinusoid(arousal)], dim=-1)
    return Conditioning(
        concat=repeat(identity, "window c h w -> window slot c h w", slot=tokens.shape[1]),
        context=tokens,
        vector=torch.cat([emotion.to(tokens), tokens], dim=-1),
    )


def keyframe_branches(
    identity: torch.Tensor, tokens: torch.Tensor, valence: torch.Tensor, arousal: torch.Tensor
) -> list[Conditioning]:
    """Conditions of split guidance (eq. 4): uncond, identity alone, identity and audio."""
    no_identity, no_audio = torch.zeros_like(identity), torch.zeros_like(tokens)
    branches = [(no_identity, no_audio), (identity, no_audio), (identity, tokens)]
    return [keyframe_conditioning(*branch, valence, arousal) for branch in branches]


def resized_mask(learned_mask: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The learned mask (4, h, w) at the size of the latents, resized where it was trained at another."""
    if learned_mask.shape[-2:] == (height, width):
        return learned_mask
    mask = learned_mask[None].float()
    return F.interpolate(mask, size=(height, width), mode="bilinear", antialias=True)[0]


def interpolation_conditioning(
    ends: torch.Tensor, learned_mask: torch.Tensor, tokens: torch.Tensor
) -> Conditioning:
    """Conditions of segments: [z_start, z_m x 12, z_end] and the mask of known frames (section 3.3).

    Args:
        ends: (segments, 2, 4, h, w) unscaled latents of the first and last frame.
        learned_mask: (4, h, w), the learned embedding z_m of a missing frame.
        tokens: (segments, 14, d) from `audio_tokens`.
    """
    segments, _, _, height, width = ends.shape
    start, end = ends.split(1, dim=1)
    missing = repeat(learned_mask.to(ends), "c h w -> segment slot c h w", segment=segments, slot=SLOTS - 2)
    known = torch.zeros(SLOTS, device=ends.device, dtype=ends.dtype)
    known[[0, -1]] = 1
    known = repeat(known, "slot -> segment slot 1 h w", segment=segments, h=height, w=width)
    sequence = torch.cat([start, missing, end], dim=1)
    return Conditioning(concat=torch.cat([sequence, known], dim=2), context=tokens, vector=tokens)
