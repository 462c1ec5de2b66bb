"""The sound of a video as it will be heard, read a piece at a time while the frames are made."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, groupby

import av
import numpy as np
import torch

from ..audio.containers import open_recording
from ..errors import KeyFaceError


class Sound:
    """Mono or stereo sound, read in order; after its end there is silence.

    Attributes:
        rate: samples a second.
        layout: "mono", or "stereo" for two channels and more.
    """

    def __init__(
        self,
        source: torch.Tensor | str | os.PathLike,
        sample_rate: int,
        rates: Sequence[int] | None = None,
    ):
        """Opens the sound; a file is decoded only as far as it is read.

        Args:
            source: (samples,) or (channels, samples) in [-1, 1], or an audio or video file. More than two
                channels are mixed down: averaged in a tensor, which does not say what they are.
            sample_rate: of a tensor; a file knows its own.
            rates: what the encoder takes; sound is resampled to the next higher rate, or the highest. None
                takes every rate.

        Raises:
            KeyFaceError: the file cannot be read or has no sound.
        """
        if isinstance(source, torch.Tensor):
            waveform = source.detach().cpu().float().reshape(-1, source.shape[-1])
            channels, own_rate = len(waveform), int(sample_rate)
            frames = _frames_of_tensor(waveform, own_rate)
        else:
            container = _open(source)
            codec = container.streams.best("audio").codec_context
            channels, own_rate = codec.layout.nb_channels, codec.sample_rate
            frames = _frames_of_file(container, source)
        rates = rates or [own_rate]
        self.rate = min((rate for rate in rates if rate >= own_rate), default=max(rates))
        self.layout = "mono" if channels == 1 else "stereo"
        self._blocks = _resampled(frames, self.layout, self.rate)
        self._left = np.zeros((1 if channels == 1 else 2, 0), np.float32)

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


def _frames_of_tensor(waveform: torch.Tensor, rate: int) -> Iterator[av.AudioFrame]:
    if len(waveform) > 2:
        waveform = waveform.mean(dim=0, keepdim=True).expand(2, -1)
    layout = "mono" if len(waveform) == 1 else "stereo"
    for second in waveform.split(rate, dim=1):
        if second.shape[1]:
            yield audio_frame(second.contiguous().numpy(), layout, rate)


def _open(path: str | os.PathLike) -> av.container.InputContainer:
    try:
        container = open_recording(path)
    except (OSError, av.FFmpegError) as error:
        raise KeyFaceError(f"{path}: cannot be read as sound ({error.strerror}); check the file") from error
    if not container.streams.audio:
        container.close()
        raise KeyFaceError(f"{path}: the file has no sound; give a recording, or none for a silent video")
    return container


def _frames_of_file(
    container: av.container.InputContainer, path: str | os.PathLike
) -> Iterator[av.AudioFrame]:
    with container:
        try:
            for packet in container.demux(container.streams.best("audio")):
                try:
                    yield from packet.decode()
                except av.error.InvalidDataError:  # left out here as in what the networks hear
                    continue
        except (OSError, av.FFmpegError) as error:
            raise KeyFaceError(f"{path}: reading stopped ({error.strerror}); check the file") from error


def _resampled(frames: Iterator[av.AudioFrame], layout: str, rate: int) -> Iterator[np.ndarray]:
    """Blocks (channels, samples) float32 of one layout and rate, even where the frames change theirs."""

    def form(frame: av.AudioFrame) -> tuple:
        return frame.format.name, frame.layout.name, frame.sample_rate

    for _, alike in groupby(frames, form):
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for frame in chain(alike, [None]):  # None fetches what the resampler still holds
            for block in resampler.resample(frame):
                yield block.to_ndarray()
