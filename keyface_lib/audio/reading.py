"""Sound of any file or tensor as mono 16 kHz, resampled while it is read."""

import math
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import torch

from ..errors import KeyFaceError
from ..messages import one_line
from ..method.tensors import check_tensor
from ..method.timeline import SAMPLE_RATE
from ..method.values import real
from .containers import RATES, Recording
from .loudness import warn_if_quiet
from .mixing import mixed

BLOCK = 1 << 16
"""Samples of a waveform that go into the resampler at once."""


def load_audio(source: str | Path | BinaryIO, hint: bool = True) -> torch.Tensor:
    """The sound of an audio or video file, mono at 16 kHz, mixed as `mixing` says.

    Peak memory is the result (230 MB an hour) and what `bytearray` reserves ahead, an eighth of it.

    Args:
        source: a path, or what `containers.held` made of it. A pipe can be read only once.
        hint: whether a very quiet recording is told.

    Returns:
        (samples,) float32, full scale being [-1, 1].

    Raises:
        KeyFaceError: the file is missing or unreadable, has no sound, no samples, samples that are not
            finite, or goes beyond a bound of `containers`.
    """
    name = one_line(source) if isinstance(source, (str, Path)) else "the recording"
    samples = bytearray()
    with Recording(source, name) as recording:
        for (rate, _), blocks in groupby(recording.blocks(), key=lambda block: (block[0], len(block[2]))):
            finite = (_finite(block, name) for _, _, block in blocks)
            for block in _resampled(mixed(finite, rate, name), rate):
                samples += block.data
    if not samples:
        raise KeyFaceError(f"{name}: the audio has no samples; give a recording of at least one sample")
    waveform = torch.frombuffer(samples, dtype=torch.float32)
    if hint:
        warn_if_quiet(waveform, name)
    return waveform


def mono_16k(waveform: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """A waveform mixed to one channel at 16 kHz, in the same way as `load_audio`.

    Args:
        waveform: (channels, samples), full scale being [-1, 1].
        sample_rate: of the waveform, in Hz.

    Returns:
        (ceil(samples * 16000 / sample_rate),) float32 on the CPU.

    Raises:
        KeyFaceError: the waveform is not two-dimensional, has whole numbers, no samples or some that are not
            finite, or the rate is not positive or beyond `containers.RATES`.
    """
    if waveform.ndim != 2 or waveform.numel() == 0:
        raise KeyFaceError(f"audio of shape {tuple(waveform.shape)} has no samples; give (channels, samples)")
    if sample_rate < 1:
        raise KeyFaceError(f"sample rate {sample_rate} is not positive; give the waveform's rate in Hz")
    check_tensor(waveform, "the audio", "(channels, samples)")
    real("the sample rate", sample_rate, 1, RATES[1])
    parts = waveform.detach().split(BLOCK, dim=1)
    blocks = (_finite(part.float().cpu().numpy(), "the audio") for part in parts)
    samples = torch.empty(_resampled_length(waveform.shape[1], sample_rate))
    done = 0
    rate = int(sample_rate)
    for block in _resampled(mixed(blocks, rate, "the audio"), rate):
        samples[done : done + len(block)] = torch.from_numpy(block)
        done += len(block)
    return samples


def arriving_16k(blocks: Iterable[np.ndarray], rate: int, name: str) -> Iterator[torch.Tensor]:
    """Blocks (channels, samples) of sound that is still arriving, as mono at 16 kHz, hardly delayed.

    Raises:
        KeyFaceError: some samples are not finite.
    """
    finite = (_finite(block, name) for block in blocks)
    for block in _resampled(mixed(finite, rate, name, hops=2), rate):
        yield torch.from_numpy(np.ascontiguousarray(block, dtype=np.float32))


def _resampled(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Blocks (samples,) of float32 at `rate` become blocks at 16 kHz: ceil(samples * 16000 / rate) in all."""
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    # libswresample mirrors the sound at both ends and keeps a very short one back altogether; between two
    # seconds of silence, cut off again, the ends are as sharp as the rest.
    silence = np.zeros(rate, dtype=np.float32)
    read, written = 0, -SAMPLE_RATE
    for block in chain([silence], blocks, [silence]):
        if block is not silence:
            read += len(block)
        frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for resampled in resampler.resample(frame):
            samples = resampled.to_ndarray()[0]
            first = max(0, -written)
            last = _resampled_length(read, rate) - written
            written += len(samples)
            yield samples[first : max(0, last)]


def _resampled_length(samples: int, rate: int) -> int:
    return math.ceil(samples * SAMPLE_RATE / rate)


def _finite(samples: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(samples).all():
        raise KeyFaceError(f"{what}: some samples are NaN or infinite; repair or re-record the sound")
    return samples
