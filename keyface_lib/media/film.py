"""Videos and moving pictures, read frame by frame as a viewer sees them at 25 frames a second."""

import math
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import count
from typing import BinaryIO, Protocol, TypeVar

import av
import torch
from av.stream import Disposition
from PIL import Image

from ..audio.containers import MAX_SECONDS, check_index, open_container
from ..errors import KeyFaceError
from ..files import is_pipe, open_file
from ..messages import one_line
from ..method.timeline import FPS
from ..method.values import real
from .image import FORMATS as PICTURES
from .image import MAX_PIXELS, from_pil, looks_like_picture

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
LONGEST_GAP = 60.0
"""Seconds from which on a jump between two frames is a clock that was set anew."""
EARLY = 0.001
"""Seconds by which a frame may come too late for its time: Matroska rounds times to milliseconds."""
UNSAID, SHORTEST = 0.1, 0.02
"""Seconds that a picture is shown which says nothing, or less than the second of these, as browsers do."""

_CLOCK = re.compile(r"(\d{1,6}):(\d\d):(\d\d\.?\d{0,9})", re.ASCII)
"""How Matroska says how long a track is."""

T = TypeVar("T")


class Film(Protocol):
    """Something that shows one picture after the other, read once from its beginning.

    Attributes:
        expected: frames at 25 fps that it claims to have; 0 where it claims nothing.
    """

    expected: int

    def frames(self, first: int = 0) -> Iterator[tuple[torch.Tensor, int]]:
        """Pictures (3, height, width) in [-1, 1], and for how many frames at 25 fps each is shown.

        Args:
            first: the frame to begin with; what comes before is passed over quickly.

        Raises:
            KeyFaceError: there is no picture that can be read, or they go beyond a bound.
        """

    def close(self) -> None: ...

    def __enter__(self) -> "Film": ...

    def __exit__(self, *_exception) -> None: ...


def open_film(source: str | os.PathLike | BinaryIO, longest: float = LONGEST_SIDE) -> Film | None:
    """Opens a video, or a moving picture (GIF, WebP, APNG, AVIF); its content alone decides what it is.

    Args:
        source: a path, or an open file, which is closed with the film.
        longest: side that a video's pictures may have, in pixels; larger ones are shrunk.

    Returns:
        None for a picture that does not move: `image.load_image` reads it.

    Raises:
        KeyFaceError: it cannot be opened, is nothing of the kind, or shows no pictures.
    """
    if isinstance(source, (str, os.PathLike)):
        file, name = open_file(source, "video or picture"), one_line(source)
    else:
        file, name = source, "the video"
    try:
        image = _moving_picture_in(file)
        if image is not None:
            return MovingPicture(image, file, name)
        if not looks_like_picture(file):
            return Video(file, name, longest)
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def at_25_fps(shown: Iterable[tuple[float, float, T]]) -> Iterator[tuple[T, int]]:
    """What is shown at 25 frames a second: frame i is the last picture that began by i / 25 s.

    Args:
        shown: (second at which it begins, seconds that it lasts, picture), the first at 0, in order of time.

    Yields:
        Pictures that are shown at all, and for how many frames. Together they are as many frames as the end
        of the last picture is away, but at least one.
    """
    done, end, pending = 0, 0.0, None
    for start, length, picture in shown:
        first = math.ceil((start - EARLY) * FPS)
        if pending is not None and first > done:
            yield pending[0], first - done
            done = first
        pending, end = (picture,), start + length
    if pending is not None and (left := max(round(end * FPS), 1) - done) > 0:
        yield pending[0], left


def first_of(shown: Iterable[tuple[T, int]], number: int) -> Iterator[tuple[T, int]]:
    """So many frames of what `at_25_fps` yields, or all where they are fewer."""
    for picture, times in shown:
        yield picture, min(times, number)
        number -= times
        if number <= 0:
            return


def is_video(path: str | os.PathLike) -> bool:
    """Whether a file holds a video that can be opened; pipes and moving pictures such as GIF are none."""
    try:
        film = None if is_pipe(path) else open_film(path)
    except KeyFaceError:  # whoever takes it for a picture says what is wrong with it
        return False
    if film is None:
        return False
    film.close()
    return isinstance(film, Video)


def picture_at(path: str | os.PathLike, seconds: float = 0.0) -> torch.Tensor:
    """What a video, or a moving picture, shows at a time, (3, height, width) in [-1, 1].

    Raises:
        KeyFaceError: it cannot be read, does not move, or has ended by then.
    """
    seconds = real("the time", seconds, 0, MAX_SECONDS)
    film = open_film(path, math.inf)
    if film is None:
        raise KeyFaceError(f"{one_line(path)}: is a picture that does not move; leave the time out")
    with film:
        shown = next(film.frames(round(seconds * FPS)), None)
    if shown is None:
        raise KeyFaceError(f"{one_line(path)}: has ended by {seconds:g} s; give an earlier time")
    return shown[0]


class Video:
    """The pictures of a video file, by their time stamps, turned and stretched as the file says.

    Attributes:
        expected: frames at 25 fps that it claims to have; 0 where it claims nothing.
    """

    def __init__(self, file: BinaryIO, name: str, longest: float = LONGEST_SIDE):
        """Takes an open file, which is closed with it; `name` is for messages. See `open_film`."""
        self._file, self._name, self._longest = file, name, longest
        check_index(file, name)
        try:
            self._container = open_container(file, FORMATS, _decoders())
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

    def _video_stream(self) -> av.VideoStream:
        stream = self._container.streams.best("video")
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise KeyFaceError(
                f"{self._name}: has no video stream, so no pictures; give a video or a picture"
            )
        if stream.codec_context is None or stream.codec_context.name not in _decoders():
            raise KeyFaceError(f"{self._name}: is coded in a way that is not read; convert it to H.264")
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
        if damaged:
            warnings.warn(f"{self._name}: {damaged} damaged packets of video were left out", stacklevel=2)

    def _picture(self, frame: av.VideoFrame) -> torch.Tensor:
        if frame.width * frame.height > MAX_PIXELS:
            raise KeyFaceError(
                f"{self._name}: has more than {MAX_PIXELS // 10**6} million pixels; make it smaller"
            )
        aspect = float(self._stream.sample_aspect_ratio or 1) or 1.0
        width, height = frame.width * min(max(aspect, 0.1), 10.0), float(frame.height)
        factor = min(1.0, self._longest / max(width, height))
        size = {"width": max(1, round(width * factor)), "height": max(1, round(height * factor))}
        pixels = torch.from_numpy(frame.reformat(format="rgb24", **size).to_ndarray())
        upright = torch.rot90(pixels, round(frame.rotation / 90), (0, 1))
        return upright.permute(2, 0, 1).float().div_(127.5).sub_(1)

    def close(self) -> None:
        """Lets go of the file."""
        self._container.close()
        self._file.close()

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()


class MovingPicture:
    """The pictures of an animated GIF, WebP, PNG or AVIF, once from the first to the last.

    Attributes:
        expected: 0: how long they are shown is known only when they are read.
    """

    expected = 0

    def __init__(self, image: Image.Image, file: BinaryIO, name: str):
        """Takes an open file, which is closed with it; `name` is for messages."""
        self._image, self._file, self._name = image, file, name

    def frames(self, first: int = 0) -> Iterator[tuple[torch.Tensor, int]]:
        """As `Film.frames`; warns where the file is damaged."""
        total = 0
        for image, times in at_25_fps(self._timed()):
            total += times
            if total > first:
                yield from_pil(image), min(times, total - first)

    def _timed(self) -> Iterator[tuple[float, float, Image.Image]]:
        start = 0.0
        for number in count():
            try:
                self._image.seek(number)
                image = self._image.copy()
            except Exception as error:  # a damaged file can make a decoder raise nearly anything
                if number and isinstance(error, EOFError):  # how Pillow says that there are no more
                    return
                if not number:
                    raise KeyFaceError(
                        f"{self._name}: cannot be read ({one_line(error, 120)}); copy or download it again"
                    ) from error
                warnings.warn(
                    f"{self._name}: is damaged from its picture {number + 1} on; what comes before is taken",
                    stacklevel=2,
                )
                return
            length = float(self._image.info.get("duration") or 0) / 1000
            length = min(length, LONGEST_GAP) if length >= SHORTEST else UNSAID
            if start + length > MAX_SECONDS:
                raise KeyFaceError(
                    f"{self._name}: is longer than {MAX_SECONDS // 3600} hours; cut it into parts"
                )
            yield start, length, image
            start += length

    def close(self) -> None:
        """Lets go of the file."""
        self._image.close()
        self._file.close()

    def __enter__(self) -> "MovingPicture":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()


def _moving_picture_in(file: BinaryIO) -> Image.Image | None:
    """The picture with several frames that a file holds, undecoded, or None."""
    Image.init()
    try:
        image = Image.open(file, formats=[name for name in PICTURES if name in Image.OPEN])
        moves = getattr(image, "is_animated", False) and image.format != "MPO"  # a photo with its preview
    except Exception:  # what is wrong with a picture, `load_image` says
        file.seek(0)
        return None
    if moves:
        return image
    file.seek(0)
    return None


def _decoders() -> list[str]:
    return CODECS.split(",")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)
