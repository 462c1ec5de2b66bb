"""A clip's video in pieces, each kept in the work folder once it is encoded, and joined in the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..media.video import CRF, VideoWriter
from ..work.keys import fingerprint, fingerprint_of_file, key_of
from ..work.store import Store

if TYPE_CHECKING:
    from .clip import Clip
    from .group import Group

PIECE_SEGMENTS = 20
"""Segments of one piece: 260 frames, 10.4 s."""
ENCODING = 1
"""Counted up when the same latents come to give another video."""


@dataclass(frozen=True)
class Piece:
    """A part of a video.

    Attributes:
        segments: it shows.
        key: of everything it depends on.
    """

    number: int
    segments: range
    key: str


def pieces_of(clip: "Clip | Group", lossless: bool) -> list[Piece]:
    """The pieces of a clip whose animations have keys, in order."""
    clips = clips_of(clip)
    vae = fingerprint(clips[0].animation.models.vae.state_dict())
    shared = (ENCODING, vae, lossless, CRF, clip.height, clip.width)
    keys = [own.animation.keys.segments for own in clips if own.animation.keys is not None]
    pasted = [
        # colours are matched with the first frame
        (key_of(*own.pasting.essence), segment_keys[0])
        for own, segment_keys in zip(clips, keys, strict=True)
        if own.pasting is not None
    ]
    behind = [(own, fingerprint_of_file(own.background.path)) for own in clips if own.background is not None]
    pieces = []
    for number, first in enumerate(range(0, clip.n_segments_each, PIECE_SEGMENTS)):
        segments = range(first, min(first + PIECE_SEGMENTS, clip.n_segments_each))
        shown = [own[max(0, first - 1) : segments.stop] for own in keys]  # a frame is shared with the former
        frames = clips[0].animation.timeline.frames_of_segments(segments)
        moving = [
            (film, own.background.squares[frames.start : frames.stop])
            for own, film in behind
            if own.background is not None
        ]
        pieces.append(Piece(number, segments, key_of(shared, first, frames, shown, pasted, moving)))
    return pieces


def clips_of(clip: "Clip | Group") -> "Sequence[Clip]":
    """The clips that a video shows: one, or one for each person."""
    return clip.clips if hasattr(clip, "clips") else (clip,)


def videos(clip: "Clip | Group", store: Store, pieces: Sequence[Piece], lossless: bool) -> Iterator[str]:
    """Makes the pieces that are missing, and yields the key of each piece once its video is in the store."""
    suffix = "mkv" if lossless else "mp4"
    for piece in pieces:
        if piece.key not in store:
            with (
                store.writing("pieces", piece.number, piece.key, suffix) as path,
                VideoWriter(path, clip.height, clip.width, lossless=lossless) as writer,
            ):
                for frames in clip.frames(piece.segments):
                    writer.write(frames)
        yield piece.key
