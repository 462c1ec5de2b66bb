"""A video as a folder: a .png for every frame and the sound as a .wav."""

import os
import re
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
from PIL import Image

from .movie import SoundTrack
from .sound import Sound
from .sound_mix import MixedSound

WAVE_CODEC = "pcm_s24le"
_OWN = re.compile(r"\d{6,}\.png|sound\.wav", re.ASCII)


def is_own(path: Path) -> bool:
    """Whether a file is called as those that `PictureFolder` writes."""
    return _OWN.fullmatch(path.name) is not None


class PictureFolder:
    """Takes frames one by one: 000000.png, 000001.png, ... and sound.wav beside them.

    Attributes:
        frames: how many it has so far.
    """

    def __init__(self, folder: Path, sound: Sound | MixedSound | None):
        """Prepares the folder; the first frame creates it."""
        self._folder = folder
        options = {"flush_packets": "1", "rf64": "auto"}  # notice a full disk at once; go beyond 4 GB
        self._wave = (
            av.open(os.path.abspath(folder / "sound.wav"), "w", container_options=options) if sound else None
        )
        self._track = SoundTrack(self._wave, WAVE_CODEC, sound) if sound else None
        self.frames = 0

    def add(self, pixels: np.ndarray) -> None:
        """Appends a frame (height, width, 3) uint8 and its sound."""
        self._folder.mkdir(exist_ok=True)
        picture = self._folder / f"{self.frames:06d}.png"
        try:
            Image.fromarray(pixels).save(picture)
        except BaseException:
            picture.unlink(missing_ok=True)
            raise
        self.frames += 1
        if self._track:
            self._track.extend_to(self.frames)

    def close(self) -> None:
        """Ends the sound with the last frame."""
        if self._track:
            if self.frames:
                self._track.end(self.frames)
            self._wave.close()

    def abandon(self) -> int:
        """Lets go of the sound after a failed write; returns how many frames are there."""
        if self._wave:
            with suppress(OSError, av.FFmpegError):  # it fails for the reason that led here
                self._wave.close()
        return self.frames
