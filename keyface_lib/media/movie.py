"""A video file in the making, through PyAV: what is written so far can be played."""

import errno
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from ..method.timeline import FPS
from .outputs import Output
from .sound import Sound, audio_frame
from .sound_mix import MixedSound

_BT709 = 1  # FFmpeg's number for it as matrix, as primaries and as transfer curve


@dataclass(frozen=True)
class Coding:
    """How pictures and sound are stored, in FFmpeg's names."""

    video: str
    pixels: str
    audio: str
    lossless: bool


H264_FLAC = Coding("libx264", "yuv420p", "flac", lossless=False)
H264_AAC = Coding("libx264", "yuv420p", "aac", lossless=False)
FFV1_FLAC = Coding("ffv1", "bgr0", "flac", lossless=True)


class Movie:
    """An open video file that takes frames one by one, each with the sound that is heard during it.

    If the program is killed, the file plays up to one or two seconds before the last frame written: an .mp4
    or .mov grows in fragments of a second, an .mkv in clusters of a second.

    Attributes:
        frames: how many it has so far.
    """

    def __init__(
        self,
        output: Output,
        coding: Coding,
        height: int,
        width: int,
        sound: Sound | MixedSound | None,
        crf: int,
    ):
        """Prepares the file; the first frames create it.

        Args:
            output: where; its suffix decides the container.
            height, width: of the frames. H.264's 4:2:0 colour needs even sides, so an odd side grows by a
                copy of its last row or column.
            crf: x264's constant quality, from 0 (best) to 51; of no meaning to a lossless coding.
        """
        self._open(output)
        self._growth = (0, 0) if coding.lossless else (height % 2, width % 2)
        self._video = self._add_video(coding, height + self._growth[0], width + self._growth[1], crf)
        self._track = SoundTrack(self._container, coding.audio, sound) if sound else None

    def _open(self, output: Output) -> None:
        self._output = output
        self._fragmented = output.target.suffix.lower() in (".mp4", ".mov")
        # Without flush_packets a complete fragment may stay in a buffer; the last option is Matroska's.
        options = {"flush_packets": "1", "movflags": "frag_keyframe+delay_moov", "cluster_time_limit": "1000"}
        self._container = av.open(str(output.current), "w", container_options=options)
        self.frames = 0

    def _add_video(self, coding: Coding, height: int, width: int, crf: int) -> av.VideoStream:
        # swscale puts 4:2:0 chroma in the centre of its pixels, which is chromaloc 1
        options = {} if coding.lossless else {"crf": str(crf), "x264-params": "chromaloc=1"}
        stream = self._container.add_stream(coding.video, rate=FPS, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, coding.pixels
        stream.codec_context.gop_size = 1 if coding.lossless else FPS
        if not coding.lossless:
            codec = stream.codec_context
            codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
            codec.color_range = ColorRange.MPEG
        return stream

    def add(self, pixels: np.ndarray) -> None:
        """Appends a frame (height, width, 3) uint8 and its sound."""
        (rows, columns), stream = self._growth, self._video
        if rows or columns:
            pixels = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = frame.reformat(
            format=stream.pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = self.frames, Fraction(1, FPS)
        packets = stream.encode(frame)
        self.frames += 1
        self._container.mux(packets)
        if self._track:
            self._track.extend_to(self.frames)
        self._output.settle(playable_frames)

    def close(self) -> None:
        """Writes what the encoders still hold, and ends the file with the sound of its last frame.

        A finished .mp4 or .mov is rewritten without fragments, which not every player and editor can seek in.
        """
        if not self.frames:
            self._container.close()
            self._output.end(playable_frames)
            return
        self._end_video()
        if self._track:
            self._track.end(self.frames)
        self._container.close()
        _check_complete(self._output.current, self.frames)
        self._output.end(playable_frames)
        if self._fragmented:
            try:
                _join_fragments(self._output.current, self.frames)
            except (OSError, av.FFmpegError) as error:
                warnings.warn(
                    f"{self._output.current}: plays, but stays in fragments, which some editors cannot seek "
                    f"in ({error.strerror}); copy it with any video tool",
                    stacklevel=2,
                )

    def _end_video(self) -> None:
        self._container.mux(self._video.encode(None))

    def abandon(self) -> int:
        """Lets go of the file after a failed write; returns how many of its frames can be played."""
        with suppress(OSError, av.FFmpegError):  # it fails for the reason that led here
            self._container.close()
        frames = playable_frames(self._output.current)
        with suppress(OSError):
            self._output.end(playable_frames)
        return frames


class SoundTrack:
    """The sound of a container, as long as its frames, to the sample."""

    def __init__(self, container: av.container.OutputContainer, codec: str, sound: Sound | MixedSound):
        self._container = container
        self._sound = sound
        self._stream = container.add_stream(codec, rate=sound.rate, layout=sound.layout)
        if codec == "aac":
            # The encoder can spend 6 bits a sample and channel; 128 kb/s are beyond hearing.
            self._stream.bit_rate = self._stream.layout.nb_channels * min(128_000, 5 * sound.rate)
        self._samples = 0

    def extend_to(self, frames: int) -> None:
        """Reads and writes the sound up to the end of a number of frames."""
        end = round(frames * self._sound.rate / FPS)
        if end == self._samples:
            return
        samples = self._sound.read(end - self._samples)
        frame = audio_frame(samples, self._sound.layout, self._sound.rate)
        frame.pts, frame.time_base = self._samples, Fraction(1, self._sound.rate)
        self._container.mux(self._stream.encode(frame))
        self._samples = end

    def end(self, frames: int) -> None:
        """Writes what is left of the sound of a number of frames."""
        self.extend_to(frames)
        self._container.mux(self._stream.encode(None))


def playable_frames(path: Path) -> int:
    """How many whole frames can be read from a video file that perhaps ends too early."""
    frames = 0
    try:
        with av.open(os.path.abspath(path)) as container:
            for packet in container.demux(video=0):
                frames += packet.size > 0 and not packet.is_corrupt
    except (OSError, av.FFmpegError, IndexError):  # IndexError: no video stream
        return frames
    return frames


def _check_complete(path: Path, frames: int) -> None:
    """Raises OSError if the end did not fit on the disk, which FFmpeg does not always tell.

    Only the end is read: from the last key frame on, every frame must be there.
    """
    found = set()
    with suppress(av.FFmpegError), av.open(os.path.abspath(path)) as container:
        stream = container.streams.video[0]
        container.seek(round((frames - 1) / FPS / stream.time_base), stream=stream)
        for packet in container.demux(stream):
            if packet.size and not packet.is_corrupt:
                found.add(round(packet.pts * stream.time_base * FPS))
    if not found or found != set(range(min(found), frames)):
        raise OSError(errno.ENOSPC, "the end of the file is missing")


def _join_fragments(path: Path, frames: int) -> None:
    """Rewrites a fragmented file with one index at its front, its streams as they are."""
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    options = {"movflags": "faststart"}
    try:
        with av.open(str(path)) as source, av.open(str(part), "w", container_options=options) as joined:
            streams = {
                stream.index: joined.add_stream_from_template(stream, opaque=True)
                for stream in source.streams
            }
            for packet in source.demux():
                if packet.dts is None:  # the end of a stream
                    continue
                if packet.stream.type == "audio":  # FFmpeg 7 takes the last packet for longer than it is
                    end = round(frames / FPS / packet.time_base)
                    packet.duration = min(packet.duration, end - packet.pts)
                packet.stream = streams[packet.stream.index]
                joined.mux(packet)
        _check_complete(part, frames)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
