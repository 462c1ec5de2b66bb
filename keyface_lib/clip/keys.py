"""What every window and segment of a clip depends on, as keys under which a work folder keeps it.

A segment's key is made of the keys of its keyframes and not of the keyframes themselves, so all keys are
known before anything is sampled. How many sequences a call has is in no key: it changes nothing but rounding.
"""

from collections.abc import Mapping, Sequence

import torch

from ..audio.features import AudioFeatures
from ..method.timeline import Timeline
from ..work.keys import fingerprint, key_of
from .interpolation import InterpolationSettings
from .models import Models
from .settings import Settings
from .takes import Take

METHOD = 1
"""Counted up when the same inputs come to give other latents."""


class Keys:
    """The keys of a clip.

    Attributes:
        windows: for every window the keys of its takes.
        segments: the key of every segment.
    """

    def __init__(
        self,
        models: Models,
        identity: torch.Tensor,
        features: AudioFeatures,
        affect: tuple[torch.Tensor, torch.Tensor],
        settings: Settings,
        interpolation: InterpolationSettings,
        held: Mapping[int, torch.Tensor],
        takes: Sequence[Sequence[Take]],
        seeds: Sequence[int],
    ):
        """Computes all of them.

        Args:
            affect: valence and arousal, each (frames,).
            interpolation: its settings as they are in force.
            held: see `Animation.held`.
            takes: of every window.
            seeds: of every segment.
        """
        (valence, arousal), per_window = affect, settings.keyframes.keyframes_per_window
        timeline = Timeline(features.n_frames, per_window)
        frames, shown = timeline.window_frames(), timeline.window_keyframes()
        clip = key_of(
            METHOD, fingerprint(models.keyframe.state_dict()), identity, settings.keyframes, settings.seed
        )
        self.windows: list[list[str]] = []
        keyframes: dict[int, str] = {}
        for window, own in enumerate(takes):
            heard = frames[window]
            known = {n: held[n] for n in sorted({*shown[window].tolist()} & held.keys())}
            audio = features.select(models.keyframe_encoders, heard)
            keys = [key_of(clip, window, own[0].seed, audio, valence[heard], arousal[heard], known)]
            sampled = dict.fromkeys(timeline.keyframes_of_window(window), keys[0])
            for take in own[1:]:
                keys.append(key_of(keys[-1], take))
                sampled |= dict.fromkeys(take.fresh or (), keys[-1])
            self.windows.append(keys)
            keyframes |= {n: key_of(held[n]) if n in held else key_of(key, n) for n, key in sampled.items()}
        reduced = None if models.reduced is None else fingerprint(models.reduced.state_dict())
        clip = key_of(METHOD, fingerprint(models.interpolation.state_dict()), reduced, interpolation)
        heard = timeline.segment_frames()
        self.segments = [
            key_of(
                clip,
                segment,
                seed,
                keyframes[segment],
                keyframes[segment + 1],
                features.select(models.interpolation_encoders, heard[segment]),
            )
            for segment, seed in enumerate(seeds)
        ]
