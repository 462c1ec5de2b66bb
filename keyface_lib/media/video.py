"""Frames and their sound become a video while the frames are made."""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import av
import torch

from ..errors import KeyFaceError
from ..messages import one_line
from ..method.timeline import FPS, SAMPLE_RATE
from .joined_movie import JoinedMovie
from .movie import FFV1_FLAC, H264_AAC, H264_FLAC, Movie
from .outputs import Output, check_free, check_regular
from .pictures import WAVE_CODEC, PictureFolder, is_own
from .sound import Blocks, Sound
from .sound_mix import MixedSound, SoundMix

SUFFIXES = (".mp4", ".mov", ".mkv")
CRF = 17
"""x264's constant quality, from 0 (best) to 51, where nobody asks for another."""


def check_output(path: str | os.PathLike, lossless: bool = False, again: bool = False) -> Path:
    """Makes sure that a video can be written to a place, before anything is computed for it.

    Args:
        path: an .mp4, .mov or .mkv file, which may exist and is then replaced, or a folder for a sequence of
            pictures, which is new or empty.
        again: a folder may hold pictures and sound of an earlier run, which are replaced.

    Raises:
        KeyFaceError: the place has another ending, its folder does not exist, it cannot be written to or is
            being written by another run, it is a pipe, device or socket, a folder is not empty, or a lossless
            video is asked for in a file other than .mkv.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        if lossless and suffix != ".mkv":
            raise KeyFaceError(f"{path}: {suffix} is not lossless; choose .mkv, or a folder for PNG files")
        _try_file(path)
    elif not suffix or os.path.isdir(path):
        _try_folder(path, again)
    else:
        raise KeyFaceError(f"{path}: a video ends in {', '.join(SUFFIXES)}, a folder in none; rename it")
    return path


class VideoWriter:
    """A video that is written while its frames are made, with exactly as much sound as frames.

    .mp4 and .mov hold H.264 and AAC; .mkv H.264 and FLAC; a lossless .mkv FFV1 and FLAC; a folder PNG files
    and sound.wav. Sound keeps its rate and up to two channels; what is longer than the frames is cut, what
    is shorter ends in silence. Leaving the `with` block early, by an exception or Ctrl-C, finishes the file
    with the frames it has; without any frame there is no file. A file that is there already stays until the
    first second of the new one can be played; until then that is beside it, as `.NAME.writing`.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        height: int,
        width: int,
        audio: torch.Tensor | str | os.PathLike | BinaryIO | Blocks | SoundMix | None = None,
        sample_rate: int = SAMPLE_RATE,
        n_frames: int | None = None,
        lossless: bool = False,
        crf: int = CRF,
        template: Path | None = None,
        again: bool = False,
    ):
        """Prepares the video; the first frames create it.

        Args:
            path: see `check_output`.
            height, width: of the frames. With H.264 an odd side grows by a copy of its last row or column:
                as every player reads it, it has even sides.
            audio: (samples,) or (channels, samples) in [-1, 1], or an audio or video file (a path, or what
                `audio.containers.held` made of it), which is read while frames come in; or several of them;
                or blocks of sound that arrives. None: a silent video.
            sample_rate: of an audio tensor.
            n_frames: how many frames are planned, to be named where fewer could be written.
            crf: x264's constant quality, from 0 (best) to 51.
            template: the first of the videos that will be appended; None where frames will be written.
            again: see `check_output`.

        Raises:
            KeyFaceError: as `check_output`; the audio file cannot be read, or is the output itself.
        """
        self.path = check_output(path, lossless, again)
        self._shape = (height, width, 3)
        self._planned = n_frames
        self._closed = False
        self._sound: Sound | MixedSound | None = None
        sources = [source for source, _ in audio.sounds] if isinstance(audio, SoundMix) else [audio]
        if any(isinstance(source, (str, os.PathLike)) and _same_file(path, source) for source in sources):
            raise KeyFaceError(f"{path}: is the audio file as well; choose another name for the video")
        self._output = Output(self.path)
        try:
            self._open(height, width, audio, sample_rate, lossless, crf, template)
        except BaseException:
            self._release()
            raise

    def _open(
        self,
        height: int,
        width: int,
        audio,
        sample_rate: int,
        lossless: bool,
        crf: int,
        template: Path | None,
    ) -> None:
        suffix = self.path.suffix.lower()
        coding = FFV1_FLAC if lossless else H264_FLAC if suffix == ".mkv" else H264_AAC
        pictures = suffix not in SUFFIXES
        rates = av.Codec(WAVE_CODEC if pictures else coding.audio, "w").audio_rates
        if isinstance(audio, SoundMix):
            self._sound = audio.open(rates)
        elif audio is not None:
            self._sound = Sound(audio, sample_rate, rates)
        self._file: Movie | PictureFolder
        if pictures:
            self._file = PictureFolder(self.path, self._sound)
        elif template is not None:
            self._file = JoinedMovie(self._output, coding, template, self._sound)
        else:
            self._file = Movie(self._output, coding, height, width, self._sound, crf)

    def _release(self) -> None:
        """Lets go of the recording and of the place."""
        if self._sound is not None:
            self._sound.close()
        self._output.release()

    @property
    def written(self) -> int:
        """How many frames it has so far."""
        return self._file.frames

    def write(self, frames: torch.Tensor) -> None:
        """Appends frames, (n, height, width, 3) uint8, and the sound that is heard during them.

        Raises:
            KeyFaceError: they cannot be written (the disk is full); the message says what can be played.
        """
        if frames.dtype != torch.uint8 or frames.shape[1:] != self._shape:
            raise ValueError(f"frames are {tuple(frames.shape)} {frames.dtype}, not (n, {self._shape}) uint8")
        try:
            for pixels in frames.cpu().contiguous().numpy():
                self._file.add(pixels)
        except (OSError, av.FFmpegError) as error:
            raise self._failure(error) from error

    def append(self, piece: Path) -> None:
        """Appends a video that was written with the same arguments and no sound, and its sound.

        Raises:
            KeyFaceError: as `write`.
        """
        assert isinstance(self._file, JoinedMovie)
        try:
            self._file.append(piece)
        except (OSError, av.FFmpegError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Finishes the video with the frames it has.

        Raises:
            KeyFaceError: as `write`.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._file.close()
        except (OSError, av.FFmpegError) as error:
            raise self._failure(error) from error
        finally:
            self._release()

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    def _failure(self, error: OSError | av.FFmpegError) -> KeyFaceError:
        self._closed = True
        playable = self._file.abandon()
        self._release()
        planned = f" of {self._planned}" if self._planned else ""
        return KeyFaceError(
            f"{self.path}: writing stopped ({error.strerror}); {playable}{planned} frames "
            f"({playable / FPS:.2f} s) are on disk and can be played; free space or choose another place"
        )


def _same_file(path: str | os.PathLike, other: str | os.PathLike) -> bool:
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _try_file(path: Path) -> None:
    if os.path.isdir(path):
        raise KeyFaceError(f"{one_line(path)}: is a folder; give a file, or a folder without such an ending")
    try:
        old, target = check_regular(path), os.path.realpath(path)
        check_free(path)
        with open(target, "ab" if old else "xb"):  # leaves what is there
            pass
        if not old:
            os.unlink(target)
    except (OSError, ValueError) as error:
        if isinstance(error, KeyFaceError):
            raise
        raise _unwritable(path, error) from error


def _try_folder(path: Path, again: bool) -> None:
    try:
        target = Path(os.path.realpath(path))
        if os.path.isfile(target):
            raise KeyFaceError(
                f"{one_line(path)}: is a file; give a folder, or an ending: {' '.join(SUFFIXES)}"
            )
        check_free(path)
        if os.path.lexists(target):
            if any(not (again and is_own(file)) for file in target.iterdir()):
                raise KeyFaceError(f"{one_line(path)}: the folder is not empty; empty it or choose another")
            with tempfile.TemporaryFile(dir=target):
                pass
        else:
            target.mkdir()
            target.rmdir()
    except (OSError, ValueError) as error:
        if isinstance(error, KeyFaceError):
            raise
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError | ValueError) -> KeyFaceError:
    if isinstance(error, FileNotFoundError):
        link = ", where the link leads," if os.path.islink(path) else ""
        folder = one_line(os.path.dirname(os.path.realpath(path)) if link else path.parent)
        return KeyFaceError(
            f"{one_line(path)}: the folder {folder}{link} does not exist; create it or choose another"
        )
    reason = getattr(error, "strerror", None) or error
    return KeyFaceError(f"{one_line(path)}: cannot be written to ({reason}); choose another place")
