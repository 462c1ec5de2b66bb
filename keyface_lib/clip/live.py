"""A clip of sound that is still arriving: frames leave as soon as no later sound can change them.

Keyframes are sampled window by window, so the frames of a window wait until its last keyframe is heard, up
to 13 frames for each of its keyframes later (6.8 s for 13 of them), and for what the audio encoders hear
behind it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, tee
from pathlib import Path
from typing import cast

import torch

from ..audio.arriving import ArrivingSound
from ..audio.encoders import AudioEncoder
from ..audio.reading import arriving_16k
from ..errors import KeyFaceError
from ..media.sound import Block
from ..media.video import VideoWriter, check_output
from ..method.emotion import EmotionCurve
from ..method.timeline import FPS, KEYFRAME_STEP
from ..method.values import yes_or_no
from ..portrait.pasting import Pasting
from .animate import Animation
from .inputs import check_folder_of, check_progress
from .models import Models
from .settings import Settings


class Live:
    """A clip that is made while its sound arrives; iterating yields (n, H, W, 3) uint8 frames, once.

    Attributes:
        height, width: of the frames, in pixels.
        delay: by how many frames a frame is later than its sound at most, beside the time computing takes.
    """

    def __init__(
        self,
        models: Models,
        identity: torch.Tensor,
        sound: Iterable[Block],
        feeling: Callable[[], EmotionCurve],
        settings: Settings,
        hearing_s: float,
        pasting: Pasting | None = None,
    ):
        """Waits for the first sound.

        Args:
            identity: (4, h, w) unscaled latent of the portrait.
            sound: blocks as they arrive.
            feeling: gives the curve as far as it is known; asked whenever frames can be made.
            settings: with a batch; batches are made of what has arrived.
            hearing_s: see `ArrivingSound`.
            pasting: lays frames into the whole picture.

        Raises:
            KeyFaceError: no sound arrives.
        """
        sound = iter(sound)
        first = next(sound, None)
        if first is None:
            raise KeyFaceError("no sound has arrived; check the microphone, or the program that sends it")
        self._heard, self._played = tee(chain([first], sound))
        self._rate = first[0]
        self._models, self._identity, self._feeling, self._settings = models, identity, feeling, settings
        self._pasting = pasting
        self._arriving = ArrivingSound(
            cast(Mapping[str, AudioEncoder], models.encoders), hearing_s, models.load_to_device
        )
        self.height = models.image_size if pasting is None else pasting.height
        self.width = models.image_size if pasting is None else pasting.width
        per_window = settings.keyframes.keyframes_per_window
        self.delay = KEYFRAME_STEP * per_window + self._arriving.delay

    def __iter__(self) -> Iterator[torch.Tensor]:
        squares = self._squares()
        return squares if self._pasting is None else self._pasting.stream(squares)

    def _squares(self) -> Iterator[torch.Tensor]:
        arriving, animation, made = self._arriving, None, 0
        blocks = (samples for _, _, samples in self._heard)
        for piece in chain(arriving_16k(blocks, self._rate, "the sound"), [None]):
            if piece is None:
                arriving.end()
            else:
                arriving.add(piece)
            if not arriving.n_frames:
                continue
            if animation is None:
                animation = Animation(
                    self._models, self._identity, arriving.features(), self._feeling(), self._settings
                )
            if not arriving.ended and animation.segments_in(arriving.n_frames) <= made:
                continue
            animation.hear(arriving.features(), self._feeling(), arriving.ended)
            yield from animation.frames(range(made, animation.segments_known))
            made = animation.segments_known

    def save(
        self,
        path: str | Path,
        lossless: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Writes the video while it is made; it can be watched while it grows.

        Args:
            path: an .mp4, .mkv or .mov file, or a folder for a PNG sequence.
            progress: called with (frames written, frames heard); may raise to interrupt.

        Returns:
            The frames written. Interrupted, it leaves a playable file of what is done.

        Raises:
            KeyFaceError: the place cannot be written to, or the disk is full.
        """
        check_folder_of(path, "output")
        check_progress("progress", progress)
        check_output(path, yes_or_no("lossless", lossless))
        audio = iter(self._played)
        with VideoWriter(
            path, self.height, self.width, audio=audio, sample_rate=self._rate, lossless=lossless
        ) as writer:
            for frames in self:
                writer.write(frames)
                if progress is not None:
                    progress(writer.written, self._arriving.samples * FPS // 16_000)
        return writer.written
