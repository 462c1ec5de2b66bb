"""Does the method do what the paper says? Comparisons on the toy world that need no new training."""

from dataclasses import replace
from statistics import mean, median

import torch
from torch import nn
from toyworld_talk import Table, keyframes_again, made_again, portrait, to_compare

from keyface_lib.method.merging import to_bytes
from keyface_lib.pipeline import KeyFace
from keyface_lib.toyworld import measure
from keyface_lib.toyworld.scores import jitter, pearson

AUDIO_SCALES, IDENTITY_SCALES = (1.0, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 3.0)
GUIDANCE_CLIPS, GUIDANCE_SECONDS = 8, 6.2  # one window
AUTO_CLIPS, AUTO_SECONDS = 8, 4.0
LATENT_CHANNELS = 4
MOUTH, TYPICAL_MOUTH = "mouth r of all keyframes", "of the median clip"
"""One face that breaks spoils the first and not the second."""


def split_guidance(keyface: KeyFace) -> Table:
    """Figure 5: keyframes under every pair of scales."""
    rows = []
    for identity_scale in IDENTITY_SCALES:
        for audio_scale in AUDIO_SCALES:
            openings, truths, distances = [], [], []
            for number in range(GUIDANCE_CLIPS):
                clip = to_compare(number, GUIDANCE_SECONDS, keyface.models.image_size)
                frames, shown = keyframes_again(
                    keyface, clip, audio_scale=audio_scale, identity_scale=identity_scale
                )
                seen = measure(frames)
                openings.append(seen.opening)
                truths.append(clip.truth["opening"][shown])
                person = measure(to_bytes(portrait(clip)[None])).identity()
                distances.append(float((seen.identity() - person).abs().mean()))
            follows = pearson(torch.cat(openings), torch.cat(truths))
            typical = median(map(pearson, openings, truths))
            rows.append([identity_scale, audio_scale, follows, typical, mean(distances) * 255])
    title = (
        "Split guidance (Figure 5: lip scores rise with the audio scale up to 5, identity is best about 2)"
    )
    header = ["identity scale", "audio scale", MOUTH, TYPICAL_MOUTH, "identity distance, /255"]
    return title, header, rows


def autoguidance(keyface: KeyFace) -> Table:
    """Table 7: what guides the interpolation, with the same keyframes."""
    unconditional = WithoutConditions(keyface.models.interpolation)
    guides = {
        "autoguidance": keyface.models.reduced,
        "classifier-free guidance": unconditional,
        "no guidance": None,
    }
    rows = []
    for name, guide in guides.items():
        variant = KeyFace(replace(keyface.models, reduced=guide))
        follows, trembles, moves = [], [], []
        for number in range(AUTO_CLIPS):
            clip = to_compare(number, AUTO_SECONDS, keyface.models.image_size)
            seen, shown = measure(made_again(variant, clip)), measure(clip.frames)
            follows.append(pearson(seen.opening, clip.truth["opening"]))
            trembles.append(jitter(seen.opening) / jitter(shown.opening))
            moves.append(float(seen.opening.std() / shown.opening.std()))
        rows.append([name, mean(follows), mean(trembles), mean(moves)])
    title = "Guiding the interpolation (Table 7: classifier-free guidance is worse and too static)"
    return title, ["guided by", "mouth r", "jitter / truth's", "opening's deviation / truth's"], rows


class WithoutConditions(nn.Module):
    """The other branch of classifier-free guidance: a network that neither hears nor sees the ends."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.unet = _Blind(network.unet)

    def mask_for(self, height: int, width: int) -> torch.Tensor:
        return self.network.mask_for(height, width)


class _Blind(nn.Module):
    def __init__(self, unet: nn.Module):
        super().__init__()
        self.unet = unet

    def forward(self, sample, c_noise, context, vector):
        sample = sample.clone()
        sample[:, [0, -1], LATENT_CHANNELS : 2 * LATENT_CHANNELS] = 0
        return self.unet(sample, c_noise, torch.zeros_like(context), torch.zeros_like(vector))
