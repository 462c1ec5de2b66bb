"""Several sounds heard together."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import torch

from .sound import Sound


@dataclass(frozen=True)
class SoundMix:
    """What is heard together in one video.

    Attributes:
        sounds: (source, samples a second of a tensor), each as `sound.Sound` takes it.
        apart: the first stands on the left, the last on the right, the others between, as a mixing desk's
            equal-power panning places them; otherwise each stays where its recording has it.
    """

    sounds: Sequence[tuple[torch.Tensor | str | os.PathLike | BinaryIO, int]]
    apart: bool = False

    def open(self, rates: Sequence[int] | None = None) -> "MixedSound":
        """Opens all of them at one rate that is among `rates`."""
        return MixedSound(self, rates)


class MixedSound:
    """The sum of sounds, read in order as `Sound` is; what would leave full scale is cut off.

    Attributes:
        rate, layout: as of `Sound`.
    """

    def __init__(self, mix: SoundMix, rates: Sequence[int] | None = None):
        """Opens the sounds.

        Raises:
            KeyFaceError: a file cannot be read or has no sound.
        """
        self._sounds: list[Sound] = []
        try:
            self._sounds = [Sound(source, rate, rates) for source, rate in mix.sounds]
            self.rate = max(sound.rate for sound in self._sounds)
            for number, (sound, (source, rate)) in enumerate(zip(self._sounds, mix.sounds, strict=True)):
                if sound.rate != self.rate:
                    sound.close()
                    self._sounds[number] = Sound(source, rate, [self.rate])
        except BaseException:
            self.close()
            raise
        stereo = mix.apart or any(sound.layout == "stereo" for sound in self._sounds)
        self.layout = "stereo" if stereo else "mono"
        last = max(1, len(self._sounds) - 1)
        self._gains = [_panned(number / last) if mix.apart else None for number in range(len(self._sounds))]

    def close(self) -> None:
        """Lets go of the recordings; what was not read of them is silence."""
        for sound in self._sounds:
            sound.close()

    def read(self, samples: int) -> np.ndarray:
        """The next `samples` samples: (channels, samples) float32."""
        together = np.zeros((1 if self.layout == "mono" else 2, samples), np.float32)
        for sound, gains in zip(self._sounds, self._gains, strict=True):
            heard = sound.read(samples)
            together += heard if gains is None else gains * heard.mean(axis=0)
        return together.clip(-1, 1)


def _panned(place: float) -> np.ndarray:
    """The gains (2, 1) of left and right for a place from 0 (left) to 1 (right)."""
    angle = place * math.pi / 2
    return np.array([[math.cos(angle)], [math.sin(angle)]], np.float32)
