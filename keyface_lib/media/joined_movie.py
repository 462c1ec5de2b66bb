"""A video file put together from pieces that are encoded already; only the sound is encoded."""

from pathlib import Path

import av

from ..method.timeline import FPS
from .movie import Coding, Movie, SoundTrack, playable_frames
from .outputs import Output
from .sound import Sound
from .sound_mix import MixedSound


class JoinedMovie(Movie):
    """As `Movie`, with pieces instead of frames: silent videos that begin with a key frame, coded alike."""

    def __init__(self, output: Output, coding: Coding, template: Path, sound: Sound | MixedSound | None):
        """Prepares the file; the first piece creates it.

        Args:
            coding: how the pieces are stored, and how the sound will be.
            template: one of the pieces.
        """
        self._open(output)
        with av.open(str(template)) as piece:
            self._video = self._container.add_stream_from_template(piece.streams.video[0], opaque=True)
        self._track = SoundTrack(self._container, coding.audio, sound) if sound else None

    def append(self, piece: Path) -> None:
        """Appends the frames of a piece, and their sound."""
        before = self.frames
        with av.open(str(piece)) as source:
            stream = source.streams.video[0]
            for packet in source.demux(stream):
                if packet.dts is None:  # the end of the stream
                    continue
                offset = round(before / FPS / packet.time_base)
                packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                packet.stream = self._video
                self._container.mux(packet)
                self.frames += 1
                if self._track:
                    self._track.extend_to(self.frames)
        self._output.settle(playable_frames)

    def _end_video(self) -> None:
        """Nothing is left in an encoder."""
