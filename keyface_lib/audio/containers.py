"""Opening a recording: a sound file or a video with sound."""

import os

import av
from av.container import InputContainer

# PyAV before 19 fails on tags that are not UTF-8 unless told otherwise; from 19 on it knows no such option.
_TAGS = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}


def open_recording(path: str | os.PathLike) -> InputContainer:
    """The open file, whatever its tags are written in.

    Raises:
        OSError, av.FFmpegError: it cannot be read.
    """
    return av.open(os.path.abspath(path), **_TAGS)
