"""The sound of a video as it will be heard, read a piece at a time while the frames are made."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import BinaryIO, TypeAlias

import av
import numpy as np
import torch

from ..audio.containers import Recording
from ..audio.mixing import mixed

Block: TypeAlias = tuple[int, str, np.ndarray]
"""Samples a second, the layout in FFmpeg's words, and samples (channels, n) float32."""
Blocks: TypeAlias = Iterator[Block]


class Sound:
    """Mono or stereo sound, read in order; after its end there is silence.

    Attributes:
        rate: samples a second.
        layout: "mono", or "stereo" for two channels and more.
    """

    def __init__(
        self,
        source: torch.Tensor | str | os.PathLike | BinaryIO | Blocks,
        sample_rate: int,
        rates: Sequence[int] | None = None,
    ):
        """Opens the sound; a file is decoded only as far as it is read.

        Args:
            source: (samples,) or (channels, samples) in [-1, 1], or an audio or video file (a path, or what
                `audio.containers.held` made of it). More than two channels are mixed down: to stereo where
                the file says where they stand, otherwise to one channel as `audio.mixing` does. Or blocks
                (rate, layout, samples (channels, n)) of sound that is still arriving.
            sample_rate: of a tensor, or the first of the blocks; a file knows its own.
            rates: what the encoder takes; sound is resampled to the next higher rate, or the highest. None
                takes every rate.

        Raises:
            KeyFaceError: the file cannot be read or has no sound.
        """
        self._recording = None
        if isinstance(source, torch.Tensor):
            waveform = source.detach().cpu().float().reshape(-1, source.shape[-1])
            channels, own_rate = len(waveform), int(sample_rate)
            blocks = _blocks_of_tensor(waveform, own_rate)
        elif isinstance(source, Iterator) and not hasattr(source, "read"):  # files are iterators, too
            first = next(source)
            channels, own_rate, blocks = len(first[2]), first[0], chain([first], source)
        else:
            self._recording = Recording(source)
            channels, own_rate = self._recording.channels, self._recording.rate
            blocks = self._recording.blocks(warn=False)  # told when the networks' sound was read
        rates = rates or [own_rate]
        self.rate = min((rate for rate in rates if rate >= own_rate), default=max(rates))
        self.layout = "mono" if channels == 1 else "stereo"
        self._blocks = _resampled(blocks, self.layout, self.rate)
        self._left = np.zeros((1 if channels == 1 else 2, 0), np.float32)

    def close(self) -> None:
        """Lets go of the recording; what was not read of it is silence."""
        self._blocks = iter(())
        if self._recording is not None:
            self._recording.close()

    def read(self, samples: int) -> np.ndarray:
        """The next `samples` samples: (channels, samples) float32."""
        blocks, length = [self._left], self._left.shape[1]
        while length < samples:
            silence = np.zeros((len(self._left), samples - length), np.float32)
            block = next(self._blocks, silence)
            blocks.append(block)
            length += block.shape[1]
        joined = np.concatenate(blocks, axis=1)
        self._left = joined[:, samples:]
        return np.ascontiguousarray(joined[:, :samples])


def audio_frame(samples: np.ndarray, layout: str, rate: int) -> av.AudioFrame:
    """(channels, samples) float32 in FFmpeg's form."""
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
    frame.sample_rate = rate
    return frame


def _blocks_of_tensor(waveform: torch.Tensor, rate: int) -> Iterator[tuple[int, str, np.ndarray]]:
    for second in waveform.split(max(1, rate), dim=1):
        if second.shape[1]:
            yield rate, "unknown", second.contiguous().numpy()


def _resampled(blocks: Iterator[tuple[int, str, np.ndarray]], layout: str, rate: int) -> Iterator[np.ndarray]:
    """Blocks (channels, samples) float32 of one layout and rate, even where the recording changes its own."""
    for (own_rate, own_layout, channels), alike in groupby(blocks, lambda b: (b[0], b[1], len(b[2]))):
        samples = (block for _, _, block in alike)
        if channels == 1 or layout == "mono" or (channels > 2 and not _is_known(own_layout, own_rate)):
            mono = mixed(samples, own_rate, "the recording")
            samples = (np.repeat(block[None], 1 if layout == "mono" else 2, axis=0) for block in mono)
            own_layout = layout
        elif channels == 2:  # wherever they are said to stand
            own_layout = "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        frames = (_packed_frame(block, own_layout, own_rate) for block in samples)
        for frame in chain(frames, [None]):  # None fetches what the resampler still holds
            for block in resampler.resample(frame):
                yield block.to_ndarray()


def _packed_frame(samples: np.ndarray, layout: str, rate: int) -> av.AudioFrame:
    """As `audio_frame`, for any number of channels: PyAV's planar frames take seven."""
    frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate = rate
    return frame


def _is_known(layout: str, rate: int) -> bool:
    """Whether FFmpeg can mix a layout to stereo: it knows where all channels stand."""
    try:
        channels = av.AudioLayout(layout).nb_channels
        frame = _packed_frame(np.zeros((channels, 64), np.float32), layout, rate)
        av.AudioResampler(format="fltp", layout="stereo", rate=rate).resample(frame)
    except (ValueError, OSError, av.FFmpegError):
        return False
    return True
