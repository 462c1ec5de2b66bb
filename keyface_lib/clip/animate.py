"""The whole method as a stream: windows -> keyframes -> segments -> frames, each leaving once it is final.

Memory does not grow with the clip: a few windows of keyframes and one batch of segments are held at a time.
With a store, every window and batch is kept in it as soon as it is made, and taken from there the next time.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from ..audio.features import AudioFeatures
from ..method.batching import BatchSize
from ..method.emotion import EmotionCurve
from ..method.holding import kept_keyframes
from ..method.merging import merge_segments, to_bytes
from ..method.noise import unit_noise
from ..method.performance import shared_noise
from ..method.redo import Redo
from ..method.timeline import KEYFRAME_STEP, Timeline
from ..work.store import Store
from .frames import decode_batch, decode_segments
from .interpolation import InterpolationSettings
from .jobs import Calls, SegmentsJob, WindowJob
from .keyframes import KeyframeSettings
from .keys import Keys
from .models import Models
from .samplers import noise_levels
from .settings import Settings
from .takes import Take, segment_seed, takes_of


class Animation:
    """One clip in the making. Iterating yields finished frames, (n, H, W, 3) uint8, in order.

    Attributes:
        timeline: where its frames, windows and segments lie.
        held: unscaled latents (4, h, w) of the keyframes that are known, by number; not sampled.
        redos: passages that are made again with another seed, one after the other.
        keys: of windows and segments in the store; None without one.
        to_make: the windows and segments that the store has not.
        calls: network calls that these take, counted in sequences.
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
        redos: Sequence[Redo] = (),
        store: Store | None = None,
    ):
        """Prepares a clip as long as its audio; nothing is computed before iteration.

        Args:
            models: the loaded networks.
            identity: (4, h, w) unscaled latent of the portrait.
            features: of the whole clip's audio.
            progress: called with (done, total) network calls; may raise to interrupt.
            held, reroll: keyframes to keep bit for bit, and of these some to sample anew after all; see
                `method.holding.kept_keyframes`.
            redos: see the attribute.
            store: keeps windows and segments.

        Raises:
            KeyFaceError: `held` or `reroll` do not belong to such a clip.
        """
        self.models = models
        self.identity = identity
        self.settings = settings
        self.redos = [*redos]
        self.hear(features, emotion)
        self.held = kept_keyframes(held, reroll, self.timeline, tuple(identity.shape))
        self._store = store
        self.keys = None if store is None else self._keys()
        self.to_make = self._missing()
        windows, segments = self.to_make
        self.calls = sum(len(self._takes_left(window)) for window in windows) * _calls(settings.keyframes)
        self.calls += len(segments) * _calls(self._interpolation_settings)
        self._counted = Calls(self.calls, progress)
        self._batch = BatchSize(settings.batch or 1)
        self._windows: dict[int, torch.Tensor] = {}
        height, width = identity.shape[-2:]
        self._decode_batch = decode_batch(models.vae, height, width, models.device)

    def hear(self, features: AudioFeatures, emotion: EmotionCurve, finished: bool = True) -> None:
        """Takes in what is heard and felt: all of it, or of what still arrives, more than the last time.

        Args:
            finished: whether it is all of the clip. If not, `segments_known` says how many segments can be
                made: those whose keyframes' windows are heard to their end.
        """
        settings = self.settings
        per_window = settings.keyframes.keyframes_per_window
        self.features = features
        self.timeline = timeline = Timeline(features.n_frames, per_window)
        self.valence, self.arousal = emotion.at_frames(features.n_frames)
        self._takes = [takes_of(w, timeline, settings.seed, self.redos) for w in range(timeline.n_windows)]
        seed = settings.seed if settings.interpolation_seed is None else settings.interpolation_seed
        self._seeds = [segment_seed(s, timeline, seed, self.redos) for s in range(timeline.n_segments)]
        self.segments_known = timeline.n_segments if finished else self.segments_in(features.n_frames)
        self._finished = finished

    def segments_in(self, n_frames: int) -> int:
        """How many segments can be made of a clip of which so many frames are heard so far."""
        per_window = self.settings.keyframes.keyframes_per_window
        heard = (n_frames - 1) // KEYFRAME_STEP + 1  # keyframes
        return max(0, heard // per_window * per_window - 1)

    @property
    def progress(self) -> Callable[[int, int], None] | None:
        """Called with (done, total) network calls; may raise to interrupt."""
        return self._counted.progress

    @progress.setter
    def progress(self, progress: Callable[[int, int], None] | None) -> None:
        self._counted.progress = progress

    def __iter__(self) -> Iterator[torch.Tensor]:
        self._counted.restart()
        self._windows = {}
        yield from self.frames(range(self.timeline.n_segments))

    def frames(self, segments: range) -> Iterator[torch.Tensor]:
        """The frames that consecutive segments show, (n, H, W, 3) uint8.

        A frame that two segments share comes with the later one, the clip's very last frame with the last.
        """
        before = 1 if segments.start else 0  # its last frame is half of the first one here
        decoded = range(segments.start - before, segments.stop)
        wanted, first = self.timeline.frames_of_segments(segments), KEYFRAME_STEP * decoded.start
        if not self._finished:  # what is the last segment so far shares its last frame with one to come
            wanted = range(wanted.start, KEYFRAME_STEP * segments.stop)
        for frames in merge_segments(self._decoded(decoded)):
            shown = frames[max(0, wanted.start - first) : max(0, wanted.stop - first)]
            first += len(frames)
            if len(shown):
                yield to_bytes(shown)

    def keyframes(self) -> Iterator[torch.Tensor]:
        """Keyframes as unscaled latents, (k, 4, h, w) a window.

        Windows of which every keyframe is held are not sampled.
        """
        for window in range(self.timeline.n_windows):
            yield self._window(window)

    def segments(self, wanted: range | None = None) -> Iterator[torch.Tensor]:
        """Segments as unscaled latents, (s, 14, 4, h, w) a batch or part of it.

        Batches begin at multiples of their size whatever is wanted, so that each is always made of the same
        segments: rounding differs with the number of sequences in a call.
        """
        wanted = range(self.timeline.n_segments) if wanted is None else wanted
        size = self.settings.batch or 1
        aligned = wanted.start - wanted.start % size if self._finished else wanted.start
        for first in range(aligned, wanted.stop, size):
            batch = range(first, min(first + size, self.segments_known))
            place = first
            for latents in self._segments(batch):
                part = latents[max(0, wanted.start - place) : max(0, wanted.stop - place)]
                place += len(latents)
                if len(part):
                    yield part

    def _segments(self, batch: range) -> Iterator[torch.Tensor]:
        """A batch of segments: those in the store, the others once they are made."""
        store, keys = self._store, [] if self.keys is None else self.keys.segments
        if store is None:
            yield from self._job_of_segments(batch).run(self.models, self._counted, self._batch)
            return
        missing = [segment for segment in batch if keys[segment] not in store]
        if missing:
            made = torch.cat([*self._job_of_segments(missing).run(self.models, self._counted, self._batch)])
            store.put("segments", missing, [keys[segment] for segment in missing], made)
            if len(missing) == len(batch):
                yield made
                return
        for segment in batch:
            yield store[keys[segment]][None]

    def _job_of_segments(self, numbers: Sequence[int]) -> SegmentsJob:
        keyframes, shape = self._keyframes(range(numbers[0], numbers[-1] + 2)), self.identity.shape
        heard = self.timeline.segment_frames()[list(numbers)]
        noise = [unit_noise(self._seeds[n], "interpolation", range(n, n + 1), *shape) for n in numbers]
        return SegmentsJob(
            torch.stack([torch.stack([keyframes[n], keyframes[n + 1]]) for n in numbers]),
            self.features.select(self.models.interpolation_encoders, heard),
            torch.cat(noise),
            self._interpolation_settings,
        )

    def _keyframes(self, numbers: range) -> dict[int, torch.Tensor]:
        """Keyframes (4, h, w) by number, of all windows that the numbers lie in; no others stay in memory."""
        first, last = (number // self.timeline.per_window for number in (numbers[0], numbers[-1]))
        windows = {
            w: self._windows[w] if w in self._windows else self._window(w) for w in range(first, last + 1)
        }
        self._windows = windows
        return {
            number: latent
            for window, latents in windows.items()
            for number, latent in zip(self.timeline.keyframes_of_window(window), latents, strict=True)
        }

    def _window(self, window: int) -> torch.Tensor:
        """The keyframes of a window, (k, 4, h, w): from the store, or once they are made."""
        if self._is_known(window):
            return torch.stack([self.held[n] for n in self.timeline.keyframes_of_window(window)])
        store, keys = self._store, None if self.keys is None else self.keys.windows[window]
        left, latents = self._takes_left(window), None
        if left.start and store is not None and keys is not None:
            latents = store[keys[left.start - 1]]
        for take in left:
            latents = self._job_of_window(window, self._takes[window][take], latents).run(
                self.models, self._counted
            )
            if store is not None and keys is not None:
                store.put("windows", [window], [keys[take]], latents[None])
        assert latents is not None
        return latents.to(self.models.device)

    def _job_of_window(self, window: int, take: Take, former: torch.Tensor | None) -> WindowJob:
        timeline, settings = self.timeline, self.settings.keyframes
        shown, heard = timeline.keyframes_of_window(window), timeline.window_frames()[window]
        held = dict(self.held)
        if former is not None and take.fresh is not None:
            kept = zip(shown, former.cpu(), strict=True)
            held |= {number: latent for number, latent in kept if number not in take.fresh}
        noise = unit_noise(take.seed, "keyframes", range(window, window + 1), *self.identity.shape)
        return WindowJob(
            self.identity,
            self.features.select(self.models.keyframe_encoders, heard),
            self.valence[heard],
            self.arousal[heard],
            shared_noise(noise, self.settings.seed, settings.head_motion)[0],
            timeline.window_keyframes()[window],
            len(shown),
            held,
            settings,
        )

    def _decoded(self, wanted: range) -> Iterator[torch.Tensor]:
        for segments in self.segments(wanted):
            self.models.load_to_device(self.models.vae)
            for segment in segments.to(self.models.device).split(1):
                yield decode_segments(self.models.vae, segment, self._decode_batch)

    def _keys(self) -> Keys:
        return Keys(
            self.models,
            self.identity,
            self.features,
            (self.valence, self.arousal),
            self.settings,
            self._interpolation_settings,
            self.held,
            self._takes,
            self._seeds,
        )

    def _missing(self) -> tuple[set[int], set[int]]:
        """The segments that are not in the store, and the windows they need that are not either."""
        segments = set(range(self.timeline.n_segments))
        if self._store is not None and self.keys is not None:
            segments = {s for s in segments if self.keys.segments[s] not in self._store}
        ends = {number // self.timeline.per_window for s in segments for number in (s, s + 1)}
        return {w for w in ends if not self._is_known(w) and self._takes_left(w)}, segments

    def _takes_left(self, window: int) -> range:
        """The takes of a window that are still to be made: those behind the last one in the store."""
        takes = len(self._takes[window])
        if self._store is None or self.keys is None:
            return range(takes)
        kept = [take for take, key in enumerate(self.keys.windows[window]) if key in self._store]
        return range(kept[-1] + 1 if kept else 0, takes)

    def _is_known(self, window: int) -> bool:
        return all(number in self.held for number in self.timeline.keyframes_of_window(window))

    @property
    def _interpolation_settings(self) -> InterpolationSettings:
        settings = self.settings.interpolation
        return settings if self.models.reduced is not None else replace(settings, auto_scale=1.0)


def _calls(settings: KeyframeSettings | InterpolationSettings) -> int:
    """Network calls that one sequence costs: branches of non-zero weight over all noise levels."""
    levels = noise_levels(settings.sampler, settings.steps)[:-1].tolist()
    return sum(weight != 0 for sigma in levels for weight in settings.weights(sigma))
