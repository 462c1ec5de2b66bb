"""The units of work of a clip, each with all it needs beside the models: made anywhere, in any order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch

from ..method.batching import BatchSize
from ..method.holding import hold
from .interpolation import InterpolationSettings, sample_segments
from .keyframes import KeyframeSettings, sample_windows
from .models import Models


@dataclass
class Calls:
    """Counts the network calls that led somewhere.

    Attributes:
        progress: called with (done, total); may raise to interrupt.
        total: calls there will be, counted in sequences.
        done: calls so far. Those of an attempt that did not fit into memory are taken back.
    """

    total: int
    progress: Callable[[int, int], None] | None = None
    done: int = 0
    _for_good: int = field(default=0, init=False)

    def restart(self) -> None:
        """Counts from 0 again."""
        self.done = self._for_good = 0

    def made(self, sequences: int) -> None:
        """Counts a call."""
        self.done += sequences
        if self.progress is not None:
            self.progress(self.done, self.total)

    def attempting(self, sample: Callable[[range], torch.Tensor]) -> Callable[[range], torch.Tensor]:
        """The function, to be tried with less and less until it fits."""

        def attempt(part: range) -> torch.Tensor:
            self.done = self._for_good  # what the former attempt counted, if it failed, was in vain
            latents = sample(part)
            self._for_good = self.done
            return latents

        return attempt


@dataclass(frozen=True)
class WindowJob:
    """One sampling of a window of keyframes.

    Attributes:
        identity: (4, h, w) unscaled latent of the portrait.
        audio: (14, 2, c) features of the keyframe network's encoders.
        valence, arousal: (14,).
        noise: (14, 4, h, w) unit noise.
        keyframes: (14,) the keyframe in each slot (`Timeline.window_keyframes`).
        yields: how many keyframes come out, from slot 1 on.
        held: unscaled latents of known keyframes, by number.
    """

    identity: torch.Tensor
    audio: torch.Tensor
    valence: torch.Tensor
    arousal: torch.Tensor
    noise: torch.Tensor
    keyframes: torch.Tensor
    yields: int
    held: Mapping[int, torch.Tensor]
    settings: KeyframeSettings

    def run(self, models: Models, calls: Calls) -> torch.Tensor:
        """The keyframes as unscaled latents, (k, 4, h, w).

        Raises:
            DoesNotFitError: a window does not fit into memory.
        """

        def sample(_: range) -> torch.Tensor:
            return sample_windows(
                models.keyframe,
                self.identity[None],
                self.audio[None],
                self.valence[None],
                self.arousal[None],
                self.noise[None],
                self.settings,
                calls.made,
                hold(self.held, self.keyframes[None], tuple(self.identity.shape)),
            )

        models.load_to_device(models.keyframe)
        window, _ = BatchSize(1).first(calls.attempting(sample), range(1), "a window of keyframes")
        return window[0, 1 : 1 + self.yields]


@dataclass(frozen=True)
class SegmentsJob:
    """Some segments between known keyframes.

    Attributes:
        ends: (s, 2, 4, h, w) unscaled latents of the first and last frame.
        audio: (s, 14, 2, c) features of the interpolation network's encoders.
        noise: (s, 14, 4, h, w) unit noise.
    """

    ends: torch.Tensor
    audio: torch.Tensor
    noise: torch.Tensor
    settings: InterpolationSettings

    def run(self, models: Models, calls: Calls, batch: BatchSize) -> Iterator[torch.Tensor]:
        """Unscaled latents, (n, 14, 4, h, w) as many as fit at a time.

        Raises:
            DoesNotFitError: not even one segment fits into memory.
        """

        def sample(part: range) -> torch.Tensor:
            chosen = slice(part.start, part.stop)
            return sample_segments(
                models.interpolation,
                models.reduced,
                self.ends[chosen],
                self.audio[chosen],
                self.noise[chosen],
                self.settings,
                calls.made,
            )

        remaining = range(len(self.ends))
        while remaining:
            # Loaded anew for every call: whoever takes the last result may have needed the room.
            models.load_to_device(models.interpolation, models.reduced)
            latents, remaining = batch.first(
                calls.attempting(sample), remaining, "a segment of the interpolation"
            )
            yield latents
