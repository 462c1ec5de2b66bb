"""Features of sound that is still arriving: those that no later sound can change."""

from collections.abc import Callable, Mapping

import torch

from ..errors import KeyFaceError
from ..method.batching import memory_for
from ..method.tensors import check_sound
from ..method.timeline import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, frames_in
from .encoders import AudioEncoder
from .features import PER_FRAME, AudioFeatures, padded_samples, source_tokens
from .windows import MARGIN_S, Scaling, Window, overlapping, scaled_samples

HEARING_S = 12.0
"""Seconds that an encoder hears at once; it has to be more than twice `MARGIN_S`."""
STEP_S = 0.4
"""Seconds after which an encoder that hears but a little around each moment is asked again."""
HOUR = 3600 * FPS
"""Frames of the sound whose stretching is assumed, as nobody knows yet how long it will be."""


class ArrivingSound:
    """Sound that is added piece by piece, and the features that are final.

    They are those of `encode_audio` for the whole sound with windows of the same length, but for encoders
    that look at all of it first: the level that WavLM-Large and wav2vec2 scale a sound by is that of the
    first window, and tokens that are stretched over the sound (WavLM's, BEATs') are as over an hour.

    Attributes:
        n_frames: how many frames have final features.
        ended: whether no more sound comes.
    """

    def __init__(
        self,
        encoders: Mapping[str, AudioEncoder],
        window_s: float = HEARING_S,
        load: Callable[..., None] | None = None,
    ):
        """Nothing is heard yet.

        Args:
            encoders, load: see `encode_audio`.
        """
        if window_s <= 2 * MARGIN_S:
            raise KeyFaceError(f"encoders hear {window_s:g} s at once; it must be more than {2 * MARGIN_S:g}")
        self.n_frames, self.ended = 0, False
        self._heard = [_Heard(encoder, window_s, load) for encoder in encoders.values()]
        self._names = [*encoders]
        self._waveform = torch.zeros(0)
        self._first = 0  # the sample that `_waveform` begins with: what was encoded is not kept

    @property
    def delay(self) -> int:
        """By how many frames features come later than their sound at most."""
        return max(heard.delay for heard in self._heard)

    @property
    def samples(self) -> int:
        """How much sound there is."""
        return self._first + len(self._waveform)

    def add(self, samples: torch.Tensor) -> None:
        """Adds sound, (samples,) mono at 16 kHz in [-1, 1], and encodes what is complete.

        Raises:
            KeyFaceError: it is no such sound, or memory does not suffice.
        """
        if samples.ndim != 1:
            raise KeyFaceError(f"a piece of sound has the shape {tuple(samples.shape)}; give mono (samples,)")
        if not len(samples):
            return
        check_sound(samples, "a piece of the sound")
        self._waveform = torch.cat([self._waveform, samples.detach().float().cpu()])
        self._encode()

    def end(self) -> None:
        """Says that all sound has come.

        Raises:
            KeyFaceError: there was none.
        """
        if not self.samples:
            raise KeyFaceError("no sound has arrived; check the microphone, or the program that sends it")
        self.ended = True
        self._encode()

    def _encode(self) -> None:
        for heard in self._heard:
            heard.encode(self._waveform, self._first, self.samples, self.ended)
        self.n_frames = min(heard.n_frames for heard in self._heard)
        needed = min(heard.next_sample for heard in self._heard)
        self._waveform, self._first = self._waveform[max(0, needed - self._first) :], max(needed, self._first)

    def features(self) -> AudioFeatures:
        """The features of the frames that are final."""
        tokens = {
            name: heard.slots[: PER_FRAME * self.n_frames].unflatten(0, (-1, PER_FRAME))
            for name, heard in zip(self._names, self._heard, strict=True)
        }
        return AudioFeatures(self.n_frames, tokens)


class _Heard:
    """What one encoder has heard.

    Attributes:
        slots: (n, dim) its feature vectors, two a frame; as many as are final count.
        n_frames: frames that are final.
        next_sample: the first that is still needed.
        delay: frames by which features come later than their sound at most.
    """

    def __init__(self, encoder: AudioEncoder, window_s: float, load):
        self.n_frames = self.next_sample = 0
        self.slots = torch.zeros(0, encoder.dim)
        self._encoder, self._load = encoder, load
        grid = encoder.grid
        margin_s = MARGIN_S if encoder.context_s is None else encoder.context_s
        window_s = window_s if encoder.context_s is None else 2 * margin_s + STEP_S
        self._length, self._margin = (grid.steps(int(s * SAMPLE_RATE)) for s in (window_s, margin_s))
        hidden = self._length * grid.hop + grid.field  # of the first window; behind it a margin less
        self.delay = -(-hidden // SAMPLES_PER_FRAME) + 1
        steps = grid.steps(padded_samples(HOUR, encoder))
        self._source = source_tokens(steps * grid.tokens, PER_FRAME * HOUR, encoder.stretched)
        self._kept = 0  # steps that are encoded for good
        self._scaling: Scaling | None = None

    def encode(self, waveform: torch.Tensor, first: int, samples: int, ended: bool) -> None:
        """Encodes every window that is complete; of a sound that has ended, all of it."""
        grid, encoder, n_frames = self._encoder.grid, self._encoder, frames_in(samples)
        if ended:
            samples = padded_samples(n_frames, encoder)
        steps = grid.steps(samples)
        windows = overlapping(steps, self._length, self._margin)
        if not ended:
            windows = windows[:-1]  # the last one reaches to the end, wherever that is then
        for window in windows:
            if window.keep_stop <= self._kept:
                continue
            self._take(window, waveform, first, *grid.sample_range(window, samples))
        if ended:
            self._fill(n_frames)

    def _take(self, window: Window, waveform: torch.Tensor, first: int, start: int, stop: int) -> None:
        encoder, grid = self._encoder, self._encoder.grid
        if self._scaling is None:
            self._scaling = encoder.scaling(waveform[: stop - first], stop)
        if self._load is not None:
            self._load(encoder)
        with torch.inference_mode(), memory_for(f"a window of sound for {encoder.name}"):
            heard = scaled_samples(waveform, start - first, stop - first, self._scaling)
            tokens = encoder.tokens(heard[None])[0].float().cpu()
        begin = window.start * grid.tokens
        last = window.keep_stop * grid.tokens
        count = int(torch.searchsorted(self._source, last))
        source = self._source[len(self.slots) : count] - begin
        self.slots = torch.cat([self.slots, tokens[source].clone()])
        self._kept = window.keep_stop
        # The last window of a sound ends with it, so it may begin just after this one.
        self.next_sample = max(0, self._kept + self._margin - self._length) * grid.hop
        self.n_frames = len(self.slots) // PER_FRAME

    def _fill(self, n_frames: int) -> None:
        """Zeros where a sound of this length has no token, as `encode_audio` leaves them."""
        missing = PER_FRAME * n_frames - len(self.slots)
        self.slots = torch.cat([self.slots, self.slots.new_zeros(max(0, missing), self.slots.shape[1])])
        self.n_frames = n_frames
