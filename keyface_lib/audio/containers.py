"""Recordings: sound files and videos with sound, opened without trusting them."""

import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from ..errors import KeyFaceError
from ..files import is_pipe, open_file
from ..messages import one_line

# PyAV before 19 fails on tags that are not UTF-8 unless told otherwise; from 19 on it knows no such option.
_TAGS = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}

FORMATS = (
    "wav,w64,aiff,au,caf,voc,sox,nistsphere,flac,ogg,mp3,aac,ac3,eac3,dts,amr,ape,wv,tta,tak,mpc,mpc8,dsf,truehd,"
    "loas,qcp,mov,matroska,avi,mpegts,mpeg,asf,flv,mxf,nut,rm,dv"
)
"""FFmpeg's demuxers that are used: files that hold their sound themselves: no playlists, scripts, nets."""
CODECS = (
    "aac,aac_fixed,aac_latm,ac3,ac3_fixed,eac3,dca,truehd,mlp,alac,flac,ape,mp1,mp1float,mp2,mp2float,mp3,"
    "mp3float,mp3adu,mp3adufloat,opus,libopus,vorbis,libvorbis,speex,libspeex,wavpack,tta,tak,mpc7,mpc8,qcelp,"
    "nellymoser,wmav1,wmav2,wmapro,wmalossless,wmavoice,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,gsm,"
    "gsm_ms,g722,g723_1,g726,g726le,g729,ilbc,cook,ralf"
)
"""FFmpeg's decoders that are used, beside those of `_CODEC_FAMILIES`."""
_CODEC_FAMILIES = ("pcm_", "adpcm_", "dsd_")
RATES = (1_000, 768_000)
MAX_CHANNELS = 64
MAX_SECONDS = 3 * 3600
GAP = 0.015
"""Seconds of missing sound that are filled: less than a packet, more than containers round their times by."""
_UNTIMED = ("avi",)
"""Formats whose times are guessed from sizes."""
_LONGEST_GAP = {"mpegts": 10.0, "mpeg": 10.0}
"""Seconds from which on a jump is a clock that was set anew; FFmpeg's own bound for broadcast streams."""
_LONGEST_GAP_ELSEWHERE = 600.0
_MANY, _DENSE = 400_000_000, 500
"""More samples than the first, at more than the second from each byte, are no sound."""
_LONG, _THIN = 600.0, 25.0
"""More seconds than the first, in less than the second of bytes each, are none either: silence takes more."""


_SMALL = 2**26
"""Bytes of a file whose index is looked at before; a larger one has room for what it claims."""


class Recording:
    """An open recording, read once from its beginning.

    Attributes:
        rate: samples a second, of its beginning.
        channels: of its beginning.
    """

    def __init__(self, source: str | os.PathLike | BinaryIO, name: str | None = None):
        """Opens a file, whose content alone decides what it is.

        Args:
            source: a path, or what `held` made of it.
            name: for messages; by default the path.

        Raises:
            KeyFaceError: it cannot be opened, is no recording of a known kind, has no sound, or a rate or
                number of channels out of bounds.
        """
        self._name = name or (one_line(source) if isinstance(source, (str, os.PathLike)) else source.name)
        self._file = (
            open_file(source, "recording", pipes=True) if isinstance(source, (str, os.PathLike)) else source
        )
        self._own = self._file is not source
        self._container: av.container.InputContainer | None = None
        try:
            self._bytes = check_index(self._file, self._name)
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        try:
            self._container = open_container(self._file, FORMATS, _decoders())
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._unreadable(error) from error
        self._stream = self._container.streams.best("audio")
        if self._stream is None:
            raise KeyFaceError(f"{self._name}: has no audio stream, so no sound; give a file with sound")
        codec = self._stream.codec_context
        if codec is None or codec.name not in _decoders():
            raise KeyFaceError(
                f"{self._name}: its sound is coded in a way that is not read; convert it to WAV, FLAC or MP3"
            )
        self.rate, self.channels = codec.sample_rate, codec.layout.nb_channels
        self._check(self.rate, self.channels)
        if codec.name.startswith("pcm_") and codec.format is not None:
            self._check_length(self._bytes / (self.rate * self.channels * max(1, codec.format.bytes)))

    def _check_length(self, seconds: float) -> None:
        if seconds > MAX_SECONDS:
            hours = MAX_SECONDS // 3600
            raise KeyFaceError(f"{self._name}: is longer than {hours} hours; cut it into parts")

    def blocks(self, warn: bool = True) -> Iterator[tuple[int, str, np.ndarray]]:
        """(rate, layout, samples (channels, n) float32 in [-1, 1]) after each other; gaps are silence.

        Sound keeps its place in time by the times of its packets, from the first one on. Packets that are no
        sound are left out.

        Args:
            warn: whether gaps and damaged packets are told.

        Raises:
            KeyFaceError: reading stops, or the sound goes beyond a bound.
        """
        seconds, start, damaged, missing, samples = 0.0, None, 0, 0.0, 0
        timed = self._container.format.name not in _UNTIMED
        longest = _LONGEST_GAP.get(self._container.format.name, _LONGEST_GAP_ELSEWHERE)
        for frame in self._frames():
            if frame is None:
                damaged += 1
                continue
            self._check(frame.sample_rate, frame.layout.nb_channels)
            block, layout, rate = samples_of(frame), frame.layout.name, frame.sample_rate
            if timed and frame.pts is not None and frame.time_base:
                at = float(frame.pts * frame.time_base)
                start = at - seconds if start is None else start
                gap = at - start - seconds
                if gap > longest or gap < -1:
                    start += gap
                elif gap > GAP:
                    length = _whole_packets(gap * rate, block.shape[1], rate)
                    missing += length / rate
                    seconds += length / rate
                    yield from ((rate, layout, part) for part in _silence(len(block), length, rate))
            seconds += block.shape[1] / rate
            samples += block.size
            self._check_length(seconds)
            thin = seconds > _LONG and seconds * _THIN > self._bytes
            if thin or (samples > _MANY and samples > _DENSE * self._bytes):
                raise KeyFaceError(
                    f"{self._name}: holds {seconds:.0f} s of next to nothing; give a recording"
                )
            yield rate, layout, block
        if damaged and warn:
            warnings.warn(f"{self._name}: {damaged} damaged packets of audio were left out", stacklevel=2)
        if missing and warn:
            warnings.warn(
                f"{self._name}: {missing:.2f} s of sound are missing in it; there is silence in their place",
                stacklevel=2,
            )

    def _frames(self) -> Iterator[av.AudioFrame | None]:
        """The decoded frames of the best audio stream; None for a packet that is no sound."""
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except av.FFmpegError:
                    yield None
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error

    def _check(self, rate: int, channels: int) -> None:
        lowest, highest = RATES
        if not lowest <= rate <= highest:
            raise KeyFaceError(
                f"{self._name}: claims {rate} samples a second; {lowest} to {highest} are read. Convert it"
            )
        if not 1 <= channels <= MAX_CHANNELS:
            raise KeyFaceError(
                f"{self._name}: has {channels} channels; up to {MAX_CHANNELS} are read. Mix it down"
            )

    def _unreadable(self, error: Exception) -> KeyFaceError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return KeyFaceError(
            f"{self._name}: cannot be read as audio or video ({reason}); convert it to WAV, FLAC, MP3 or MP4"
        )

    def close(self) -> None:
        """Lets go of the file."""
        if self._container is not None:
            self._container.close()
        if self._own:
            self._file.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()


class ArrivingRecording(Recording):
    """A recording that a pipe brings while it is made; it may go on for ever."""

    def __init__(self, descriptor: int, name: str):
        """Waits for its beginning.

        Args:
            descriptor: of an open pipe, such as standard input.

        Raises:
            KeyFaceError: as `Recording`.
        """
        self._name, self._own, self._container = name, False, None
        self._file, self._bytes = _Pipe(descriptor), math.inf
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _check_length(self, seconds: float) -> None:
        """It has none."""


class _Pipe:
    """A pipe that gives what there is, without waiting for more; and without a name or a place to seek."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def read(self, most: int) -> bytes:
        return os.read(self._descriptor, most)


def open_container(
    file: BinaryIO | _Pipe,
    formats: str,
    decoders: Iterable[str],
    options: Mapping[str, str] | None = None,
) -> av.container.InputContainer:
    """A file, opened by its content alone.

    Args:
        formats: FFmpeg's demuxers that may be used, between commas.
        decoders: FFmpeg's decoders that may be used to look into it.
        options: of these.

    Raises:
        av.FFmpegError, OSError, ValueError: it is nothing of the kind, or damaged.
    """
    allowed = {
        "format_whitelist": formats,
        "codec_whitelist": ",".join(decoders),
        "protocol_whitelist": "file",
    }
    content = file if isinstance(file, _Pipe) else _Content(file)
    return av.open(content, options=dict(options or {}), container_options=allowed, **_TAGS)


def check_index(file: BinaryIO, name: str) -> int:
    """How many bytes a file has; refuses a small MP4 whose index claims far more samples than that.

    FFmpeg makes a list of what is claimed.

    Args:
        name: for the message.

    Raises:
        KeyFaceError: it does.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    if size > _SMALL or head[4:8] not in (b"ftyp", b"moov", b"wide", b"free", b"mdat", b"moof"):
        return size
    data = file.read()
    file.seek(0)
    for box, place in ((b"stsz", 12), (b"trun", 8)):
        at = data.find(box)
        while at >= 0:
            claimed = int.from_bytes(data[at + place : at + place + 4], "big")
            if claimed > 4 * size + 1_000_000 and data[at - 4 : at - 2] == b"\0\0":
                raise KeyFaceError(
                    f"{name}: cannot be read as audio or video (it claims {claimed} samples in "
                    f"{size} bytes); convert it to WAV, FLAC, MP3 or MP4"
                )
            at = data.find(box, at + 4)
    return size


class _Content:
    """A file without its name, which FFmpeg would guess the format from."""

    def __init__(self, file: BinaryIO):
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def held(path: Path) -> Path | BinaryIO:
    """A recording that can be read more than once: the path itself, or a copy of what a pipe holds.

    Raises:
        KeyFaceError: as `files.open_file`.
    """
    return open_file(path, "recording", pipes=True) if is_pipe(path) else path


def samples_of(frame: av.AudioFrame) -> np.ndarray:
    """(channels, n) float32 of a decoded frame, full scale being [-1, 1]."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= 8:  # PyAV looks for a null pointer behind the planes
        frame = av.AudioResampler(format=frame.format.packed).resample(frame)[0]
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.integer):
        return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32)


def _whole_packets(samples: float, packet: int, rate: int) -> int:
    """The length of a gap: of whole packets, where it is that but for a container's rounding of times."""
    whole = round(samples / packet) * packet
    return whole if abs(whole - samples) <= 2e-3 * rate else round(samples)


def _silence(channels: int, samples: int, rate: int) -> Iterator[np.ndarray]:
    for start in range(0, samples, rate):
        yield np.zeros((channels, min(rate, samples - start)), np.float32)


def _decoders() -> list[str]:
    families = (name for name in av.codecs_available if name.startswith(_CODEC_FAMILIES))
    return [*CODECS.split(","), *sorted(families)]
