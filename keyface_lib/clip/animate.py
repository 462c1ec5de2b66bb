"""The whole method as a stream: windows -> keyframes -> segments -> frames, each leaving once it is final.

Memory does not grow with the clip: one batch of windows, one of segments and a keyframe are held at a time.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import torch

from ..audio.features import AudioFeatures
from ..method.batching import BatchSize
from ..method.emotion import EmotionCurve
from ..method.holding import hold, kept_keyframes
from ..method.merging import merge_segments, to_bytes
from ..method.noise import unit_noise
from ..method.performance import shared_noise
from ..method.timeline import Timeline, segment_ends
from ..networks.network import Network
from .frames import decode_batch, decode_segments
from .interpolation import InterpolationSettings, sample_segments
from .keyframes import KeyframeSettings, sample_windows
from .models import Models
from .samplers import noise_levels
from .settings import Settings


class Animation:
    """One clip in the making. Iterating yields finished frames, (n, H, W, 3) uint8, in order.

    Attributes:
        timeline: where its frames, windows and segments lie.
        held: unscaled latents (4, h, w) of the keyframes that are known, by number; not sampled.
        calls: network calls it takes in all, counted in sequences.
        progress: called with (done, total) of these calls; may raise to interrupt. Where a batch does not fit
            into memory, the calls it has made are taken back.
    """

    def __init__(
        self,
        models: Models,
        identity: torch.Tensor,
        features: AudioFeatures,
        emotion: EmotionCurve,
        settings: Settings,
        progress: Callable[[int, int], None] | None = None,
        held: Mapping[int, torch.Tensor] | torch.Tensor | None = None,
        reroll: Collection[int] = (),
    ):
        """Prepares a clip as long as its audio; nothing is computed before iteration.

        Args:
            models: the loaded networks.
            identity: (4, h, w) unscaled latent of the portrait.
            features: of the whole clip's audio.
            progress: see the attribute.
            held, reroll: keyframes to keep bit for bit, and of these some to sample anew after all; see
                `method.holding.kept_keyframes`.

        Raises:
            KeyFaceError: `held` or `reroll` do not belong to such a clip.
        """
        self.models = models
        self.identity = identity
        self.features = features
        self.settings = settings
        self.timeline = Timeline(features.n_frames)
        self.valence, self.arousal = emotion.at_frames(features.n_frames)
        self.held = kept_keyframes(held, reroll, self.timeline, tuple(identity.shape))
        windows = sum(not self._is_known(window) for window in range(self.timeline.n_windows))
        self.calls = windows * _calls(settings.keyframes)
        self.calls += self.timeline.n_segments * _calls(self._interpolation_settings)
        self.progress = progress
        self._done = self._done_for_good = 0
        self._batch = BatchSize(settings.batch or 1)
        height, width = identity.shape[-2:]
        self._decode_batch = decode_batch(models.vae, height, width, models.device)

    def __iter__(self) -> Iterator[torch.Tensor]:
        self._done = self._done_for_good = 0
        remaining = self.timeline.n_frames
        for frames in merge_segments(self._decoded()):
            frames = frames[:remaining]
            remaining -= len(frames)
            if len(frames):
                yield to_bytes(frames)

    def keyframes(self) -> Iterator[torch.Tensor]:
        """Keyframes as unscaled latents, (k, 4, h, w) a batch of windows.

        Windows of which every keyframe is held are not sampled.
        """
        models, settings, timeline = self.models, self.settings.keyframes, self.timeline
        frames, shown = timeline.window_frames(), timeline.window_keyframes()

        def sample(windows: range) -> torch.Tensor:
            heard = frames[windows.start : windows.stop]
            noise = unit_noise(self.settings.seed, "keyframes", windows, *self.identity.shape)
            latents = sample_windows(
                models.keyframe,
                self.identity.expand(len(windows), -1, -1, -1),
                self.features.select(models.keyframe_encoders, heard),
                self.valence[heard],
                self.arousal[heard],
                shared_noise(noise, self.settings.seed, settings.head_motion),
                settings,
                self._on_call,
                hold(self.held, shown[windows.start : windows.stop], tuple(self.identity.shape)),
            )
            counts = [len(timeline.keyframes_of_window(window)) for window in windows]
            return torch.cat([window[1 : 1 + n] for window, n in zip(latents, counts, strict=True)])

        networks = (models.keyframe,)
        for known, run in groupby(range(timeline.n_windows), self._is_known):
            windows = [*run]
            if known:
                for window in windows:
                    latents = [self.held[number] for number in timeline.keyframes_of_window(window)]
                    yield torch.stack(latents).to(models.device)
            else:
                whole = range(windows[0], windows[-1] + 1)
                yield from self._sampled(sample, whole, networks, "a window of keyframes")

    def segments(self) -> Iterator[torch.Tensor]:
        """Segments as unscaled latents, (s, 14, 4, h, w) a batch."""
        models = self.models
        networks = (models.interpolation, models.reduced)
        frames = self.timeline.segment_frames()
        first, carried = 0, None
        for keyframes in self.keyframes():
            keyframes = keyframes if carried is None else torch.cat([carried, keyframes])
            ends = segment_ends(keyframes)

            def sample(segments: range, ends=ends, first=first) -> torch.Tensor:
                return sample_segments(
                    models.interpolation,
                    models.reduced,
                    ends[segments.start - first : segments.stop - first],
                    self.features.select(
                        models.interpolation_encoders, frames[segments.start : segments.stop]
                    ),
                    unit_noise(self.settings.seed, "interpolation", segments, *self.identity.shape),
                    self._interpolation_settings,
                    self._on_call,
                )

            indices = range(first, first + len(ends))
            yield from self._sampled(sample, indices, networks, "a segment of the interpolation")
            first, carried = first + len(ends), keyframes[-1:]

    def _decoded(self) -> Iterator[torch.Tensor]:
        for segments in self.segments():
            self.models.load_to_device(self.models.vae)
            for segment in segments.split(1):
                yield decode_segments(self.models.vae, segment, self._decode_batch)

    def _sampled(
        self,
        sample: Callable[[range], torch.Tensor],
        indices: range,
        networks: Sequence[Network | None],
        what: str,
    ) -> Iterator[torch.Tensor]:
        """What `sample` returns for consecutive parts of `indices`, each as large as memory allows."""

        def attempt(part: range) -> torch.Tensor:
            self._done = self._done_for_good  # what the former attempt counted, if it failed, was in vain
            latents = sample(part)
            self._done_for_good = self._done
            return latents

        remaining = indices
        while remaining:
            # Loaded anew for every batch: whoever takes the last one may have needed the room.
            self.models.load_to_device(*networks)
            latents, remaining = self._batch.first(attempt, remaining, what)
            yield latents

    def _is_known(self, window: int) -> bool:
        return all(number in self.held for number in self.timeline.keyframes_of_window(window))

    @property
    def _interpolation_settings(self) -> InterpolationSettings:
        settings = self.settings.interpolation
        return settings if self.models.reduced is not None else replace(settings, auto_scale=1.0)

    def _on_call(self, sequences: int) -> None:
        self._done += sequences
        if self.progress is not None:
            self.progress(self._done, self.calls)


def _calls(settings: KeyframeSettings | InterpolationSettings) -> int:
    """Network calls that one sequence costs: branches of non-zero weight over all noise levels."""
    levels = noise_levels(settings.sampler, settings.steps)[:-1].tolist()
    return sum(weight != 0 for sigma in levels for weight in settings.weights(sigma))
