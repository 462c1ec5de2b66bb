"""Sound in, features at 25 video frames a second out: two vectors a frame and encoder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..errors import KeyFaceError
from ..method.batching import memory_for
from ..method.tensors import check_sound
from ..method.timeline import SAMPLES_PER_FRAME, frames_in
from .encoders import AudioEncoder
from .windows import WINDOW_S, Window, scaled_samples

PER_FRAME = 2
"""Feature vectors of one encoder for one video frame."""


@dataclass(frozen=True)
class AudioFeatures:
    """What encoders hear in a sound.

    Attributes:
        n_frames: video frames at 25 fps, the last one perhaps filled in part.
        by_encoder: {encoder: (n_frames, 2, dim) float32 on the CPU}.
    """

    n_frames: int
    by_encoder: Mapping[str, torch.Tensor]

    def select(self, encoders: Sequence[str], frames: torch.Tensor | None = None) -> torch.Tensor:
        """The features of some encoders side by side, in the order given.

        Args:
            frames: (...) int64, the frames wanted; all of them by default.

        Returns:
            (..., 2, sum of dims); (n_frames, 2, sum of dims) by default.

        Raises:
            KeyFaceError: the sound was not encoded with one of them.
        """
        missing = [name for name in encoders if name not in self.by_encoder]
        if missing:
            have = ", ".join(self.by_encoder) or "none"
            raise KeyFaceError(
                f"the audio features lack {', '.join(missing)}, they have {have}; "
                "encode the audio with every encoder the model hears"
            )
        wanted = [self.by_encoder[name] for name in encoders]
        return torch.cat([x if frames is None else x[frames] for x in wanted], dim=-1)


def encode_audio(
    waveform: torch.Tensor,
    encoders: Mapping[str, AudioEncoder],
    progress: Callable[[int, int], None] | None = None,
    window_s: float = WINDOW_S,
    load: Callable[[AudioEncoder], None] | None = None,
    into: Callable[[str, tuple[int, int, int]], torch.Tensor] | None = None,
) -> AudioFeatures:
    """Features of a sound from several encoders, each run where it has been placed.

    Args:
        waveform: (samples,) mono at 16 kHz, full scale [-1, 1], at least one sample.
        encoders: by the names the features get.
        progress: called with (windows done, windows in all); may raise to interrupt.
        window_s: seconds encoded at once, more than twice `windows.MARGIN_S`. Longer sound is encoded in
            overlapping windows; docs/audio.md says how little that changes.
        load: called with each encoder just before it is needed, to place it.
        into: makes the tensor of zeros for an encoder's features from its name and their shape; for sound of
            hours one that is a file.

    Raises:
        KeyFaceError: the waveform is not one channel, has whole numbers, no samples or some that are not
            finite, or memory does not suffice.
    """
    if waveform.ndim != 1 or len(waveform) == 0:
        raise KeyFaceError(
            f"audio of shape {tuple(waveform.shape)} cannot be encoded; give mono (samples,), at least one"
        )
    check_sound(waveform, "the sound")
    n_frames = frames_in(len(waveform))
    windows = {
        name: encoder.grid.windows(padded_samples(n_frames, encoder), window_s)
        for name, encoder in encoders.items()
    }
    done, total = 0, sum(map(len, windows.values()))
    # Made outside inference mode, the features can be trained on.
    features = {
        name: torch.zeros(shape) if into is None else into(name, shape)
        for name, encoder in encoders.items()
        if (shape := (n_frames, PER_FRAME, encoder.dim))
    }
    for name, encoder in encoders.items():
        if load is not None:
            load(encoder)
        for _ in _encode(waveform, encoder, windows[name], into=features[name]):
            done += 1
            if progress is not None:
                progress(done, total)
    return AudioFeatures(n_frames, features)


def padded_samples(n_frames: int, encoder: AudioEncoder) -> int:
    """The samples an encoder hears for `n_frames`: whole frames, an even number for some, never too few."""
    frames = max(n_frames, frames_in(encoder.grid.field))
    if encoder.even_frames:
        frames += frames % 2
    return frames * SAMPLES_PER_FRAME


def source_tokens(tokens: int, slots: int, stretched: bool) -> torch.Tensor:
    """The token each of `slots` feature vectors is taken from: (slots,) int64, ascending.

    Stretched tokens fill all slots by nearest interpolation; others fill them one by one, and a slot past the
    last token names one that does not exist.
    """
    if not stretched:
        return torch.arange(slots)
    # torch's own interpolation, so that rounding picks the same token as the released code.
    index = torch.arange(tokens, dtype=torch.float32)
    return F.interpolate(index[None, None], size=slots, mode="nearest")[0, 0].long()


def _encode(
    waveform: torch.Tensor, encoder: AudioEncoder, windows: list[Window], into: torch.Tensor
) -> Iterator[None]:
    """Fills `into` (n_frames, 2, dim), which starts as zeros, and yields after each window."""
    grid = encoder.grid
    samples = padded_samples(len(into), encoder)
    scaling = encoder.scaling(waveform, samples)
    slots = into.flatten(0, 1)
    heard_slots = PER_FRAME * samples // SAMPLES_PER_FRAME
    source = source_tokens(grid.steps(samples) * grid.tokens, heard_slots, encoder.stretched)[: len(slots)]
    for window in windows:
        with torch.inference_mode():
            heard = scaled_samples(waveform, *grid.sample_range(window, samples), scaling)
            with memory_for(f"a window of sound for {encoder.name}"):
                tokens = encoder.tokens(heard[None])[0].float().cpu()
            kept = torch.tensor([window.keep_start, window.keep_stop]) * grid.tokens
            first, last = torch.searchsorted(source, kept).tolist()
            slots[first:last] = tokens[source[first:last] - window.start * grid.tokens]
        yield
