"""Sound of any file or tensor as mono 16 kHz, resampled while it is read."""

import math
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path

import av
import numpy as np
import torch

from ..errors import KeyFaceError
from ..method.timeline import SAMPLE_RATE
from .containers import open_recording

BLOCK = 1 << 16
"""Samples of a waveform that go into the resampler at once."""


def load_audio(path: str | Path) -> torch.Tensor:
    """The sound of an audio or video file, mono at 16 kHz, its channels averaged.

    Peak memory is the result (230 MB an hour) and what `bytearray` reserves ahead, an eighth of it.

    Returns:
        (samples,) float32, full scale being [-1, 1].

    Raises:
        KeyFaceError: the file is missing or unreadable, has no sound, no samples, or samples that are not
            finite.
    """
    if not Path(path).is_file():
        raise KeyFaceError(f"{path}: there is no such file; give the path of an audio or video file")
    samples = bytearray()
    try:
        with open_recording(path) as container:
            if not container.streams.audio:
                raise KeyFaceError(f"{path}: the file has no audio stream; give a file with sound")
            for rate, frames in groupby(_frames(container, path), key=lambda frame: frame.sample_rate):
                for block in _resampled(map(_mono, frames), rate):
                    _check_finite(block, path)
                    samples += block.data
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise KeyFaceError(
            f"{path}: cannot be read as audio or video ({reason}); convert it to WAV, FLAC, MP3 or MP4"
        ) from error
    if not samples:
        raise KeyFaceError(f"{path}: the audio has no samples; give a recording of at least one sample")
    return torch.frombuffer(samples, dtype=torch.float32)


def mono_16k(waveform: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """The channel mean of a waveform at 16 kHz, through the same resampler as `load_audio`.

    Args:
        waveform: (channels, samples), full scale being [-1, 1].
        sample_rate: of the waveform, in Hz.

    Returns:
        (ceil(samples * 16000 / sample_rate),) float32 on the CPU.

    Raises:
        KeyFaceError: the waveform is not two-dimensional, has no samples or some that are not finite, or the
            rate is not positive.
    """
    if waveform.ndim != 2 or waveform.numel() == 0:
        raise KeyFaceError(f"audio of shape {tuple(waveform.shape)} has no samples; give (channels, samples)")
    if sample_rate < 1:
        raise KeyFaceError(f"sample rate {sample_rate} is not positive; give the waveform's rate in Hz")
    blocks = (block.float().mean(dim=0).cpu().numpy() for block in waveform.detach().split(BLOCK, dim=1))
    samples = torch.empty(_resampled_length(waveform.shape[1], sample_rate))
    done = 0
    for block in _resampled(blocks, int(sample_rate)):
        _check_finite(block, "the audio")
        samples[done : done + len(block)] = torch.from_numpy(block)
        done += len(block)
    return samples


def _frames(container: av.container.InputContainer, path: str | Path) -> Iterator[av.AudioFrame]:
    """The decoded frames of the best audio stream; packets that are no audio are left out with a warning."""
    damaged = 0
    for packet in container.demux(container.streams.best("audio")):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            damaged += 1
    if damaged:
        warnings.warn(f"{path}: {damaged} damaged packets of audio were left out", stacklevel=2)


def _mono(frame: av.AudioFrame) -> np.ndarray:
    """The channel mean (samples,) of a decoded frame, float32 with full scale [-1, 1]."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        samples = samples.astype(np.float32) - 128
        full_scale = 128
    elif np.issubdtype(samples.dtype, np.integer):
        full_scale = -float(np.iinfo(samples.dtype).min)
    else:
        full_scale = 1
    return (samples.mean(axis=0, dtype=np.float64) / full_scale).astype(np.float32)


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


def _check_finite(samples: np.ndarray, what: str | Path) -> None:
    if not np.isfinite(samples).all():
        raise KeyFaceError(f"{what}: some samples are NaN or infinite; repair or re-record the sound")
