"""Video files, read frame by frame."""

import re
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import av
import torch
from av.stream import Disposition

from ..audio.containers import MAX_SECONDS, check_index, open_container
from ..errors import KeyFaceError
from ..method.timeline import FPS
from .frame_rate import LONGEST_GAP, at_25_fps
from .image import MAX_PIXELS

FORMATS = "mov,matroska,avi,mpegts,mpeg,asf,flv,mxf,nut,ogg,rm,dv,ivf"
"""FFmpeg's demuxers that are used: files that hold their pictures themselves."""
CODECS = (
    "h264,hevc,vvc,av1,libdav1d,vp8,vp9,libvpx,libvpx-vp9,vp6,vp6f,theora,mpeg1video,mpeg2video,mpeg4,msmpeg4,"
    "msmpeg4v1,msmpeg4v2,wmv1,wmv2,wmv3,vc1,flv,h261,h263,h263i,h263p,svq1,svq3,cinepak,rv10,rv20,rv30,rv40,"
    "mjpeg,mjpegb,jpeg2000,prores,dnxhd,cfhd,dvvideo,ffv1,ffvhuff,huffyuv,utvideo,magicyuv,qtrle,png,rawvideo,"
    "v210"
)
"""FFmpeg's decoders that are used."""
LONGEST_SIDE = 2560
"""Of pictures as they are given by default, in pixels; larger ones are shrunk while they are converted."""

_CLOCK = re.compile(r"(\d{1,6}):(\d\d):(\d\d\.?\d{0,9})", re.ASCII)
"""How Matroska says how long a track is."""


class Video:
    """The pictures of a video file, by their time stamps, turned and stretched as the file says.

    Attributes:
        expected: frames at 25 fps that it claims to have; 0 where it claims nothing.
        reduction: how many of its own pixels one of its pictures, as they are given, is wide.
    """

    def __init__(self, file: BinaryIO, name: str, longest: float = LONGEST_SIDE):
        """Takes an open file, which is closed with it; `name` is for messages. See `open_film`."""
        self._file, self._name, self._longest = file, name, longest
        check_index(file, name)
        try:
            self._container = open_container(file, FORMATS, _decoders(), _bounds())
        except (av.FFmpegError, OSError, ValueError) as error:
            raise KeyFaceError(
                f"{name}: cannot be read as a video or picture ({_reason(error)}); convert it to MP4 or PNG"
            ) from error
        try:
            self._stream = self._video_stream()
        except BaseException:
            self._container.close()
            raise
        self.expected = self._claimed()
        context = self._stream.codec_context
        self.reduction = 1 / self._factor(context.width, context.height) if context.width else 1.0

    def _video_stream(self) -> av.VideoStream:
        stream = self._container.streams.best("video")
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise KeyFaceError(
                f"{self._name}: has no video stream, so no pictures; give a video or a picture"
            )
        if stream.codec_context is None or stream.codec_context.name not in _decoders():
            raise KeyFaceError(f"{self._name}: is coded in a way that is not read; convert it to H.264")
        if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
            raise KeyFaceError(
                f"{self._name}: has more than {MAX_PIXELS // 10**6} million pixels; make it smaller"
            )
        stream.codec_context.options = _bounds()
        stream.thread_type = "AUTO"
        return stream

    def _claimed(self) -> int:
        seconds = self._length()
        if seconds is None:
            seconds = (self._container.duration or 0) / av.time_base
        return max(0, round(min(seconds, MAX_SECONDS) * FPS))

    def _length(self) -> float | None:
        """Seconds of the pictures alone, where the file says so."""
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        said = next((value for key, value in self._stream.metadata.items() if key.startswith("DURATION")), "")
        if (match := _CLOCK.match(said)) is None:
            return None
        hours, minutes, seconds = map(float, match.groups())
        return 3600 * hours + 60 * minutes + seconds

    def frames(self, first: int = 0) -> Iterator[tuple[torch.Tensor, int]]:
        """As `Film.frames`; warns of what is damaged or missing."""
        total = 0
        for frame, times in at_25_fps(self._timed()):
            total += times
            if total > first:
                yield self._picture(frame), min(times, total - first)
        if not total:
            raise KeyFaceError(
                f"{self._name}: none of its pictures can be read; convert or download it again"
            )
        if self._length() is not None and total < self.expected - FPS:
            warnings.warn(
                f"{self._name}: holds {total / FPS:.2f} of the {self.expected / FPS:.2f} s that it claims; "
                "copy or download it again",
                stacklevel=2,
            )

    def _timed(self) -> Iterator[tuple[float, float, av.VideoFrame]]:
        """(second from the first frame on, seconds that it lasts, frame)."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        usual = 1 / float(rate) if rate else 1 / FPS
        offset, last, end = None, 0.0, 0.0
        for frame in self._decoded():
            start = end
            if frame.time is not None:
                offset = frame.time if offset is None else offset
                start = frame.time - offset
                if start < last or start - end > LONGEST_GAP:
                    offset, start = frame.time - end, end
            length = usual
            if (duration := getattr(frame, "duration", None)) and frame.time_base:  # PyAV 14 tells none
                length = min(float(duration * frame.time_base), LONGEST_GAP)
            last, end = start, start + length
            if end > MAX_SECONDS:
                raise KeyFaceError(
                    f"{self._name}: is longer than {MAX_SECONDS // 3600} hours; cut it into parts"
                )
            yield start, length, frame

    def _decoded(self) -> Iterator[av.VideoFrame]:
        damaged = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except av.FFmpegError:
                    damaged += 1
        except (av.FFmpegError, OSError) as error:
            warnings.warn(
                f"{self._name}: reading stopped before its end ({_reason(error)}); copy or download it again",
                stacklevel=2,
            )
        finally:  # also where nobody reads on
            if damaged:
                warnings.warn(f"{self._name}: {damaged} damaged packets of video were left out", stacklevel=2)

    def _picture(self, frame: av.VideoFrame) -> torch.Tensor:
        factor, width = self._factor(frame.width, frame.height), frame.width * self._aspect()
        size = {"width": max(1, round(width * factor)), "height": max(1, round(frame.height * factor))}
        pixels = torch.from_numpy(frame.reformat(format="rgb24", **size).to_ndarray())
        upright = torch.rot90(pixels, round(frame.rotation / 90), (0, 1))
        return upright.permute(2, 0, 1).float().div_(127.5).sub_(1)

    def _factor(self, width: int, height: int) -> float:
        """By how much frames are shrunk, turned upright or not."""
        return min(1.0, self._longest / max(width * self._aspect(), height))

    def _aspect(self) -> float:
        aspect = float(self._stream.sample_aspect_ratio or 1) or 1.0
        return min(max(aspect, 0.1), 10.0)

    def close(self) -> None:
        """Lets go of the file."""
        self._container.close()
        self._file.close()

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()


def _bounds() -> dict[str, str]:
    """Options of decoders that keep them from pictures which are too large: they take room for several.

    They count what they pad pictures with, too.
    """
    return {"max_pixels": str(MAX_PIXELS * 5 // 4)}


def _decoders() -> list[str]:
    return CODECS.split(",")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)
